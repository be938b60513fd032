"""The specification of `factorized_attention`, in plain PyTorch, with derivatives that hold a few maps at a time."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from einops import rearrange
from torch import Tensor

Along = Literal["time", "space"]

_SEQUENCES = {"time": "b (h w) t c", "space": "b t (h w) c"}
_CPU_SCORES = 1 << 20  # attention scores held at once: 4 MiB in float32, within the cache of a CPU
_GPU_SCORES = 1 << 26  # enough to occupy a GPU


def factorized_attention(query: Tensor, key: Tensor, value: Tensor, along: str) -> Tensor:
    """Attend along time or over each frame: (b, d, t, h, w) twice and (b, c, t, h, w) -> (b, c, t, h, w)."""
    y = _Attention.apply(*(sequences(x, along) for x in (query, key, value)))
    return maps(y, along, value)


def sequences(x: Tensor, along: str) -> Tensor:
    """View (b, c, t, h, w) as sequences that attend within themselves: (b, sequences, positions, c)."""
    return rearrange(x, f"b c t h w -> {_SEQUENCES[along]}")


def maps(x: Tensor, along: str, like: Tensor) -> Tensor:
    """View sequences as maps again, (b, c, t, h, w), with the t, h and w of `like`."""
    t, h, w = like.shape[2:]
    return rearrange(x, f"{_SEQUENCES[along]} -> b c t h w", t=t, h=h, w=w)


def gradients(query: Tensor, key: Tensor, value: Tensor, y: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of query, key and value from that of y = softmax(query key^T) value; all are sequences."""
    if torch.is_grad_enabled():  # they will be differentiated again: no part is written into another tensor
        return _gradients(query, key, value, y, grad)
    wholes = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
    for part in _parts(query):
        pieces = _gradients(query[part], key[part], value[part], y[part], grad[part])
        for whole, piece in zip(wholes, pieces, strict=True):
            whole[part] = piece
    return wholes


class _Attention(torch.autograd.Function):
    """softmax(query key^T) value over (b, n, l, d) sequences; the backward pass computes the maps anew.

    `scaled_dot_product_attention` has no second derivative on a CPU, and keeps the maps when d and c differ.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        y = torch.empty_like(value)
        for part in _parts(query):
            y[part] = (query[part] @ key[part].mT).softmax(-1) @ value[part]
        ctx.save_for_backward(query, key, value, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        query, key, value, y = ctx.saved_tensors
        return gradients(query, key, value, y, grad)


def _gradients(query: Tensor, key: Tensor, value: Tensor, y: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weights = (query @ key.mT).softmax(-1)
    grad_scores = weights * (grad @ value.mT - (grad * y).sum(-1, keepdim=True))
    return grad_scores @ key, grad_scores.mT @ query, weights.mT @ grad


def _parts(query: Tensor) -> Iterator[tuple[int, slice]]:
    """Indices of the sequences that are worked on at once."""
    samples, count, length, _ = query.shape
    held = _CPU_SCORES if query.device.type == "cpu" else _GPU_SCORES
    step = max(1, held // length**2)
    for sample in range(samples):
        for start in range(0, count, step):
            yield sample, slice(start, start + step)
