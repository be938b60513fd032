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
        return (
            _Spread.apply(g, weight, x.shape[2:], ctx.steps) if to_x else None,
            _Weigh.apply(x, g, mirrored, weight, ctx.steps) if to_weight else None,
            g.sum((0, 2, 3)) if to_bias else None,
            None,
        )


class _Spread(Function):
    """dT / dx."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, weight: Tensor, size: torch.Size, steps: Steps) -> Tensor:
        ctx.save_for_backward(g, weight)
        ctx.steps = steps
        height, width = (length + 2 * steps.reach for length in size)
        mirrored = g.new_empty(()).expand(len(g), weight.shape[1], height, width)
        return _fold(_gradients(g, mirrored, weight, steps, 0), steps.reach)

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        g, weight = ctx.saved_tensors
        to_g, to_weight, _, _ = ctx.needs_input_grad
        mirrored = _mirror(x.detach(), ctx.steps.reach) if to_weight else None
        return (
            _Convolve.apply(x, weight, None, ctx.steps) if to_g else None,
            _Weigh.apply(x, g, mirrored, weight, ctx.steps) if to_weight else None,
            None,
            None,
        )


class _Weigh(Function):
    """dT / dw."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor, mirrored: Tensor, like: Tensor, steps: Steps) -> Tensor:
        ctx.save_for_backward(x, g)
        ctx.steps = steps
        return _gradients(g, mirrored, like, steps, 1)

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, g = ctx.saved_tensors
        to_x, to_g, *_ = ctx.needs_input_grad
        return (
            _Spread.apply(g, weight, x.shape[2:], ctx.steps) if to_x else None,
            _Convolve.apply(x, weight, None, ctx.steps) if to_g else None,
            None,
            None,
            None,
        )


def _gradients(g: Tensor, mirrored: Tensor, weight: Tensor, steps: Steps, which: int) -> Tensor:
    """The gradient of the mirrored maps (0) or of the weights (1)."""
    strides, dilations, none = (steps.stride,) * 2, (steps.dilation,) * 2, (0, 0)
    mask = [which == 0, which == 1, False]
    return torch.ops.aten.convolution_backward(
        g, mirrored, weight, None, strides, none, dilations, False, none, 1, mask
    )[which]


def _mirror(x: Tensor, reach: int) -> Tensor:
    """Pad (b, c, h, w) by reflection, in the memory that convolutions read fastest."""
    if not reach:
        return x
    shape = [*x.shape[:2], *(length + 2 * reach for length in x.shape[2:])]
    y = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    y[:, :, reach:-reach, reach:-reach] = x
    for dim in (2, 3):
        for margin, inside in _margins(y, reach, dim):
            margin.copy_(inside.flip(dim))
    return y


def _fold(y: Tensor, reach: int) -> Tensor:
    """Add the margins to the pixels that they mirror: the gradient of `_mirror`, worked out in y's own memory."""
    if not reach:
        return y
    for dim in (3, 2):
        for margin, inside in _margins(y, reach, dim):
            inside.add_(margin.flip(dim))
    return y[:, :, reach:-reach, reach:-reach]


def _margins(y: Tensor, reach: int, dim: int) -> list[tuple[Tensor, Tensor]]:
    """Both margins of an axis, each with the pixels that it mirrors."""
    far = y.shape[dim] - reach
    return [
        (y.narrow(dim, 0, reach), y.narrow(dim, reach + 1, reach)),
        (y.narrow(dim, far, reach), y.narrow(dim, far - reach - 1, reach)),
    ]
