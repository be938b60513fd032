"""View-invariant losses: original, generated and remembered views of a person agree (6.3.2)."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from vg_layers.ops.sampled_nce import sampled_nce

from vg_reid.memory import MemoryBank

Term = Literal["original_memory", "generated_original", "generated_memory"]
"""A positive pair and the loss it stands for: L_vi (eq. 6.6), L'_vi (eq. 6.7), L''_vi (eq. 6.8)."""

TERMS: tuple[Term, ...] = ("original_memory", "generated_original", "generated_memory")


class Pairs(NamedTuple):
    """Rows of the memory bank that b anchors are compared with."""

    own: Tensor
    """(b,), the anchors themselves."""
    positive: Tensor
    """(b,), f_pos: a random image with the anchor's label, which may be the anchor."""
    positive_again: Tensor
    """(b,), a second draw of the same kind, used by the released code alone."""
    negatives: Tensor
    """(b, K), distinct images with other labels; outliers are among them."""


def draw_pairs(indices: Tensor, labels: Tensor | np.ndarray, generator: torch.Generator, count: int = 8192) -> Pairs:
    """Draw positives and negatives of anchors by their pseudo labels.

    All anchors get the same number of negatives: `count`, or what is left beside the largest cluster if that is less.

    Args:
        indices: the anchors, (b,) int64, rows of the bank.
        labels: pseudo labels of the whole bank, (n,) integers; -1 marks outliers, which are negatives of everyone.
        generator: where the draws come from; they are made on its device.
        count: K, at least 1.
    Returns:
        Pairs on the device of `indices`.
    Raises:
        ValueError: if an anchor is an outlier, all images have one label, or count is below 1.
    """
    device = generator.device
    labels = torch.as_tensor(labels, device=device)
    anchors = labels[indices.to(device)]
    if (anchors < 0).any():
        row = int(indices[int((anchors < 0).nonzero()[0])])
        raise ValueError(f"image {row} is an outlier, wanted anchors that are in a cluster")
    available = len(labels) - int(labels[labels >= 0].bincount().max())
    if min(count, available) < 1:
        raise ValueError(f"K={count} and {available} images beside the largest cluster, wanted at least 1 negative")

    alike = anchors[:, None] == labels
    noise = torch.rand((3, *alike.shape), generator=generator, device=device)
    positive, again = noise[:2].masked_fill(~alike, -1).argmax(2)
    negatives = noise[2].masked_fill(alike, 2).topk(min(count, available), largest=False, sorted=False).indices
    return Pairs(indices, *(rows.to(indices.device) for rows in (positive, again, negatives)))


def view_losses(
    f: Tensor,
    f_new: Tensor,
    pairs: Pairs,
    bank: MemoryBank,
    *,
    terms: Sequence[Term] = TERMS,
    temperature: float = 0.04,
    negatives_from: Literal["generated", "original"] = "generated",
    released: bool = False,
) -> dict[Term, Tensor]:
    """Compute the view-invariant losses, means over a batch (eq. 6.6 to eq. 6.8).

    Each pulls a positive pair together and pushes a view away from the K negatives; their sum is what eq. 6.9 adds to
    the generator's loss. Gradients go to both views and never to the bank. In L'_vi an original view that is not pushed
    away is the target of f'_new, as the anchor's own vector in the bank is in the released code: it gets no gradient.

    Args:
        f: features of the original views, (b, d) with rows of length 1.
        f_new: f'_new, of the generated views, likewise.
        pairs: rows of the bank to compare with: `draw_pairs`.
        bank: a constant here; `MemoryBank.update` comes after the backward pass.
        terms: which of the three: table 6.3 has them one by one.
        temperature: tau.
        negatives_from: which view is pushed away from the negatives: the generated one, or the original one, which
            6.3.2 found to be worse.
        released: take the pairs of the released code: f'_new goes with the anchor's own vector in the bank, not with f,
            and f with a second draw, not with the one that f'_new goes with.
    Returns:
        A scalar for each term.
    Raises:
        ValueError: for another `negatives_from`, no terms, or shapes that do not fit.
    """
    if negatives_from not in ("generated", "original"):
        raise ValueError(f"negatives_from={negatives_from!r}, wanted 'generated' or 'original'")
    if not terms:
        raise ValueError(f"found no terms, wanted some of {', '.join(TERMS)}")
    f, f_new = f.to(bank.vectors), f_new.to(bank.vectors)
    remembered = bank.vectors[pairs.positive]
    query, beside = (f_new, f.detach()) if negatives_from == "generated" else (f, f)
    positives: dict[Term, Tensor] = {
        "original_memory": (f * (bank.vectors[pairs.positive_again] if released else remembered)).sum(1),
        "generated_original": (f_new * (bank.vectors[pairs.own] if released else beside)).sum(1),
        "generated_memory": (f_new * remembered).sum(1),
    }
    stacked = torch.stack([positives[term] for term in terms])
    losses = sampled_nce(stacked, query, bank.vectors, pairs.negatives, temperature=temperature).mean(1)
    return dict(zip(terms, losses, strict=True))


def contrast_loss(f: Tensor, pairs: Pairs, bank: MemoryBank, *, temperature: float = 0.04) -> Tensor:
    """Compute L_vi without GAN, from one view alone (6.4.3): f against f_pos and the K negatives, mean over a batch.

    Args:
        f: features of the images, or of augmented views of them (TDA of table 6.3), (b, d) with rows of length 1.
        pairs: rows of the bank to compare with: `draw_pairs`.
        bank: a constant here.
        temperature: tau.
    """
    f = f.to(bank.vectors)
    positive = (f * bank.vectors[pairs.positive]).sum(1)
    return sampled_nce(positive, f, bank.vectors, pairs.negatives, temperature=temperature).mean()
