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
    grad_query, grad_key, grad_value = (torch.empty_like(x) for x in (query, key, value))
    for part, weights, scores in _parts_with_room(query):
        _weigh(query[part], key[part], scores, weights)
        torch.bmm(weights.mT, grad[part], out=grad_value[part])
        torch.bmm(grad[part], value[part].mT, out=scores)
        scores.sub_((grad[part] * y[part]).sum(-1, keepdim=True)).mul_(weights)
        torch.bmm(scores, key[part], out=grad_query[part])
        torch.bmm(scores.mT, query[part], out=grad_key[part])
    return grad_query, grad_key, grad_value


class _Attention(torch.autograd.Function):
    """softmax(query key^T) value over (b, n, l, d) sequences; the backward pass computes the maps anew.

    `scaled_dot_product_attention` has no second derivative on a CPU, and keeps the maps when d and c differ.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        y = torch.empty_like(value)
        for part, weights, scores in _parts_with_room(query):
            torch.bmm(_weigh(query[part], key[part], scores, weights), value[part], out=y[part])
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


def _weigh(query: Tensor, key: Tensor, scores: Tensor, weights: Tensor) -> Tensor:
    """Fill `weights` with softmax(query key^T), and `scores` with what is in the brackets."""
    return torch.softmax(torch.bmm(query, key.mT, out=scores), -1, out=weights)


def _parts_with_room(query: Tensor) -> Iterator[tuple[tuple[int, slice], Tensor, Tensor]]:
    """The parts, each with two tensors for as many attention maps, which are the same memory for all parts."""
    room: list[Tensor] = []
    for sample, some in _parts(query):
        count, length = query[sample, some].shape[:2]
        room = room or [query.new_empty(count, length, length) for _ in range(2)]
        yield (sample, some), room[0][:count], room[1][:count]


def _parts(query: Tensor) -> Iterator[tuple[int, slice]]:
    """Indices of the sequences that are worked on at once."""
    samples, count, length, _ = query.shape
    held = _CPU_SCORES if query.device.type == "cpu" else _GPU_SCORES
    step = max(1, held // length**2)
    for sample in range(samples):
        for start in range(0, count, step):
            yield sample, slice(start, start + step)
