"""MintGAN's generator, and whole training steps with the R1 penalty, beside the form of StyleGAN2's code in PyTorch.

The plain form gives each frame weights of its own in a grouped convolution, inserts zeros and multiplies them, and
filters at full size what is then dropped: see the bench `style`. All forms have the same weights.

A training step updates G, the four nets of the pyramid and D_I by Adam, from the same weights at each call: the rates
are too small to change them. What differs is the gradient of M.
"""

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from harness import Case, Form, Setting, forward
from style import PlainResidualDownBlock, PlainStyledConv, plain_modulated_conv2d, plain_upfirdn2d
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from vg_layers import SingleDevice, SynthesisBlock
from vg_video import mintgan
from vg_video.data.clips import Batch

NO_RATE = 1e-30  # of the optimizers: they work, but the weights stay


class PlainBlock(nn.Module):
    """A block of G_S with the weights of ours."""

    def __init__(self, ours: SynthesisBlock) -> None:
        super().__init__()
        self.convs = nn.ModuleList(PlainStyledConv(conv) for conv in ours.convs)
        self.to_rgb = ours.to_rgb
        self.register_buffer("filter", ours.filter)

    def forward(self, x: Tensor, w: Tensor, image: Tensor | None, _: Sequence[None]) -> tuple[Tensor, Tensor]:
        x = x.contiguous()
        for conv in self.convs:
            x = conv(x, w)
        rgb = self.to_rgb
        styles = rgb.style(w) / math.sqrt(x.shape[1])
        part = plain_modulated_conv2d(x, rgb.weight, styles, self.filter, demodulate=False)
        part = part + rgb.bias.reshape(1, -1, 1, 1)
        if image is not None:
            part = part + plain_upfirdn2d(image, self.filter, up=2, padding=(2, 1, 2, 1), gain=4)
        return x, part


def plainly(state: mintgan.TrainState) -> mintgan.TrainState:
    """The same run with plain nets."""
    state = copy.deepcopy(state)
    blocks = state.generator.synthesis.blocks
    for level, block in enumerate(blocks):
        blocks[level] = PlainBlock(block)
    for name in state.discriminators:
        net = state.nets[name].net
        net.blocks = nn.Sequential(*(PlainResidualDownBlock(block) for block in net.blocks))
    return state


def training_step(state: mintgan.TrainState, batch: Batch) -> Form:
    """A step from the same weights and signs of the directions at each call; it leaves no gradients."""
    bank = state.generator.bank
    kept = bank.facing.clone()

    def form() -> Tensor:
        bank.facing.copy_(kept)
        state.step = 0
        next(mintgan.train(state, iter([batch])))
        found = bank.weight.grad
        for net in state.nets.values():
            net.zero_grad()
        return found

    return form


def generation(generator: mintgan.Generator, setting: Setting) -> Callable[..., Tensor]:
    """A clip of 16 frames."""
    noise = [generator.latents(generator.frames, torch.Generator().manual_seed(0))]
    inputs = {name: value[None].to(setting.device) for name, value in noise[0].items()}
    return lambda: generator(**inputs)


def sized(*, tiny: bool) -> mintgan.MintGANConfig:
    """The thesis' run for a batch of two, that changes no weights, and for a trial with narrow nets."""
    config = mintgan.MintGANConfig(batch_size=2, learning_rate=NO_RATE)
    if not tiny:
        return config
    nets = ("generator", "video_discriminator", "image_discriminator")
    narrow = {name: dataclasses.replace(getattr(config, name), channel_base=256, max_channels=16) for name in nets}
    narrow["generator"] = dataclasses.replace(narrow["generator"], style_dim=16, directions=16)
    return dataclasses.replace(config, **narrow).with_resolution(16)


def cases(setting: Setting) -> Iterator[Case]:
    config = sized(tiny=setting.tiny)
    ours = mintgan.TrainState(config, engine=SingleDevice(setting.device))
    plain = plainly(ours)
    calls = {}
    for name, state in (("plain", plain), ("ours", ours)):
        state.generator.eval()
        calls[name] = generation(state.generator, setting)
    with FlopCounterMode(display=False) as counter:
        calls["ours"]()
    forms = {name: forward(call) for name, call in calls.items()}
    yield Case(name="one clip of 16 frames, eval", forms=forms, flops=counter.get_total_flops())

    side = config.generator.resolution
    batch = Batch(0, setting.randn(2, 3, config.generator.frames, side, side, requires_grad=False).tanh(), None)
    for state in (plain, ours):
        state.generator.train()
    forms = {name: training_step(state, batch) for name, state in (("plain", plain), ("ours", ours))}
    yield Case(name="training step with R1, 2 clips", forms=forms)
