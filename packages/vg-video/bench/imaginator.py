"""ImaGINator's generator, and whole training steps, beside the form of the released code.

The plain form works in contiguous memory with 3-D operators, repeats the encoder's maps and the label over all times,
and joins them before each convolution. All forms have the same weights. The limit counts the arithmetic that is left
when repeated maps are convolved once.

A training step updates G, D_V and D_I by Adam, from the same weights at each call: the rates are too small to change
them. What differs is the gradient at G's first layer. In the case of table 3.12 both forms are ours and what differs is
the number of parameters; the table's epoch has 120 clips of Weizmann, 30 of these steps.
"""

import dataclasses
from collections.abc import Callable, Iterator

import torch
from harness import Case, Form, Setting, forward
from released import NO_RATE, PlainImageDiscriminator, judging, repeated, verdict
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm
from torch.optim import Adam
from torch.utils.flop_counter import FlopCounterMode
from vg_layers import SingleDevice
from vg_layers.fold import fold_for_inference
from vg_video import imaginator
from vg_video.data.clips import Batch
from vg_video.imaginator import official
from vg_video.labels import wrong_labels
from vg_video.official import fill
from vg_video.training.part import cut_part

CLASSES = tuple("012345")


def normed(conv: nn.Conv2d | nn.ConvTranspose3d) -> list[nn.Module]:
    norm = nn.BatchNorm2d if isinstance(conv, nn.Conv2d) else nn.BatchNorm3d
    return [conv, norm(conv.out_channels), nn.LeakyReLU(0.2, inplace=True)]


class PlainBlock(nn.Module):
    """A transposed (1+2)D convolution."""

    def __init__(self, c_in: int, mid: int, c_out: int, *, first: bool = False, last: bool = False) -> None:
        super().__init__()
        time, space = ((2, 1, 0), (4, 1, 0)) if first else ((4, 2, 1), (4, 2, 1))
        temporal = nn.ConvTranspose3d(c_in, mid, (time[0], 1, 1), (time[1], 1, 1), (time[2], 0, 0))
        spatial = nn.ConvTranspose3d(
            mid, c_out, (1, space[0], space[0]), (1, space[1], space[1]), (0, space[2], space[2])
        )
        self.conv = nn.Sequential(*normed(temporal), *([spatial, nn.Tanh()] if last else normed(spatial)))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class PlainGenerator(nn.Module):
    """The generator with the names of the released code; labels come as one-hot vectors."""

    def __init__(self, config: imaginator.GeneratorConfig) -> None:
        super().__init__()
        encoder, widths, classes = (3, *config.encoder_widths), config.decoder_widths, len(config.classes)
        self.enc = nn.Module()
        for level in range(4):
            conv = nn.Conv2d(encoder[level], encoder[level + 1], 4, 2, 1)
            self.enc.add_module(f"b{level + 1}", nn.Sequential(*normed(conv)))
        last = nn.Conv2d(encoder[4], config.appearance_dim, 4)
        self.enc.b5 = nn.Sequential(*normed(last) if config.appearance_norm else [last])
        self.dec = nn.Module()
        before = config.noise_dim + classes + config.appearance_dim
        for level, (width, middle) in enumerate(zip(widths, config.mid_widths, strict=False)):
            self.dec.add_module(f"block{level + 1}", PlainBlock(before, middle, width, first=level == 0))
            before = width + encoder[4 - level] + classes
        self.dec.to_rgb = PlainBlock(before, config.mid_widths[4], 3, last=True)

    def forward(self, image: Tensor, noise: Tensor, label: Tensor) -> Tensor:
        maps = [image]
        for level in range(1, 6):
            maps.append(self.enc.get_submodule(f"b{level}")(maps[-1]))
        x = torch.cat([noise, label, maps[5].flatten(1)], dim=1)[:, :, None, None, None]
        for level in range(1, 5):
            x = self.dec.get_submodule(f"block{level}")(x)
            skip = maps[5 - level].unsqueeze(2).repeat(1, 1, x.shape[2], 1, 1)
            x = torch.cat([x, skip, label[:, :, None, None, None].repeat(1, 1, *x.shape[2:])], dim=1)
        return self.dec.to_rgb(x)


class PlainVideoDiscriminator(nn.Module):
    """D_V with the names of the released code; labels come as one-hot vectors."""

    def __init__(self, config: imaginator.VideoDiscriminatorConfig) -> None:
        super().__init__()
        w = config.width
        self.net1 = nn.Sequential(*judging(nn.Conv3d(3, w, 4, 2, 1)))
        self.net2 = nn.Sequential(
            *judging(nn.Conv3d(w + config.classes, 2 * w, 4, 2, 1)),
            *judging(nn.Conv3d(2 * w, 4 * w, 4, 2, 1)),
            *judging(nn.Conv3d(4 * w, 8 * w, 4, 2, 1)),
            spectral_norm(nn.Conv3d(8 * w, 1, (2, 4, 4))),
        )

    def forward(self, video: Tensor, label: Tensor) -> Tensor:
        x = self.net1(video)
        maps = label[:, :, None, None, None].repeat(1, 1, *x.shape[2:])
        return self.net2(torch.cat([x, maps], dim=1)).flatten()


class PlainStep:
    """A training step as the released code writes it, with the draws of ours."""

    def __init__(self, state: imaginator.TrainState, batch: Batch) -> None:
        self.config, device = state.config, batch.video.device
        self.g = PlainGenerator(self.config.generator).to(device)
        self.d_v = PlainVideoDiscriminator(self.config.video_discriminator).to(device)
        self.d_i = PlainImageDiscriminator(self.config.image_discriminator.width).to(device)
        self.nets = {"generator": self.g, "video_discriminator": self.d_v, "image_discriminator": self.d_i}
        self.optimizers = {name: Adam(net.parameters(), NO_RATE, (0.5, 0.999)) for name, net in self.nets.items()}
        b, count, eye = len(batch.video), self.config.frames_per_clip, torch.eye(len(CLASSES), device=device)
        part = cut_part(batch, range(b), (state.seed, 0), 0, state.generator, device)
        self.real, self.noise, self.label = batch.video, part.latents["noise"], eye[batch.label]
        if self.config.wrong_labels:
            self.wrong = eye[part.each(batch.label, lambda label, draw: wrong_labels(label, len(CLASSES), draw))]
        times = torch.arange(32.0).view(1, 1, 32, 1, 1).expand(b, -1, -1, -1, -1)
        self.times = [part.frames(times, count).long().flatten().to(device) for _ in ("real", "generated")]
        self.clips = torch.arange(b, device=device).repeat_interleave(count)

    def __call__(self) -> None:
        fake = self.g(self.real[:, :, 0], self.noise, self.label)
        updates = [self.update_discriminators, self.update_generator]
        for update in reversed(updates) if self.config.generator_first else updates:
            update(fake)

    def update_discriminators(self, fake: Tensor) -> None:
        for net in (self.d_v, self.d_i):
            net.zero_grad()
        fake = fake.detach()
        loss = verdict(self.d_v(self.real, self.label), 1)
        if self.config.wrong_labels:
            loss = loss + verdict(self.d_v(fake, self.label), 0) / 2 + verdict(self.d_v(self.real, self.wrong), 0) / 2
        else:
            loss = loss + verdict(self.d_v(fake, self.label), 0)
        loss.backward()
        real_frames, fake_frames = (self.frames(x, t) for x, t in zip((self.real, fake), self.times, strict=True))
        (verdict(self.d_i(real_frames), 1) + verdict(self.d_i(fake_frames), 0)).backward()
        for name in ("video_discriminator", "image_discriminator"):
            self.optimizers[name].step()

    def update_generator(self, fake: Tensor) -> None:
        self.g.zero_grad()
        loss = verdict(self.d_v(fake, self.label), 1) + verdict(self.d_i(self.frames(fake, self.times[1])), 1)
        reconstruction = F.l1_loss(fake, self.real) * fake[0].numel()
        (loss + self.config.reconstruction_weight * reconstruction).backward()
        self.optimizers["generator"].step()

    def frames(self, video: Tensor, times: Tensor) -> Tensor:
        return video[self.clips, :, times]


def our_step(state: imaginator.TrainState, batch: Batch, result: Callable[[], Tensor]) -> Form:
    def step() -> None:
        state.step = 0
        next(imaginator.train(state, iter([batch])))

    return repeated(step, state.nets, result)


def training(setting: Setting, name: str, config: imaginator.ImaGINatorConfig, batch: Batch) -> Case:
    """G and both discriminators, once."""
    state = imaginator.TrainState(config, engine=SingleDevice(setting.device))
    plain = PlainStep(state, batch)
    names = {
        "generator": official.GENERATOR,
        "video_discriminator": official.VIDEO_DISCRIMINATOR,
        "image_discriminator": official.SPECTRAL_NORM,
    }
    for part, net in state.nets.items():
        fill(net, plain.nets[part].state_dict(), names[part], part).train()
    forms = {
        "official": repeated(plain, plain.nets, lambda: plain.g.enc.b1[0].weight.grad),
        "ours": our_step(state, batch, lambda: state.generator.encoder[0][0].weight.grad),
    }
    return Case(name=name, forms=forms)


def kinds(setting: Setting, config: imaginator.ImaGINatorConfig, batch: Batch) -> Case:
    """The decoders of table 3.12."""
    forms = {}
    for kind, equal in (("3d", True), ("1+2d", False)):
        generator = dataclasses.replace(config.generator, convolution=kind, equal_parameters=equal)
        state = imaginator.TrainState(
            dataclasses.replace(config, generator=generator), engine=SingleDevice(setting.device)
        )
        count = torch.tensor(float(sum(p.numel() for p in state.generator.parameters())))
        forms[kind] = our_step(state, batch, lambda count=count: count)
    return Case(name="training step, decoders of table 3.12", forms=forms)


def generator(setting: Setting, config: imaginator.GeneratorConfig) -> Case:
    plain = PlainGenerator(config).to(setting.device)
    image = setting.randn(4, 3, 64, 64, requires_grad=False)
    noise = setting.randn(4, config.noise_dim, requires_grad=False)
    label = torch.arange(4, device=setting.device)
    one_hot = torch.eye(len(CLASSES), device=setting.device)[label]
    with torch.no_grad():
        plain(image, noise, one_hot)  # gives the norms statistics
    plain.eval()
    ours = official.load(plain.state_dict(), "generator").to(setting.device)
    folded = fold_for_inference(ours)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        folded(image, noise, label)
    forms = {
        "official": forward(plain, image, noise, one_hot),
        "ours": forward(ours, image, noise, label),
        "ours folded": forward(folded, image, noise, label),
    }
    return Case(name="whole, 32 frames, eval", forms=forms, flops=counter.get_total_flops())


def sizes(config: imaginator.ImaGINatorConfig, *, tiny: bool) -> imaginator.ImaGINatorConfig:
    """The config for a batch of four, that changes no weights, and for a trial with narrow nets."""
    config = dataclasses.replace(config, batch_size=4, learning_rate=NO_RATE, discriminator_learning_rate=None)
    if not tiny:
        return config
    widths = {"encoder_widths": (8,) * 4, "decoder_widths": (12,) * 4, "mid_widths": (29,) * 5}  # a 3-D match exists
    narrow = dataclasses.replace(config.generator, **widths)
    return dataclasses.replace(
        config,
        generator=narrow,
        video_discriminator=dataclasses.replace(config.video_discriminator, width=2),
        image_discriminator=dataclasses.replace(config.image_discriminator, width=2),
    )


def cases(setting: Setting) -> Iterator[Case]:
    released = sizes(imaginator.imaginator_official(CLASSES), tiny=setting.tiny)
    thesis = sizes(imaginator.ImaGINatorConfig().with_classes(CLASSES), tiny=setting.tiny)
    video = setting.randn(4, 3, 32, 64, 64, requires_grad=False).tanh()
    batch = Batch(0, video, torch.arange(4, device=setting.device))
    yield generator(setting, released.generator)
    yield training(setting, "training step, as released", released, batch)
    yield training(setting, "training step, algorithm 1", thesis, batch)
    yield kinds(setting, thesis, batch)
