"""`factorized_attention` as one Triton kernel that never writes an attention map: softmax and sum advance together."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from vg_layers.ops.factorized_attention import reference

POSITIONS, CHANNELS = 64, 128  # the tile of one program; it takes as many positions to attend to at a time


@torch.library.custom_op("vg_layers::factorized_attention", mutates_args=())
def factorized_attention(query: Tensor, key: Tensor, value: Tensor, along: str) -> Tensor:
    """Attend along time or over each frame: (b, d, t, h, w) twice and (b, c, t, h, w) -> (b, c, t, h, w)."""
    y = _empty(value)
    if y.numel():
        t, places = value.shape[2], value.shape[3:].numel()
        length, apart = (t, places) if along == "time" else (places, 1)
        q, k, v = (x.movedim(1, -1).contiguous() for x in (query, key, value))
        launch(q, k, v, y.movedim(1, -1), length, apart)
    return y


@factorized_attention.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, along: str) -> Tensor:
    return _empty(value)


def launch(query: Tensor, key: Tensor, value: Tensor, y: Tensor, length: int, apart: int) -> None:
    """Fill y.

    All are contiguous (..., channels). The positions of a sequence, `length` in number, are `apart` rows from each
    other.
    """
    depth, channels = query.shape[-1], value.shape[-1]
    positions = min(POSITIONS, max(16, triton.next_power_of_2(length)))
    width = min(CHANNELS, max(16, triton.next_power_of_2(channels)))
    grid = (y.numel() // (channels * length), triton.cdiv(length, positions), triton.cdiv(channels, width))
    _kernel[grid](
        query,
        key,
        value,
        y,
        length,
        apart,
        depth,
        channels,
        SUM=tl.float64 if y.dtype == torch.float64 else tl.float32,
        POSITIONS=positions,
        DEPTH=max(16, triton.next_power_of_2(depth)),
        CHANNELS=width,
    )


def _empty(value: Tensor) -> Tensor:
    b, c, *size = value.shape
    return value.new_empty((b, *size, c)).movedim(-1, 1)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, str], output: Tensor) -> None:
    *tensors, ctx.along = inputs
    ctx.save_for_backward(*tensors, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Matrix products of PyTorch, a few maps at a time: as in the reference, and as often differentiable."""
    like = ctx.saved_tensors[0]
    rows = (reference.sequences(x, ctx.along) for x in (*ctx.saved_tensors, grad))
    return *(reference.maps(x, ctx.along, like) for x in reference.gradients(*rows)), None


factorized_attention.register_autograd(_backward, setup_context=_save)


@triton.jit
def _kernel(
    query,
    key,
    value,
    y,
    length,
    apart,
    depth,
    channels,
    SUM: tl.constexpr,
    POSITIONS: tl.constexpr,
    DEPTH: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """A tile of positions and channels of one sequence.

    Over the tiles of keys seen so far, `top` is the largest score of each query, `mass` the sum of exp(score - top) and
    `total` the values weighted so; a larger score that comes later scales both down.
    """
    sequence = tl.program_id(0).to(tl.int64)
    first = sequence // apart * apart * length + sequence % apart  # row of the sequence's first position
    at = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)
    d = tl.arange(0, DEPTH)
    c = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    rows = first + at.to(tl.int64) * apart
    queries = tl.load(
        query + rows[:, None] * depth + d[None, :], mask=(at < length)[:, None] & (d < depth)[None, :], other=0.0
    )
    top = tl.full((POSITIONS,), float("-inf"), dtype=SUM)
    mass = tl.zeros((POSITIONS,), dtype=SUM)
    total = tl.zeros((POSITIONS, CHANNELS), dtype=SUM)
    for start in range(0, length, POSITIONS):
        other = start + tl.arange(0, POSITIONS)
        others = first + other.to(tl.int64) * apart
        known = other < length
        keys = tl.load(
            key + others[None, :] * depth + d[:, None], mask=known[None, :] & (d < depth)[:, None], other=0.0
        )
        values = tl.load(
            value + others[:, None] * channels + c[None, :], mask=known[:, None] & (c < channels)[None, :], other=0.0
        )
        scores = tl.dot(queries, keys, input_precision="tf32x3", out_dtype=SUM)
        scores = tl.where(known[None, :], scores, float("-inf"))
        higher = tl.maximum(top, tl.max(scores, 1))
        weights = tl.exp(scores - higher[:, None])
        shrink = tl.exp(top - higher)
        mass = mass * shrink + tl.sum(weights, 1)
        total = total * shrink[:, None]
        total = tl.dot(weights.to(values.dtype), values, total, input_precision="tf32x3", out_dtype=SUM)
        top = higher
    tl.store(
        y + rows[:, None] * channels + c[None, :],
        (total / mass[:, None]).to(y.dtype.element_ty),
        mask=(at < length)[:, None] & (c < channels)[None, :],
    )
