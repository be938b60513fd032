"""Contrast of queries with positives and with negatives drawn from a memory bank (6.3.2)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vg_layers.ops.impl import Impl, use_kernel, why_no_kernel
from vg_layers.ops.sampled_nce import reference


def sampled_nce(
    positive: Tensor,
    query: Tensor,
    memory: Tensor,
    negatives: Tensor,
    *,
    temperature: float = 0.04,
    impl: Impl = "auto",
) -> Tensor:
    """InfoNCE of K + 1 pairs, log(1 + sum_i exp(sim(query, k_i) / tau) / exp(positive / tau)) (eq. 6.6 to eq. 6.8).

    The three equations share query and negatives and differ in the positive pair: a `positive` of shape (3, b) gives
    all three for the price of one. The negatives k_i are rows of the memory bank; a copy of them, (b, K, d), is never
    made. The bank is a constant: it gets no gradient, and is nowhere written to (eq. 6.5 is the caller's step).

    Args:
        positive: similarities of positive pairs, (..., b), in [-1, 1].
        query: f'_new, (b, d) with rows of length 1, so that products are the thesis' sim.
        memory: the bank, (n, d) with rows of length 1.
        negatives: which rows of the bank each query is pushed away from, (b, K), integers in [0, n).
        temperature: tau, above 0.
        impl: "torch", "triton", or "auto", which is "torch": the kernel has not been seen to be faster yet.
    Returns:
        The loss of each pair, (..., b), computed in the dtype of the bank, also under autocast. E of the equations, the
        mean, is left to the caller.
    Raises:
        ValueError: if a shape, a dtype or the temperature is not as above, or if the bank wants a gradient.
        RuntimeError: if "triton" is wanted where it cannot run.
    """
    _check(positive, query, memory, negatives, temperature)
    with torch.autocast(query.device.type, enabled=False):  # at a temperature of 0.04, half precision is felt
        query = query.to(memory.dtype)
        if use_kernel(impl, why_no_kernel(query, memory), faster=False):
            from vg_layers.ops.sampled_nce import kernel

            logits = kernel.row_products(query, memory, negatives)
        else:
            logits = reference.row_products(query, memory, negatives)
        gap = (logits / temperature).logsumexp(-1) - positive.to(memory.dtype) / temperature
        return F.softplus(gap, threshold=40)  # beyond the threshold softplus(x) is x, off by exp(-40)


def _check(positive: Tensor, query: Tensor, memory: Tensor, negatives: Tensor, temperature: float) -> None:
    """Refuse what does not fit together."""
    if query.ndim != 2 or memory.ndim != 2 or query.shape[1] != memory.shape[1]:
        raise ValueError(
            f"query and memory have shapes {tuple(query.shape)} and {tuple(memory.shape)}; wanted (b, d) and (n, d)"
        )
    if negatives.dtype != torch.int64 or negatives.ndim != 2 or len(negatives) != len(query):
        raise ValueError(
            f"negatives are {negatives.dtype} {tuple(negatives.shape)}; wanted torch.int64 ({len(query)}, K)"
        )
    if positive.shape[-1:] != query.shape[:1]:
        raise ValueError(f"positive has shape {tuple(positive.shape)}; wanted (..., {len(query)})")
    if memory.requires_grad:
        raise ValueError("memory wants a gradient, but the bank is a constant of this loss: detach it")
    if temperature <= 0:
        raise ValueError(f"temperature={temperature}, wanted above 0")
