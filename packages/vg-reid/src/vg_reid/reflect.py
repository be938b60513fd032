"""A convolution that sees mirrored pixels beyond the borders, quick to differentiate once and twice.

Convolution of mirrored maps x with weights w, held against a gradient g, is linear in each of the three:

    T(x, w, g) = sum(g * convolve(mirror(x), w)).

Its derivatives are three functions of two of them each, and their own derivatives are those three again. So a gradient
penalty needs no more than they do, whereas PyTorch turns to slow convolutions with batch and channels exchanged.
"""

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F


class Steps(NamedTuple):
    """How a convolution walks over the maps, in pixels."""

    reach: int
    """Mirrored pixels at each border."""
    stride: int
    dilation: int


class ReflectConv(nn.Conv2d):
    """A convolution that keeps the size, but for the stride, by mirroring the maps at their borders.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: an odd number.
        stride: pixels from one output to the next.
        dilation: pixels from one tap to the next.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> None:
        reach = dilation * (kernel // 2)
        mode: Literal["reflect", "zeros"] = "reflect" if reach else "zeros"
        super().__init__(in_channels, out_channels, kernel, stride, reach, dilation, padding_mode=mode)
        self.steps = Steps(reach, stride, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, h, w), larger than the reach, to (b, out_channels, ceil(h / stride), ...)."""
        y: Tensor = _Convolve.apply(x, self.weight, self.bias, self.steps)
        return y


class _Convolve(Function):
    """dT / dg."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, steps: Steps) -> Tensor:
        mirrored = _mirror(x, steps.reach)
        ctx.save_for_backward(x, weight, mirrored)
        ctx.steps = steps
        return F.conv2d(mirrored, weight, bias, steps.stride, 0, steps.dilation)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight, mirrored = ctx.saved_tensors
        to_x, to_weight, to_bias, _ = ctx.needs_input_grad
        weigh = to_weight or to_bias
        of_weight, of_bias = _Weigh.apply(x, g, mirrored, weight, ctx.steps) if weigh else (None, None)
        of_x = _Spread.apply(g, weight, x.shape[2:], ctx.steps) if to_x else None
        return of_x, of_weight, of_bias if to_bias else None, None


class _Spread(Function):
    """dT / dx."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, weight: Tensor, size: torch.Size, steps: Steps) -> Tensor:
        ctx.save_for_backward(g, weight)
        ctx.steps = steps
        size = torch.Size([len(g), weight.shape[1], *(length + 2 * steps.reach for length in size)])
        unread = torch.empty(size, dtype=g.dtype, device=g.device, memory_format=torch.channels_last)
        return _fold(_gradients(g, unread, weight, steps, [True, False, False])[0], steps.reach)

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        g, weight = ctx.saved_tensors
        to_g, to_weight, _, _ = ctx.needs_input_grad
        mirrored = _mirror(x.detach(), ctx.steps.reach) if to_weight else None
        return (
            _Convolve.apply(x, weight, None, ctx.steps) if to_g else None,
            _Weigh.apply(x, g, mirrored, weight, ctx.steps)[0] if to_weight else None,
            None,
            None,
        )


class _Weigh(Function):
    """dT / dw, and the gradient of the bias, which costs nothing beside it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor, mirrored: Tensor, like: Tensor, steps: Steps) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, g)
        ctx.steps = steps
        _, weight, bias = _gradients(g, mirrored, like, steps, [False, True, True])
        return weight, bias

    @staticmethod
    def backward(ctx: Any, weight: Tensor, bias: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, g = ctx.saved_tensors
        to_x, to_g, *_ = ctx.needs_input_grad
        return (
            _Spread.apply(g, weight, x.shape[2:], ctx.steps) if to_x else None,
            _Convolve.apply(x, weight, bias, ctx.steps) if to_g else None,
            None,
            None,
            None,
        )


def _gradients(g: Tensor, mirrored: Tensor, weight: Tensor, steps: Steps, wanted: list[bool]) -> tuple[Tensor, ...]:
    """Those wanted of a convolution's gradients: of the mirrored maps, of the weights, of the bias."""
    strides, dilations, none = (steps.stride,) * 2, (steps.dilation,) * 2, (0, 0)
    gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        g, mirrored, weight, [len(weight)], strides, none, dilations, False, none, 1, wanted
    )
    return gradients


def _mirror(x: Tensor, reach: int) -> Tensor:
    """Pad (b, c, h, w) by reflection."""
    return F.pad(x, [reach] * 4, "reflect") if reach else x


def _fold(y: Tensor, reach: int) -> Tensor:
    """Add the margins to the pixels that they mirror: the gradient of `_mirror`, worked out in y's own memory."""
    if not reach:
        return y
    for dim in (3, 2):
        far = y.shape[dim] - reach
        for margin, inside in ((0, reach + 1), (far, far - reach - 1)):
            y.narrow(dim, inside, reach).add_(y.narrow(dim, margin, reach).flip(dim))
    return y[:, :, reach:-reach, reach:-reach]
