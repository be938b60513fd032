"""DBSCAN on dense distances that are made some rows at a time: no n x n array is kept.

JVTC and ACT blend distances of k-reciprocal neighbors, 1 for most pairs, with others that are not. So, unlike in
`vg_reid.pseudo`, every pair has a distance of its own; only the pairs that are near enough to matter are kept.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from vg_reid.rerank import ROWS_PER_BLOCK

Rows = Callable[[slice], Tensor]
"""Makes a slice of the rows of distances (n, n)."""


class Pairs(NamedTuple):
    """The nearest pairs of n images."""

    first: Tensor
    """(m,) int64."""
    second: Tensor
    """(m,) int64; a distance is that of row `first`, column `second`."""
    distance: Tensor
    """(m,) float32."""


def blocks_of(rows: Rows, n: int) -> Iterator[Tensor]:
    """All rows of distances, (<= 128, n) at a time."""
    return (rows(slice(start, min(start + ROWS_PER_BLOCK, n))) for start in range(0, n, ROWS_PER_BLOCK))


def smallest_pairs(blocks: Iterable[Tensor], n: int, share: float) -> tuple[Pairs, float]:
    """Find the radius of DBSCAN by the smallest distances, and all pairs within it.

    Args:
        blocks: the rows of the distances between n images, one block after another.
        n: images.
        share: of all distances above 0, each pair counted once, by the row of its first image; at least one counts.
    Returns:
        The pairs, both ways and with each image itself, and eps, the mean of the smallest distances. All pairs up to
        the largest of these are there.
    Raises:
        ValueError: if there are fewer than two distinct images.
    """
    most = max(1, round(share * (n * (n - 1) // 2)))
    kept, low, positive, start = [], torch.empty(0), 0, 0
    bound = float("inf")
    for block in blocks:
        later = block[torch.arange(n) > torch.arange(start, start + len(block))[:, None]]
        later = later[later > 0]
        positive += len(later)
        low = torch.cat([low, later[later <= bound]])
        if len(low) > most:
            low = low.sort().values[:most]
            bound = float(low[-1])
        kept.append(_near(block, start, bound))
        start += len(block)
    if not positive:
        raise ValueError(f"found no distance above 0 among {n} images, wanted at least two distinct ones")
    eps = float(low.sort().values[: max(1, round(share * positive))].double().mean())
    return _joined(kept, bound), eps


def pairs_within(blocks: Iterable[Tensor], eps: float) -> Pairs:
    """Find the pairs at a distance of at most `eps`, both ways and with each image itself."""
    kept, start = [], 0
    for block in blocks:
        kept.append(_near(block, start, eps))
        start += len(block)
    return _joined(kept, eps)


def dbscan(pairs: Pairs, n: int, eps: float, min_samples: int = 1) -> Tensor:
    """Cluster n images by DBSCAN.

    Args:
        pairs: at least all those at a distance of at most `eps`.
        n: images.
        eps: largest distance of neighbors.
        min_samples: neighbors, itself included, that an image needs to found a cluster; with 1 every image is in one.
    Returns:
        Labels (n,) int64, -1 for an image that is in no cluster.
    Raises:
        ImportError: without the extra `train`.
    """
    try:
        from sklearn.cluster import DBSCAN
    except ImportError:
        raise ImportError("clustering needs scikit-learn: install vg-reid[train]") from None
    near = pairs.distance <= eps
    places = (pairs.first[near].numpy(), pairs.second[near].numpy())
    graph = csr_matrix((pairs.distance[near].numpy(), places), shape=(n, n))
    labels = DBSCAN(eps=max(eps, 1e-12), min_samples=min_samples, metric="precomputed").fit_predict(graph)
    return torch.from_numpy(labels.astype("int64"))


def _near(block: Tensor, start: int, bound: float) -> Pairs:
    """Pairs of a block of rows within a bound; an image is at distance 0 of itself, and rounding gives none below."""
    block = block.clamp(min=0)
    own = torch.arange(len(block))
    block[own, start + own] = 0
    first, second = (block <= bound).nonzero().T
    return Pairs(first + start, second, block[first, second])


def _joined(parts: list[Pairs], bound: float) -> Pairs:
    first, second, distance = (torch.cat(values) for values in zip(*parts, strict=True))
    near = distance <= bound
    return Pairs(first[near], second[near], distance[near])
