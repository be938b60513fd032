"""What upfirdn2d computes, in PyTorch, without multiplying the zeros of up-sampling or computing what is then dropped.

Zeros inserted between pixels and then filtered are a transposed convolution, and a filter of which every n-th result is
kept is a strided one. Both run depthwise in channels-last memory, where a CPU is several times faster. The gradient of
the one is the other, so the function below is its own derivative, of any order; PyTorch's second derivative of a
depthwise convolution would take several times as long.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Axis(NamedTuple):
    """Along one axis: `up - 1` zeros after each pixel, padding (cropping if negative), one of `down` results kept."""

    up: int = 1
    down: int = 1
    before: int = 0
    after: int = 0

    def out(self, size: int, taps: int) -> int:
        """Number of pixels that come out of `size` pixels."""
        return (size * self.up + self.before + self.after - taps) // self.down + 1

    def adjoint(self, size: int, taps: int) -> "Axis":
        """The axis of the gradient, which runs from out(size, taps) pixels to `size`, with the filter reversed."""
        after = size * self.up - self.out(size, taps) * self.down + self.before - self.up + 1
        return Axis(self.down, self.up, taps - 1 - self.before, after)


def upfirdn2d(x: Tensor, taps: Tensor, vertical: Axis, horizontal: Axis) -> Tensor:
    """Up-sample, pad, correlate with `taps` (k_h, k_w) and down-sample each channel of x, (b, c, h, w).

    Differentiable any number of times with respect to x. The result lies in channels_last memory.
    """
    return _Resample.apply(x, taps, vertical, horizontal)


class _Resample(torch.autograd.Function):
    """Linear in x, hence its gradient is one of the same kind."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, *axes: Axis) -> Tensor:
        ctx.save_for_backward(taps)
        ctx.axes = [axis.adjoint(*sizes) for axis, *sizes in zip(axes, x.shape[2:], taps.shape, strict=True)]
        x = x.contiguous(memory_format=torch.channels_last)
        taps = taps.to(x.dtype)
        if all(axis.up == 1 for axis in axes):
            return _strided(x, taps, *axes)
        return _transposed(x, taps, *axes)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        (taps,) = ctx.saved_tensors
        return _Resample.apply(grad, taps.flip(0, 1), *ctx.axes), None, None, None


def _strided(x: Tensor, taps: Tensor, v: Axis, h: Axis) -> Tensor:
    """Without up-sampling: one strided convolution."""
    # A convolution pads both ends alike. A row of zeros at one end of the filter makes up for the usual difference of
    # one, and costs less than a padded copy of the image.
    if min(v[2:] + h[2:]) < 0 or max(abs(axis.before - axis.after) for axis in (v, h)) > 1:
        x = F.pad(x, (*h[2:], *v[2:]))
        v, h = Axis(down=v.down), Axis(down=h.down)
    left, right, top, bottom = h.after - h.before, h.before - h.after, v.after - v.before, v.before - v.after
    taps = F.pad(taps, [max(0, n) for n in (left, right, top, bottom)])
    padding = max(v.before, v.after), max(h.before, h.after)
    return F.conv2d(x, _depthwise(x, taps), stride=(v.down, h.down), padding=padding, groups=x.shape[1])


def _transposed(x: Tensor, taps: Tensor, v: Axis, h: Axis) -> Tensor:
    """With up-sampling: each pixel adds its copy of the filter to the result."""
    crops, extras, rests = zip(*(_place(axis, k) for axis, k in zip((v, h), taps.shape, strict=True)), strict=True)
    weight = _depthwise(x, taps.flip(0, 1))
    y = F.conv_transpose2d(x, weight, stride=(v.up, h.up), padding=crops, output_padding=extras, groups=x.shape[1])
    if any(rests[0] + rests[1]):
        y = F.pad(y, (*rests[1], *rests[0]))
    return y[:, :, :: v.down, :: h.down]


def _place(axis: Axis, taps: int) -> tuple[int, int, tuple[int, int]]:
    """Cropping and extra length that a transposed convolution can do itself, and the padding left to do after it."""
    crop, extra = taps - 1 - axis.before, axis.after - axis.before + axis.up - 1
    if crop >= 0 and 0 <= extra < axis.up:
        return crop, extra, (0, 0)
    return 0, 0, (-crop, axis.after + axis.up - taps)


def _depthwise(x: Tensor, taps: Tensor) -> Tensor:
    return taps.expand(x.shape[1], 1, *taps.shape)
