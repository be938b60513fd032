"""k-reciprocal re-ranking: who is a neighbor of whom, both ways, corrects the distances (Zhong et al., CVPR 2017)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ROWS_PER_BLOCK = 128  # with 20,000 images 20 MB of overlaps at a time

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def rerank(query: Tensor, gallery: Tensor, *, k1: int = 20, k2: int = 6, lambda_value: float = 0.3) -> Tensor:
    """Re-rank a gallery for each query, with the neighbors of queries and gallery images among all of them.

    The distance is (1 - lambda) times the Jaccard distance of the k-reciprocal neighbors plus lambda times the squared
    Euclidean distance over its largest value in the row. Nothing of size (q + g) x (q + g) is held.

    Args:
        query: features, (q, d).
        gallery: features, (g, d).
        k1: neighbors that must be mutual.
        k2: neighbors whose sets are averaged (local query expansion).
        lambda_value: share of the original distance, 0..1.
    Returns:
        Distances in 0..1, (q, g), float32, on the CPU.
    Raises:
        ValueError: if features are not finite, widths differ, or an option is out of range.
    """
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise ValueError(f"features of shapes {(*query.shape,)} and {(*gallery.shape,)}, wanted (q, d) and (g, d)")
    both = torch.cat([query, gallery.to(query)])
    if not torch.isfinite(both).all():
        raise ValueError("features are not all finite, wanted numbers to re-rank by")
    blocks = rerank_blocks(squared_distances(both), len(both), rows=len(query), k1=k1, k2=k2, lambda_value=lambda_value)
    found = [block[:, len(query) :] for block in blocks]
    return torch.cat(found) if found else torch.empty(0, len(gallery))


def squared_distances(features: Tensor) -> Callable[[slice], Tensor]:
    """Return what makes rows of the squared Euclidean distances of (n, d) features among one another: (rows, n)."""
    norms = features.square().sum(dim=1)
    return lambda rows: (norms[rows, None] + norms - 2 * features[rows] @ features.T).clamp(min=0)


def rerank_blocks(
    distances: Callable[[slice], Tensor],
    n: int,
    *,
    rows: int | None = None,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
) -> Iterator[Tensor]:
    """Re-rank the images of one set by any symmetric distance, some rows at a time.

    Args:
        distances: makes a slice of the rows of the (n, n) distances, each >= 0; called three times for each slice.
        n: images.
        rows: only the first ones are re-ranked; all of them by default.
        k1: neighbors that must be mutual.
        k2: neighbors whose sets are averaged.
        lambda_value: share of the original distance, 0..1.
    Yields:
        The next rows of the new distances, (<= 128, n), float32, on the CPU.
    Raises:
        ValueError: if an option is out of range.
    """
    if k1 < 1 or k2 < 1 or not 0 <= lambda_value <= 1:
        raise ValueError(f"k1={k1}, k2={k2}, lambda_value={lambda_value}, wanted at least 1, at least 1, and 0..1")
    rows = n if rows is None else rows
    near, largest = _neighbors(distances, n, min(max(k1 + 1, k2), n))
    own = _weights(distances, _mutual(near[:, : k1 + 1], near[:, : round(k1 / 2) + 1]), largest)
    sets = _average(own, near[:, :k2])
    by_column = _by_column(sets)
    for block in _slices(rows):
        original = distances(block).cpu().double().numpy() / largest[block, None]
        jaccard = _jaccard(sets, by_column, block)
        yield torch.from_numpy((1 - lambda_value) * jaccard + lambda_value * original).float()


class _Sets(NamedTuple):
    """Weighted sets of images, one for each of n images: a sparse (n, n) matrix, row after row."""

    starts: Ints
    """Where each row begins, (n + 1,)."""
    columns: Ints
    values: Floats


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, min(start + ROWS_PER_BLOCK, n)) for start in range(0, n, ROWS_PER_BLOCK))


def _ranges(starts: Ints, sizes: Ints) -> Ints:
    """Count from each start as far as its size says, one range after another."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(sizes.sum())


def _neighbors(distances: Callable[[slice], Tensor], n: int, k: int) -> tuple[Ints, Floats]:
    """The k nearest of each image, nearest first, (n, k), and the largest distance in each row, (n,)."""
    near, largest = np.empty((n, k), np.int64), np.empty(n)
    for block in _slices(n):
        rows = distances(block)
        near[block] = rows.topk(k, dim=1, largest=False).indices.cpu().numpy()
        largest[block] = rows.max(dim=1).values.cpu().numpy()
    return near, np.maximum(largest, np.finfo(np.float32).tiny)


def _reciprocal(near: Ints) -> Ints:
    """Pairs that are near each other, both ways, as sorted codes i * n + j."""
    n = len(near)
    rows = np.arange(n)[:, None]
    return np.intersect1d(rows * n + near, near * n + rows, assume_unique=True)


def _mutual(near: Ints, nearer: Ints) -> Ints:
    """The k-reciprocal sets R*: each takes in the narrower set of a member of which it has more than two thirds."""
    n = len(near)
    pairs, narrow = _reciprocal(near), _reciprocal(nearer)
    image, member = np.divmod(pairs, n)
    starts = np.searchsorted(narrow, member * n)
    sizes = np.searchsorted(narrow, (member + 1) * n) - starts
    owner = np.repeat(np.arange(len(pairs)), sizes)
    candidates = image[owner] * n + narrow[_ranges(starts, sizes)] % n
    place = np.searchsorted(pairs, candidates).clip(max=len(pairs) - 1)
    shared = np.bincount(owner, weights=pairs[place] == candidates, minlength=len(pairs))
    return np.union1d(pairs, candidates[(3 * shared > 2 * sizes)[owner]])


def _weights(distances: Callable[[slice], Tensor], pairs: Ints, largest: Floats) -> _Sets:
    """Weigh the members of each set by exp(-distance), to a sum of 1."""
    n = len(largest)
    rows, columns = np.divmod(pairs, n)
    starts = np.searchsorted(pairs, np.arange(n + 1) * n)
    values = np.empty(len(pairs))
    for block in _slices(n):
        part = slice(starts[block.start], starts[block.stop])
        local = torch.from_numpy(rows[part] - block.start), torch.from_numpy(columns[part])
        values[part] = distances(block).cpu()[local].double().numpy()
    values = np.exp(-values / largest[rows])
    return _Sets(starts, columns, values / np.bincount(rows, weights=values, minlength=n)[rows])


def _average(sets: _Sets, near: Ints) -> _Sets:
    """Replace each set by the mean of the sets of its nearest images, itself among them."""
    n, k = near.shape
    sizes = np.diff(sets.starts)[near.ravel()]
    taken = _ranges(sets.starts[near.ravel()], sizes)
    codes = np.repeat(np.repeat(np.arange(n), k), sizes) * n + sets.columns[taken]
    pairs, place = np.unique(codes, return_inverse=True)
    values = np.bincount(place, weights=sets.values[taken]) / k
    return _Sets(np.searchsorted(pairs, np.arange(n + 1) * n), pairs % n, values)


def _by_column(sets: _Sets) -> _Sets:
    """The transposed matrix: in which sets each image is."""
    n = len(sets.starts) - 1
    order = np.argsort(sets.columns, kind="stable")
    rows = np.repeat(np.arange(n), np.diff(sets.starts))
    return _Sets(np.searchsorted(sets.columns[order], np.arange(n + 1)), rows[order], sets.values[order])


def _jaccard(sets: _Sets, by_column: _Sets, block: slice) -> Floats:
    """Jaccard distances of some sets to all: 1 - sum of minima / sum of maxima, where each set sums to 1."""
    n, height = len(sets.starts) - 1, block.stop - block.start
    part = slice(sets.starts[block.start], sets.starts[block.stop])
    columns = sets.columns[part]
    sizes = by_column.starts[columns + 1] - by_column.starts[columns]
    met = _ranges(by_column.starts[columns], sizes)
    rows = np.repeat(np.arange(height), np.diff(sets.starts[block.start : block.stop + 1]))
    smaller = np.minimum(np.repeat(sets.values[part], sizes), by_column.values[met])
    codes = np.repeat(rows, sizes) * n + by_column.columns[met]
    minima = np.bincount(codes, weights=smaller, minlength=height * n).reshape(height, n)
    return 1 - minima / (2 - minima)
