"""Batches of a few images of each of some identities, and the triplet loss that needs them."""

import torch
from torch import Tensor

from vg_reid.seeds import seeded
from vg_reid.warmup.procedure import IDENTITIES


def identity_batches(labels: Tensor, *, batch_size: int, instances: int, key: tuple[int, ...]) -> list[list[int]]:
    """Go through all identities once, in a random order, with a few random images of each.

    Args:
        labels: identities of all images, (n,); -1 for one that takes no part.
        batch_size: images in a batch.
        instances: images of an identity; one that has fewer gives some of them several times.
        key: what the draws are a function of.
    Returns:
        Batches of whole identities; those left over are not seen, fewer than a batch make one.
    """
    draw = seeded(key[0], IDENTITIES, *key[1:])
    identities = labels[labels >= 0].unique()
    identities = identities[torch.randperm(len(identities), generator=draw)]
    chosen = []
    for identity in identities:
        own = (labels == identity).nonzero().flatten()
        if len(own) < instances:
            places = torch.randint(len(own), (instances,), generator=draw)
        else:
            places = torch.randperm(len(own), generator=draw)[:instances]
        chosen.append(own[places])
    size = max(1, batch_size // instances)
    batches = [chosen[start : start + size] for start in range(0, len(chosen) - size + 1, size)]
    return [torch.cat(batch).tolist() for batch in batches or [chosen] if batch]


def triplet_losses(features: Tensor, labels: Tensor, margin: float = 0.5) -> Tensor:
    """Want the farthest image of an identity nearer than the nearest one of another, by a margin.

    Args:
        features: (b, d).
        labels: identities, (b,).
        margin: in Euclidean distance.
    Returns:
        (b,), 0 or more; 0 where there is no other identity.
    """
    squares = features.square().sum(1)
    distances = (squares[:, None] + squares - 2 * features @ features.T).clamp(min=1e-12).sqrt()
    same = labels[:, None] == labels
    farthest = distances.masked_fill(~same, 0).amax(1)
    nearest = distances.masked_fill(same, torch.inf).amin(1)
    return (farthest - nearest + margin).relu()
