"""The contrastive loss of chapter 6 beside the form that copies the negatives of each query out of the bank."""

from collections.abc import Iterator
from functools import partial

import torch
from harness import Case, Setting, forward_backward
from torch import Tensor
from torch.nn import functional as F
from vg_layers.ops.sampled_nce import reference, sampled_nce

# Queries, numbers each, rows of the bank, negatives: Market-1501, MSMT17, and smaller samples of a larger bank.
SIZES = [(16, 512, 12936, 8192), (16, 512, 32621, 8192), (16, 512, 262144, 8192), (16, 512, 262144, 1024)]
TEMPERATURE = 0.04


def copied(positive: Tensor, query: Tensor, memory: Tensor, negatives: Tensor) -> Tensor:
    """Three cross-entropies over K + 1 logits, the rows of the bank copied to (b, K, d)."""
    away = torch.einsum("bd,bkd->bk", query, memory[negatives])
    target = torch.zeros(len(query), dtype=torch.long, device=query.device)
    losses = [
        F.cross_entropy(torch.cat([p[:, None], away], 1) / TEMPERATURE, target, reduction="none") for p in positive
    ]
    return torch.stack(losses)


def fetched(positive: Tensor, query: Tensor, memory: Tensor, negatives: Tensor) -> Tensor:
    """Our loss with rows fetched in parts, whatever the size of the bank: where the reference changes over."""
    away = reference.fetched_products(query, memory, negatives)
    return F.softplus((away / TEMPERATURE).logsumexp(-1) - positive / TEMPERATURE)


def cases(setting: Setting) -> Iterator[Case]:
    for b, d, n, k in [(2, 8, 20, 10)] if setting.tiny else SIZES:
        positive = setting.randn(3, b)
        query, memory = (F.normalize(setting.randn(rows, d, requires_grad=False), dim=1) for rows in (b, n))
        negatives = torch.stack([torch.randperm(n, device=setting.device)[:k] for _ in range(b)])
        ours = partial(sampled_nce, temperature=TEMPERATURE)
        functions = {"plain": copied, "ours": ours, "in parts": fetched}
        if setting.device.type == "cuda":
            functions |= {"compiled": torch.compile(copied), "triton": partial(ours, impl="triton")}
        given = (positive, query.requires_grad_(), memory, negatives)
        yield Case(
            name=f"{b} queries, {k} of {n} rows of {d}",
            forms={name: forward_backward(function, *given) for name, function in functions.items()},
            flops=4 * b * k * d,
            moved=2 * b * k * d * memory.element_size(),
        )
