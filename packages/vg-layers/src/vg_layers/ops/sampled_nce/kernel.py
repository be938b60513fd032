"""The products of `sampled_nce` as Triton kernels: a row of the bank is used as it is fetched."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

PICKS, CHANNELS = 64, 64  # the tile of one program: rows picked, and numbers of each
SHARE = 1024  # picks that one program adds up


@torch.library.custom_op("vg_layers::row_products", mutates_args=())
def row_products(query: Tensor, memory: Tensor, index: Tensor) -> Tensor:
    """Compute query[b] . memory[index[b, k]]: (b, d), (n, d) and (b, k) -> (b, k)."""
    products = query.new_empty(index.shape)
    if products.numel():
        launch_products(query.contiguous(), memory.contiguous(), index.contiguous(), products)
    return products


@torch.library.custom_op("vg_layers::row_sums", mutates_args=())
def row_sums(weights: Tensor, memory: Tensor, index: Tensor) -> Tensor:
    """Compute sum over k of weights[b, k] memory[index[b, k]]: (b, k), (n, d) and (b, k) -> (b, d)."""
    dtype = torch.float64 if weights.dtype == torch.float64 else torch.float32
    shares = weights.new_zeros((triton.cdiv(index.shape[1], SHARE), len(index), memory.shape[1]), dtype=dtype)
    if shares.numel():
        launch_sums(weights.contiguous(), memory.contiguous(), index.contiguous(), shares)
    return shares.sum(0).to(weights.dtype)


@row_products.register_fake
def _(query: Tensor, memory: Tensor, index: Tensor) -> Tensor:
    return query.new_empty(index.shape)


@row_sums.register_fake
def _(weights: Tensor, memory: Tensor, index: Tensor) -> Tensor:
    return weights.new_empty((len(index), memory.shape[1]))


def launch_products(query: Tensor, memory: Tensor, index: Tensor, products: Tensor) -> None:
    """Fill `products`, (b, k); all are contiguous."""
    b, k = products.shape
    total = tl.float64 if query.dtype == torch.float64 else tl.float32
    _products[(b, triton.cdiv(k, PICKS))](query, memory, index, products, k, memory.shape[1], total, PICKS, CHANNELS)


def launch_sums(weights: Tensor, memory: Tensor, index: Tensor, shares: Tensor) -> None:
    """Fill `shares`, (k / SHARE, b, d), the sums over SHARE picks each; all are contiguous."""
    parts, b, d = shares.shape
    total = tl.float64 if shares.dtype == torch.float64 else tl.float32
    grid = (b, triton.cdiv(d, CHANNELS), parts)
    _sums[grid](weights, memory, index, shares, b, index.shape[1], d, total, SHARE, PICKS, CHANNELS)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:])


def _products_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    return row_sums(grad, *ctx.saved_tensors), None, None


def _sums_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    return row_products(grad, *ctx.saved_tensors), None, None


row_products.register_autograd(_products_backward, setup_context=_save)
row_sums.register_autograd(_sums_backward, setup_context=_save)


@triton.jit
def _products(
    query,
    memory,
    index,
    products,
    picks,
    channels,
    SUM: tl.constexpr,
    PICKS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """A tile of picks of one query."""
    b = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1) * PICKS + tl.arange(0, PICKS)
    rows = tl.load(index + b * picks + k, mask=k < picks, other=0)
    total = tl.zeros((PICKS,), dtype=SUM)
    for start in range(0, channels, CHANNELS):
        c = start + tl.arange(0, CHANNELS)
        inside = (k < picks)[:, None] & (c < channels)[None, :]
        fetched = tl.load(memory + rows[:, None] * channels + c[None, :], mask=inside, other=0.0)
        vector = tl.load(query + b * channels + c, mask=c < channels, other=0.0)
        total += tl.sum(fetched.to(SUM) * vector.to(SUM)[None, :], 1)
    tl.store(products + b * picks + k, total.to(products.dtype.element_ty), mask=k < picks)


@triton.jit
def _sums(
    weights,
    memory,
    index,
    shares,
    samples,
    picks,
    channels,
    SUM: tl.constexpr,
    SHARE: tl.constexpr,
    PICKS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """A tile of channels of one weighted sum, over one share of the picks."""
    b = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    share = tl.program_id(2)
    total = tl.zeros((CHANNELS,), dtype=SUM)
    for start in range(0, SHARE, PICKS):
        k = share * SHARE + start + tl.arange(0, PICKS)
        rows = tl.load(index + b * picks + k, mask=k < picks, other=0)
        weight = tl.load(weights + b * picks + k, mask=k < picks, other=0.0)
        inside = (k < picks)[:, None] & (c < channels)[None, :]
        fetched = tl.load(memory + rows[:, None] * channels + c[None, :], mask=inside, other=0.0)
        total += tl.sum(weight.to(SUM)[:, None] * fetched.to(SUM), 0)
    tl.store(shares + (share * samples + b) * channels + c, total, mask=c < channels)
