"""G3AN's generator, and its modules in training, beside the form of the released code.

The plain form works in contiguous memory with 3-D operators, repeats maps before it joins them, holds whole attention
maps, and divides each weight by its spectral norm whenever it is read. All forms have the same weights. The limit
counts the arithmetic that is left when repeated maps are convolved once. Gradients differ by up to 1e-3 between the
forms: of millions of activations a few lie so near to zero that rounding decides whether a ReLU lets them pass.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from harness import Case, Form, Result, Setting, forward
from released import NO_RATE, PlainImageDiscriminator, judging, repeated, verdict
from torch import Tensor, nn
from torch.nn.utils import spectral_norm
from torch.optim import Adam
from torch.utils.flop_counter import FlopCounterMode
from vg_layers import SingleDevice
from vg_layers.fold import fold_for_inference
from vg_video import g3an
from vg_video.data.clips import Batch
from vg_video.g3an import official
from vg_video.g3an.generator import SPATIAL, TEMPORAL, G3Module
from vg_video.official import SPECTRAL_NORM, fill
from vg_video.training.part import cut_part

WIDTHS = (512, 512, 256, 128, 64)


def stage(c_in: int, c_out: int, *, time: tuple[int, int, int] = (1, 1, 0), space: tuple[int, int, int] = (1, 1, 0)):
    kernel, stride, padding = zip(time, space, space, strict=True)
    return [
        spectral_norm(nn.ConvTranspose3d(c_in, c_out, kernel, stride, padding)),
        nn.BatchNorm3d(c_out),
        nn.ReLU(True),
    ]


class PlainModule(nn.Module):
    """A G3 module; F_V goes in and out as one map."""

    def __init__(self, level: int, appearance: int, motion: int, video: int, width: int) -> None:
        super().__init__()
        time, space = TEMPORAL[level], SPATIAL[level]
        self.conv_v = nn.Sequential(*stage(video, width, time=time), *stage(width, width, space=space))
        self.conv_s = nn.Sequential(*stage(appearance, width, space=space))
        self.conv_t = nn.Sequential(*stage(motion, width, time=time))

    def forward(self, appearance: Tensor, motion: Tensor, video: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        appearance, motion, video = self.conv_s(appearance), self.conv_t(motion), self.conv_v(video)
        video = video + motion.repeat(1, 1, 1, *video.shape[3:])
        return appearance, motion, torch.cat([appearance.repeat(1, 1, video.shape[2], 1, 1), video], dim=1)


class PlainAttention(nn.Module):
    """One half of F-SA, along time or over each frame, with the released code's order of the attended values."""

    def __init__(self, channels: int, order: tuple[int, ...]) -> None:
        super().__init__()
        self.order = order  # axes of (b, c, t, h, w), those of a sequence last
        self.q_conv = spectral_norm(nn.Conv3d(channels, channels // 8, 1))
        self.k_conv = spectral_norm(nn.Conv3d(channels, channels // 8, 1))
        self.v_conv = spectral_norm(nn.Conv3d(channels, channels, 1))
        self.gamma = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        b, c, t, h, w = x.shape
        length = t if self.order[-1] == 2 else h * w
        q, k, v = (f(x).permute(self.order) for f in (self.q_conv, self.k_conv, self.v_conv))
        q, k, v = (z.reshape(b * t * h * w // length, -1, length) for z in (q, k, v))
        y = (q.mT @ k).softmax(-1) @ v.mT
        return self.gamma * y.view(b, h, w, c, t).permute(0, 3, 4, 1, 2) + x


class PlainGenerator(nn.Module):
    """The generator with the names of the released code."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        appearance, motion, video = 128, 10, 138
        for level, width in enumerate(widths):
            self.add_module(f"block{level + 1}", PlainModule(level, appearance, motion, video, width))
            appearance, motion, video = width, width, 2 * width
        self.fsa = nn.Module()
        self.fsa.tsa = PlainAttention(2 * widths[3], (0, 3, 4, 1, 2))
        self.fsa.ssa = PlainAttention(2 * widths[3], (0, 2, 1, 3, 4))
        self.to_rgb = nn.Sequential(nn.Conv3d(video, 3, (1, 3, 3), padding=(0, 1, 1)), nn.Tanh())

    def blocks(self) -> list[nn.Module]:
        return [self.get_submodule(f"block{number}") for number in range(1, 6)]

    def forward(self, appearance: Tensor, motion: Tensor) -> Tensor:
        s, t = appearance[..., None, None, None], motion.mT[..., None, None]
        v = torch.cat([s.repeat(1, 1, t.shape[2], 1, 1), t], dim=1)
        for level, block in enumerate(self.blocks()):
            s, t, v = block(s, t, v)
            if level == 3:
                v = self.fsa.ssa(self.fsa.tsa(v))
        return self.to_rgb(v)


class PlainVideoDiscriminator(nn.Module):
    """The released (2+1)D D_V, with its names."""

    def __init__(self, w: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((3, w, 2 * w, 4 * w, 8 * w)):
            layers += judging(nn.Conv3d(before, after, (1, 4, 4), (1, 2, 2), (0, 1, 1)))
            layers += judging(nn.Conv3d(after, after, (4, 1, 1)))
        layers += [*judging(nn.Conv3d(8 * w, 8 * w, (1, 4, 4))), spectral_norm(nn.Conv3d(8 * w, 1, (4, 1, 1)))]
        self.net = nn.Sequential(*layers)

    def forward(self, video: Tensor) -> Tensor:
        return self.net(video).flatten()


class PlainStep:
    """A training step as the released code writes it, with the draws of ours."""

    def __init__(self, state: g3an.TrainState, batch: Batch, width: int) -> None:
        config, device = state.config, batch.video.device
        self.g = PlainGenerator(config.generator.widths).to(device)
        self.d_v, self.d_i = PlainVideoDiscriminator(width).to(device), PlainImageDiscriminator(width).to(device)
        self.nets = {"generator": self.g, "video_discriminator": self.d_v, "image_discriminator": self.d_i}
        self.optimizers = {name: Adam(net.parameters(), NO_RATE, (0.5, 0.999)) for name, net in self.nets.items()}
        part = cut_part(batch, range(len(batch.video)), (state.seed, 0), 0, state.generator, device)
        self.real, self.noise = batch.video, (part.latents["appearance"], part.latents["motion"])
        times = torch.arange(16.0, device=device).view(1, 1, 16, 1, 1).expand(len(batch.video), -1, -1, -1, -1)
        self.times = [part.frames(times, 1).long().flatten() for _ in ("real", "generated")]

    def __call__(self) -> None:
        fake = self.g(*self.noise)
        real_frames, fake_frames = self.frames(self.real, 0), self.frames(fake, 1)
        for name, net, real, made in (
            ("video_discriminator", self.d_v, self.real, fake),
            ("image_discriminator", self.d_i, real_frames, fake_frames),
        ):
            net.zero_grad()
            (verdict(net(real), 1) + verdict(net(made.detach()), 0)).backward()
            self.optimizers[name].step()
        self.g.zero_grad()
        (verdict(self.d_v(fake), 1) + verdict(self.d_i(fake_frames), 1)).backward()
        self.optimizers["generator"].step()

    def frames(self, video: Tensor, which: int) -> Tensor:
        return video[torch.arange(len(video), device=video.device), :, self.times[which]]


class PlainBlocks(nn.Module):
    """Blocks one after another; F_S and what moves in F_V go in and come out beside each other."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, appearance: Tensor, motion: Tensor, moving: Tensor) -> Tensor:
        video = torch.cat([appearance.repeat(1, 1, moving.shape[2], 1, 1), moving], dim=1)
        for block in self.blocks:
            appearance, motion, video = block(appearance, motion, video)
        return video


class OurBlocks(nn.Module):
    """The same with our modules, which convolve F_S once."""

    def __init__(self, blocks: list[G3Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, appearance: Tensor, motion: Tensor, moving: Tensor) -> tuple[Tensor, ...]:
        parts: tuple[Tensor, ...] = (appearance, moving)
        for block in self.blocks:
            appearance, motion, video = block(appearance, motion, *parts)
            parts = block.parts(appearance, motion, video)
        return parts


def training(module: nn.Module, inputs: tuple[Tensor, ...], *directions: Tensor) -> Form:
    """All gradients of a forward in training mode, each call from the same statistics and singular vectors.

    The gradients of biases and norms are computed, but not returned: those of a bias before a batch norm are zero but
    for rounding, and there is nothing to compare.
    """
    module.train()
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    wanted = [*inputs, *module.parameters()]

    def form() -> Result:
        for buffer, value in buffers:
            buffer.copy_(value)
        gradients = torch.autograd.grad(module(*inputs), wanted, directions)
        return tuple(gradient for gradient in gradients if gradient.ndim > 1)

    return form


def channels_last(*maps: Tensor) -> tuple[Tensor, ...]:
    """The maps as our layers pass them on."""
    return tuple(x.detach().movedim(1, -1).contiguous().movedim(-1, 1).requires_grad_(x.requires_grad) for x in maps)


def flops(module: nn.Module, *inputs: Tensor) -> float:
    """Arithmetic of a forward; both gradients together take twice as much again."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return counter.get_total_flops()


def whole(setting: Setting, widths: tuple[int, ...]) -> Iterator[Case]:
    plain = PlainGenerator(widths).to(setting.device)
    appearance = setting.randn(4, 128, requires_grad=False)
    motion = setting.randn(4, 1, 10, requires_grad=False)
    with torch.no_grad():
        plain(appearance, motion)  # gives the norms statistics, and the weights spectral norms
    plain.eval()
    ours = official.load(plain.state_dict(), "generator").to(setting.device)
    folded = fold_for_inference(ours)
    nets = {"official": plain, "ours": ours, "ours folded": folded}
    forms = {name: forward(net, appearance, motion) for name, net in nets.items()}
    yield Case(name="whole, with F-SA, eval", forms=forms, flops=flops(folded, appearance, motion))


def blocks(setting: Setting, widths: tuple[int, ...]) -> Iterator[Case]:
    for levels in ([0], [1], [2], [3], [4], [3, 4]):
        plain = PlainGenerator(widths)
        with torch.no_grad():
            plain(torch.randn(2, 128), torch.randn(2, 1, 10))
        ours = official.load(plain.state_dict(), "generator")
        c = (0, *widths)[levels[0]]
        t, hw = [(1, 1), (4, 4), (8, 8), (16, 16), (16, 32)][levels[0]]
        inputs = (
            setting.randn(4, c or 128, 1, hw, hw),
            setting.randn(4, c or 10, t, 1, 1),
            setting.randn(4, c or 10, t, hw, hw),
        )
        theirs = PlainBlocks([plain.blocks()[level] for level in levels]).to(setting.device)
        mine = OurBlocks([ours.levels[level] for level in levels]).to(setting.device)
        width, pixels = widths[levels[-1]], 4 * 2 ** levels[-1]
        direction = setting.randn(4, 2 * width, min(16, pixels), pixels, pixels, requires_grad=False)
        still, moving = direction.split(width, dim=1)  # ours need not repeat F_S, so its gradient comes as a sum
        forms = {
            "official": training(theirs, inputs, direction),
            "ours": training(mine, channels_last(*inputs), *channels_last(still.sum(2, keepdim=True), moving)),
        }
        numbers = " and ".join(str(level + 1) for level in levels)
        yield Case(name=f"block {numbers}, forward and backward", forms=forms, flops=3 * flops(mine, *inputs))


def step(setting: Setting, widths: tuple[int, ...]) -> Case:
    """G and both discriminators, once, with F-SA and the released D_V."""
    width = 2 if setting.tiny else 64
    config = g3an.G3ANConfig(
        generator=g3an.GeneratorConfig(widths=widths, official_reshape=True),
        video_discriminator=g3an.VideoDiscriminatorConfig(kind="2+1d", norm="spectral", width=width),
        image_discriminator=g3an.ImageDiscriminatorConfig(width=width),
        batch_size=4,
        learning_rate=NO_RATE,
    )
    batch = Batch(0, setting.randn(4, 3, 16, 64, 64, requires_grad=False).tanh(), None)
    state = g3an.TrainState(config, engine=SingleDevice(setting.device))
    plain = PlainStep(state, batch, width)
    names = {
        "generator": official.GENERATOR,
        "video_discriminator": official.VIDEO_DISCRIMINATOR,
        "image_discriminator": SPECTRAL_NORM,
    }
    for part, net in state.nets.items():
        fill(net, plain.nets[part].state_dict(), names[part], part).train()

    def ours() -> None:
        state.step = 0
        next(g3an.train(state, iter([batch])))

    forms = {
        "official": repeated(plain, plain.nets, lambda: plain.g.to_rgb[0].weight.grad),
        "ours": repeated(ours, state.nets, lambda: state.generator.to_rgb.weight.grad),
    }
    return Case(name="training step, with F-SA", forms=forms)


def cases(setting: Setting) -> Iterator[Case]:
    widths = (16, 16, 16, 16, 16) if setting.tiny else WIDTHS
    yield from whole(setting, widths)
    yield step(setting, widths)
    yield from blocks(setting, widths)
