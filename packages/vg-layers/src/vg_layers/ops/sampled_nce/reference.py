"""Products with rows of a matrix that an index picks, in plain PyTorch, without a copy of the rows."""

from typing import Any

import torch
from torch import Tensor

_ALL_ROWS = 32  # a matrix product with this many rows costs less than fetching one row for each query
_FETCHED = 1 << 18  # numbers fetched at once: 1 MiB in float32


def row_products(query: Tensor, memory: Tensor, index: Tensor) -> Tensor:
    """Compute query[b] . memory[index[b, k]]: (b, d), (n, d) and (b, k) -> (b, k)."""
    if len(memory) <= _ALL_ROWS * index.shape[1]:
        return (query @ memory.mT).gather(1, index)
    return fetched_products(query, memory, index)


def fetched_products(query: Tensor, memory: Tensor, index: Tensor) -> Tensor:
    """Compute the same from the rows picked alone, fetched a few at a time: for a bank much larger than the sample."""
    return _RowProducts.apply(query, memory, index)


class _RowProducts(torch.autograd.Function):
    """Linear in the query; its gradient is `_RowSums`, whose gradient this is again."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, memory: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(memory, index)
        parts = index.split(_step(query), dim=1)
        return torch.cat([torch.einsum("bd,bkd->bk", query, memory[part]) for part in parts], dim=1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return _RowSums.apply(grad, *ctx.saved_tensors), None, None


class _RowSums(torch.autograd.Function):
    """Compute sum over k of weights[b, k] memory[index[b, k]]: (b, k), (n, d) and (b, k) -> (b, d)."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, memory: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(memory, index)
        total = weights.new_zeros(len(weights), memory.shape[1])
        step = _step(total)
        for part, rows in zip(weights.split(step, dim=1), index.split(step, dim=1), strict=True):
            total += torch.einsum("bk,bkd->bd", part, memory[rows])
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return _RowProducts.apply(grad, *ctx.saved_tensors), None, None


def _step(query: Tensor) -> int:
    """Columns of an index that are fetched at once."""
    return max(1, _FETCHED // max(1, query.numel()))
