"""Operators and blocks of StyleGAN2 against the form that its official code gives them in PyTorch.

The plain forms insert zeros and multiply them, filter at full size and drop what is not kept, give each sample its own
weights in a grouped convolution, and apply bias, activation and gain one after the other. Names say channels and side
of the square input, of which there are 4; each case is timed without gradients, with first ones, and with second ones
as a gradient penalty has them.
"""

import math
from collections.abc import Callable, Iterator

import torch
from harness import Case, Setting, forward, forward_backward, second_order
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers.ops.bias_act import bias_act
from vg_layers.ops.upfirdn2d import upfirdn2d
from vg_layers.resample import fir_filter
from vg_layers.residual import ResidualDownBlock
from vg_layers.style import StyledConv, SynthesisBlock, ToRGB, modulated_conv2d

ORDERS = {"fwd": forward, "fwd+bwd": forward_backward, "2nd order": second_order}


def plain_upfirdn2d(
    x: Tensor, filter: Tensor, up: int = 1, down: int = 1, padding: tuple[int, ...] = (0, 0, 0, 0), gain: float = 1.0
) -> Tensor:
    b, c, h, w = x.shape
    x = F.pad(x.reshape(b, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(b, c, h * up, w * up)
    x = F.pad(x, padding)
    weight = (filter * gain).flip(0, 1).repeat(c, 1, 1, 1)
    return F.conv2d(x, weight, groups=c)[:, :, ::down, ::down]


def plain_bias_act(x: Tensor, b: Tensor, gain: float) -> Tensor:
    return F.leaky_relu(x + b.reshape(1, -1, 1, 1), 0.2) * gain


def plain_modulated_conv2d(
    x: Tensor, weight: Tensor, styles: Tensor, filter: Tensor, up: int = 1, demodulate: bool = True
) -> Tensor:
    b, c_in, h, w = x.shape
    c_out, k = weight.shape[0], weight.shape[-1]
    own = weight * styles[:, None, :, None, None]
    if demodulate:
        own = own * (own.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    x = x.reshape(1, b * c_in, h, w)
    if up == 1:
        y = F.conv2d(x, own.reshape(b * c_out, c_in, k, k), padding=k // 2, groups=b)
        return y.reshape(b, c_out, h, w)
    y = F.conv_transpose2d(x, own.transpose(1, 2).reshape(b * c_in, c_out, k, k), stride=up, groups=b)
    return plain_upfirdn2d(y.reshape(b, c_out, *y.shape[2:]), filter, padding=(1, 1, 1, 1), gain=up**2)


class PlainStyledConv(nn.Module):
    """The weights of ours and the operators of the official code."""

    def __init__(self, ours: StyledConv) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        ours = self.ours
        y = plain_modulated_conv2d(x, ours.weight, ours.style(w), ours.filter, ours.up)
        return plain_bias_act(y, ours.bias, math.sqrt(2))


class PlainSynthesisBlock(nn.Module):
    def __init__(self, ours: SynthesisBlock) -> None:
        super().__init__()
        self.convs = nn.ModuleList([PlainStyledConv(conv) for conv in ours.convs])
        self.to_rgb: ToRGB = ours.to_rgb
        self.register_buffer("filter", ours.filter)

    def forward(self, x: Tensor, w: Tensor, image: Tensor) -> Tensor:
        for conv in self.convs:
            x = conv(x, w)
        rgb = self.to_rgb
        styles = rgb.style(w) / math.sqrt(x.shape[1])
        part = plain_modulated_conv2d(x, rgb.weight, styles, self.filter, demodulate=False)
        part = part + rgb.bias.reshape(1, -1, 1, 1)
        return plain_upfirdn2d(image, self.filter, up=2, padding=(2, 1, 2, 1), gain=4) + part


class PlainResidualDownBlock(nn.Module):
    def __init__(self, ours: ResidualDownBlock) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, x: Tensor) -> Tensor:
        conv0, conv1, skip = self.ours.conv0, self.ours.conv1, self.ours.skip
        scale = [1 / math.sqrt(conv.weight[0].numel()) for conv in (conv0, conv1, skip)]
        y = plain_bias_act(F.conv2d(x, conv0.weight * scale[0], padding=1), conv0.bias, math.sqrt(2))
        y = F.conv2d(plain_upfirdn2d(y, conv1.filter, padding=(2, 2, 2, 2)), conv1.weight * scale[1], stride=2)
        x = F.conv2d(plain_upfirdn2d(x, skip.filter, down=2, padding=(1, 1, 1, 1)), skip.weight * scale[2])
        return plain_bias_act(y, conv1.bias, 1.0) + x * skip.gain


def cases(setting: Setting) -> Iterator[Case]:
    batch, channels, size = (2, 8, 8) if setting.tiny else (4, 256, 64)
    yield from upfirdn2d_cases(setting, batch, channels, size)
    yield from layer_cases(setting, batch, channels, size)
    yield from block_cases(setting, batch, channels, size)


def upfirdn2d_cases(setting: Setting, batch: int, channels: int, size: int) -> Iterator[Case]:
    filter = fir_filter().to(setting.device, setting.dtype)
    rows = [
        ("up 2", channels, size // 2, {"up": 2, "padding": (2, 1, 2, 1), "gain": 4}),
        ("up 2", 3, size // 2, {"up": 2, "padding": (2, 1, 2, 1), "gain": 4}),
        ("down 2", channels, size, {"down": 2, "padding": (1, 1, 1, 1)}),
        ("blur before conv", channels, size, {"padding": (2, 2, 2, 2)}),
        ("blur after deconv", channels, size + 1, {"padding": (1, 1, 1, 1), "gain": 4}),
        ("blur, same size", channels, size, {"padding": (2, 1, 2, 1)}),
    ]
    for name, c, side, options in rows:
        x = setting.randn(batch, c, side, side)
        forms = {
            "plain": lambda x, options=options: plain_upfirdn2d(x, filter, **options),
            "ours": lambda x, options=options: upfirdn2d(x, filter, **options),
        }
        yield from in_all_orders(f"upfirdn2d {name} {c}x{side}", forms, x, moved=moved_bytes(forms["ours"], x))


def layer_cases(setting: Setting, batch: int, channels: int, size: int) -> Iterator[Case]:
    filter = fir_filter().to(setting.device, setting.dtype)
    x, b = setting.randn(batch, channels, size, size), setting.randn(channels)
    forms = {
        "plain": lambda x, b: plain_bias_act(x, b, math.sqrt(2)),
        "ours": lambda x, b: bias_act(x, b, act="lrelu"),
    }
    yield from in_all_orders(f"bias_act lrelu {channels}x{size}", forms, x, b, moved=moved_bytes(forms["ours"], x, b))
    for kernel, up, c_out in ((3, 1, channels), (3, 2, channels // 2), (1, 1, 3)):
        side, demodulate = size // 2, kernel > 1
        x, styles = setting.randn(batch, channels, side, side), setting.randn(batch, channels)
        weight = setting.randn(c_out, channels, kernel, kernel)
        options = {"up": up, "demodulate": demodulate}

        def plain(x: Tensor, w: Tensor, s: Tensor, options: dict = options) -> Tensor:
            return plain_modulated_conv2d(x, w, s, filter, **options)

        def ours(x: Tensor, w: Tensor, s: Tensor, options: dict = options) -> Tensor:
            padding = w.shape[-1] // 2
            return modulated_conv2d(x, w, s, filter=filter, padding=padding, flip_weight=options["up"] == 1, **options)

        name = f"modulated_conv2d {kernel}x{kernel} up {up} {channels}x{side} to {c_out}"
        flops = 2 * batch * side**2 * channels * c_out * kernel**2
        yield from in_all_orders(name, {"plain": plain, "ours": ours}, x, weight, styles, flops=flops)


def block_cases(setting: Setting, batch: int, channels: int, size: int) -> Iterator[Case]:
    side = size // 2
    x, w, image = (
        setting.randn(*shape) for shape in ((batch, channels, side, side), (batch, 512), (batch, 3, side, side))
    )
    block = SynthesisBlock(channels, channels // 2, 512).to(setting.device, setting.dtype)
    forms = {"plain": PlainSynthesisBlock(block), "ours": ImageOf(block)}
    flops = 2 * batch * side**2 * 9 * (channels * channels // 2 + 4 * (channels // 2) ** 2)
    name = f"synthesis block {channels}x{side} to {channels // 2}"
    yield from in_all_orders(name, forms, x, w, image, flops=flops)

    x = setting.randn(batch, channels // 2, size, size)
    down = ResidualDownBlock(channels // 2, channels).to(setting.device, setting.dtype)
    forms = {"plain": PlainResidualDownBlock(down), "ours": down}
    flops = 2 * batch * side**2 * 9 * (4 * (channels // 2) ** 2 + channels * channels // 2)
    name = f"residual block {channels // 2}x{size} to {channels}"
    yield from in_all_orders(name, forms, x, flops=flops)


class ImageOf(nn.Module):
    """The image alone, so that a block has one result."""

    def __init__(self, block: SynthesisBlock) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor, w: Tensor, image: Tensor) -> Tensor:
        return self.block(x, w, image)[1]


def moved_bytes(function: Callable[..., Tensor], *inputs: Tensor) -> float:
    """Bytes that the values take to read and to write."""
    with torch.no_grad():
        return sum(tensor.numel() * tensor.element_size() for tensor in (*inputs, function(*inputs)))


def in_all_orders(
    name: str, functions: dict[str, Callable[..., Tensor]], *inputs: Tensor, flops: float = 0.0, moved: float = 0.0
) -> Iterator[Case]:
    """The values alone, with first gradients, and with second ones; arithmetic is known of the former two."""
    for order, form in ORDERS.items():
        forms = {key: form(function, *inputs) for key, function in functions.items()}
        products, passes = {"fwd": (1, 1), "fwd+bwd": (3, 2), "2nd order": (0, 0)}[order]
        yield Case(name=f"{name}, {order}", forms=forms, flops=flops * products, moved=moved * passes)
