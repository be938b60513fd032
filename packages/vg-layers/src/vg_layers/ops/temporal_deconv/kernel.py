"""`temporal_deconv` as one Triton kernel: a matrix product a frame and tap, then bias and LeakyReLU."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from vg_layers.deconv2d import gradients

PLACES, OUTPUTS, INPUTS = 64, 64, 32  # the tile of one program, and the input channels it takes at a time


@torch.library.custom_op("vg_layers::temporal_deconv", mutates_args=())
def temporal_deconv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, slope: float) -> Tensor:
    """Map (b, c_in, t, h, w) to leaky_relu(transposed convolution along time + bias), (b, c_out, t', h, w)."""
    y = _empty(x, weight, stride, padding)
    if y.numel():
        taps = weight.permute(2, 0, 1).contiguous()
        launch(x.movedim(1, -1).contiguous(), taps, bias, y.movedim(1, -1), stride, padding, slope)
    return y


@temporal_deconv.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, slope: float) -> Tensor:
    return _empty(x, weight, stride, padding)


def launch(x: Tensor, taps: Tensor, bias: Tensor | None, y: Tensor, stride: int, padding: int, slope: float) -> None:
    """Fill y, (b, t', h, w, c_out), from x, (b, t, h, w, c_in), and taps, (k, c_in, c_out); all are contiguous."""
    b, frames, h, w, outputs = y.shape
    grid = (triton.cdiv(b * h * w, PLACES), triton.cdiv(outputs, OUTPUTS), frames)
    _kernel[grid](
        x,
        taps,
        taps if bias is None else bias,
        y,
        b * h * w,
        h * w,
        x.shape[1],
        frames,
        x.shape[-1],
        outputs,
        SLOPE=slope,
        KERNEL=taps.shape[0],
        STRIDE=stride,
        PADDING=padding,
        BIAS=bias is not None,
        SUM=tl.float64 if x.dtype == torch.float64 else tl.float32,
        PLACES=PLACES,
        OUTPUTS=OUTPUTS,
        INPUTS=INPUTS,
    )


def _empty(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    b, _, t, h, w = x.shape
    frames = (t - 1) * stride - 2 * padding + weight.shape[2]
    return x.new_empty((b, frames, h, w, weight.shape[1])).movedim(-1, 1)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, _, ctx.stride, ctx.padding, ctx.slope = inputs
    ctx.save_for_backward(x, weight, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, y = ctx.saved_tensors
    if ctx.slope != 1:
        grad = torch.where(y > 0, grad, ctx.slope * grad)
    views = grad.flatten(3), x.flatten(3), weight[..., None]
    options = (ctx.stride, 1), (ctx.padding, 0)
    x_grad, weight_grad, bias_grad = gradients(*views, *options, wanted=ctx.needs_input_grad[:3])
    return (
        None if x_grad is None else x_grad.unflatten(3, x.shape[3:]),
        None if weight_grad is None else weight_grad[..., 0],
        bias_grad,
        None,
        None,
        None,
    )


temporal_deconv.register_autograd(_backward, setup_context=_save)


@triton.jit
def _kernel(
    x,
    taps,
    bias,
    y,
    rows,
    places,
    times,
    frames,
    inputs,
    outputs,
    SLOPE: tl.constexpr,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    BIAS: tl.constexpr,
    SUM: tl.constexpr,
    PLACES: tl.constexpr,
    OUTPUTS: tl.constexpr,
    INPUTS: tl.constexpr,
):
    """One frame of the result at a tile of rows (sample, place) and output channels."""
    row = (tl.program_id(0) * PLACES + tl.arange(0, PLACES)).to(tl.int64)
    out = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
    frame = tl.program_id(2)
    sample = row // places
    place = row % places
    total = tl.zeros((PLACES, OUTPUTS), dtype=SUM)
    for step in range((KERNEL + STRIDE - 1) // STRIDE):
        tap = (frame + PADDING) % STRIDE + step * STRIDE
        time = (frame + PADDING) // STRIDE - step  # tap t of input frame i reaches frame i * STRIDE + t - PADDING
        if (tap < KERNEL) & (time >= 0) & (time < times):
            for start in range(0, inputs, INPUTS):
                c = start + tl.arange(0, INPUTS)
                values = tl.load(
                    x + ((sample * times + time) * places + place)[:, None] * inputs + c[None, :],
                    mask=(row < rows)[:, None] & (c < inputs)[None, :],
                    other=0.0,
                )
                matrix = tl.load(
                    taps + (tap * inputs + c)[:, None] * outputs + out[None, :],
                    mask=(c < inputs)[:, None] & (out < outputs)[None, :],
                    other=0.0,
                )
                total = tl.dot(values, matrix, total, input_precision="tf32x3", out_dtype=SUM)
    if BIAS:
        total += tl.load(bias + out, mask=out < outputs, other=0.0)[None, :]
    total = tl.where(total > 0, total, SLOPE * total)
    tl.store(
        y + ((sample * frames + frame) * places + place)[:, None] * outputs + out[None, :],
        total.to(y.dtype.element_ty),
        mask=(row < rows)[:, None] & (out < outputs)[None, :],
    )
