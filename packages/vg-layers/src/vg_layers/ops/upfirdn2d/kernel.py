"""upfirdn2d as one Triton kernel: each result pixel reads only the pixels and taps that meet.

Registered with `torch.library`; the derivative is the same operation, so any order of derivative exists.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from vg_layers.ops.upfirdn2d.reference import Axis

_BLOCK = 1024


@triton.jit
def _first(at, UP: tl.constexpr, BEFORE: tl.constexpr):
    """First pixel at or after position `at` of the up-sampled, unpadded axis, and how far after it."""
    shift: tl.constexpr = BEFORE // UP + 1 if BEFORE > 0 else 0  # so that only what is not negative is divided
    pixel = (at + shift * UP + UP - 1) // UP - shift
    return pixel, pixel * UP - at


@triton.jit
def _upfirdn2d(
    x, taps, y, numel, in_h, in_w, out_h, out_w, inner,
    UP_V: tl.constexpr, DOWN_V: tl.constexpr, BEFORE_V: tl.constexpr, TAPS_V: tl.constexpr,
    UP_H: tl.constexpr, DOWN_H: tl.constexpr, BEFORE_H: tl.constexpr, TAPS_H: tl.constexpr,
    SUM: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Maps are (planes, h, w, inner): inner is the channels in channels-last memory, else 1."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < numel
    c = i % inner
    column = i // inner % out_w
    row = i // inner // out_w % out_h
    plane = i // inner // out_w // out_h
    top, skip_v = _first(row * DOWN_V - BEFORE_V, UP_V, BEFORE_V)
    left, skip_h = _first(column * DOWN_H - BEFORE_H, UP_H, BEFORE_H)
    total = tl.zeros((BLOCK,), SUM)
    for a in tl.static_range((TAPS_V + UP_V - 1) // UP_V):
        for b in tl.static_range((TAPS_H + UP_H - 1) // UP_H):
            tap_v, tap_h = skip_v + a * UP_V, skip_h + b * UP_H
            inside = (top + a >= 0) & (top + a < in_h) & (left + b >= 0) & (left + b < in_w)
            inside &= live & (tap_v < TAPS_V) & (tap_h < TAPS_H)
            pixel = tl.load(x + ((plane * in_h + top + a) * in_w + left + b) * inner + c, inside, other=0)
            tap = tl.load(taps + tap_v * TAPS_H + tap_h, inside, other=0)
            total += pixel.to(SUM) * tap.to(SUM)
    tl.store(y + i, total.to(y.dtype.element_ty), live)


def upfirdn2d(x: Tensor, taps: Tensor, vertical: Axis, horizontal: Axis) -> Tensor:
    """Up-sample, pad, correlate with `taps` (k_h, k_w) and down-sample each channel of x, (b, c, h, w).

    Differentiable any number of times with respect to x. The result lies in the memory format of x.
    """
    return _op(x, taps, list(vertical), list(horizontal))


def launch(x: Tensor, taps: Tensor, v: Axis, h: Axis) -> Tensor:
    """Run the kernel."""
    channels_last = _channels_last(x)
    y = _empty_result(x, taps, v, h)
    x = x.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    if y.numel():
        _upfirdn2d[(triton.cdiv(y.numel(), _BLOCK),)](
            x, taps.contiguous(), y, y.numel(), *x.shape[2:], *y.shape[2:], x.shape[1] if channels_last else 1,
            v.up, v.down, v.before, taps.shape[0], h.up, h.down, h.before, taps.shape[1],
            tl.float64 if x.dtype == torch.float64 else tl.float32, _BLOCK,
        )  # fmt: skip
    return y


def _channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def _empty_result(x: Tensor, taps: Tensor, v: Axis, h: Axis) -> Tensor:
    size = [axis.out(n, k) for axis, n, k in zip((v, h), x.shape[2:], taps.shape, strict=True)]
    memory_format = torch.channels_last if _channels_last(x) else torch.contiguous_format
    return torch.empty(*x.shape[:2], *size, dtype=x.dtype, device=x.device, memory_format=memory_format)


@torch.library.custom_op("vg_layers::upfirdn2d", mutates_args=())
def _op(x: Tensor, taps: Tensor, vertical: list[int], horizontal: list[int]) -> Tensor:
    return launch(x, taps, Axis(*vertical), Axis(*horizontal))


@_op.register_fake
def _(x: Tensor, taps: Tensor, vertical: list[int], horizontal: list[int]) -> Tensor:
    return _empty_result(x, taps, Axis(*vertical), Axis(*horizontal))


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, taps, *axes = inputs
    ctx.save_for_backward(taps)
    ctx.axes = [Axis(*axis).adjoint(*sizes) for axis, *sizes in zip(axes, x.shape[2:], taps.shape, strict=True)]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
    (taps,) = ctx.saved_tensors
    return upfirdn2d(grad, taps.flip(0, 1), *ctx.axes), None, None, None


_op.register_autograd(_backward, setup_context=_setup_context)
