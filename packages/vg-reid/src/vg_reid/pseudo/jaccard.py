"""Jaccard distances of k-reciprocal neighbor sets.

Two images are alike when they have the same neighbors. Most pairs share none, at distance 1: only the others are ever
held, as similarities 1 - d.
"""

import numpy as np
import torch
from scipy.sparse import csc_array, csr_array, eye_array
from torch import Tensor
from torch.nn import functional as F

from vg_reid.index import exact_search

PAIRS = 1 << 13  # cosines computed at once
CELLS = 1 << 18  # numbers of a block of sums: its rows x images
TERMS = 1 << 20  # minima added to a block, at most


def jaccard_distance(features: Tensor | np.ndarray, k1: int = 30, k2: int = 6) -> csr_array:
    """Compute k-reciprocal Jaccard distances d of all pairs, stored as similarities 1 - d: `1 - result.toarray()` is d.

    An image's set are its k1 nearest neighbors that have it among theirs, and the sets of half size of those that
    overlap with it by more than two thirds. Members are weighted by a softmax of their similarity, and sets averaged
    over the k2 nearest neighbors. With m the sum of the smaller weights of two images, d = 1 - m / (2 - m). The thesis
    clusters the memory (6.3.2) and does not say how it measures distances; these are the released code's, k1 included.

    Args:
        features: (n, d), scaled to length 1 here; neighbors are searched on their device.
        k1: length of a list of neighbors, the image itself included.
        k2: neighbors to average over, the image itself included; 1 averages nothing.
    Returns:
        (n, n), symmetric, float32; what is not stored is 0: such pairs are at distance 1.
    Raises:
        ValueError: if there are fewer than k1 features, k2 is not in [1, k1], or a row is not finite or 0.
    """
    upper = upper_similarity(features, k1, k2)
    return csr_array(upper + upper.T + eye_array(upper.shape[0], dtype=np.float32))


def upper_similarity(features: Tensor | np.ndarray, k1: int = 30, k2: int = 6) -> csr_array:
    """Compute `jaccard_distance` above the diagonal alone: half the numbers, all that clustering needs.

    Args:
        features: (n, d), scaled to length 1 here.
        k1: as in `jaccard_distance`.
        k2: as in `jaccard_distance`.
    Returns:
        (n, n), float32, 1 - d of the pairs i < j with d < 1.
    Raises:
        ValueError: as `jaccard_distance`.
    """
    vectors = _unit_rows(features)
    if not 1 <= k2 <= k1:
        raise ValueError(f"k2={k2}, wanted 1 to k1={k1}")
    if len(vectors) < k1:
        raise ValueError(f"found {len(vectors)} images, wanted at least k1={k1} to have k1 neighbors")
    neighbors = exact_search(vectors, vectors, k1)[1].cpu().numpy()
    weights = _weights(_neighbor_sets(neighbors), vectors)
    if k2 > 1:
        weights = csr_array(_rows_of(neighbors[:, :k2]) @ weights)
        weights.data /= k2
    similarity = _shared_minima(weights)
    similarity.data = np.minimum(similarity.data / (2 - similarity.data), 1)
    return similarity


def _unit_rows(features: Tensor | np.ndarray) -> Tensor:
    """Features of length 1, or an error that names the row."""
    vectors = torch.as_tensor(features).detach().float()
    if vectors.ndim != 2:
        raise ValueError(f"features have shape {tuple(vectors.shape)}, wanted (n, d)")
    length = vectors.norm(dim=1)
    bad = ~(length.isfinite() & (length > 0))
    if bad.any():
        row = int(bad.nonzero()[0])
        raise ValueError(f"features of row {row} have length {length[row]:g}, wanted finite numbers that are not all 0")
    return F.normalize(vectors, dim=1)


def _rows_of(members: np.ndarray) -> csr_array:
    """A 1 in row i for each of members[i]."""
    n, k = members.shape
    ones = np.ones(n * k, np.float32)
    return csr_array((ones, members.ravel().astype(np.int32), np.arange(0, n * k + 1, k, dtype=np.int32)), shape=(n, n))


def _reciprocal(neighbors: np.ndarray) -> csr_array:
    """A 1 where two images are in each other's list."""
    listed = _rows_of(neighbors)
    return csr_array(listed.multiply(listed.T))


def _neighbor_sets(neighbors: np.ndarray) -> csr_array:
    """Members of each image's expanded set, (n, n), as nonzero entries."""
    sets = _reciprocal(neighbors)
    halves = _reciprocal(neighbors[:, : round(neighbors.shape[1] / 2) + 1])
    overlap = csr_array((sets @ halves.T).multiply(sets))
    overlap.data = (3 * overlap.data > 2 * np.diff(halves.indptr)[overlap.indices]).astype(np.float32)
    overlap.eliminate_zeros()
    return csr_array(sets + overlap @ halves)


def _weights(sets: csr_array, vectors: Tensor) -> csr_array:
    """The softmax of minus the squared distances, 2 - 2 cos, over each set."""
    sets.sort_indices()
    sizes = np.diff(sets.indptr)
    pairs = torch.from_numpy(np.stack([np.repeat(np.arange(len(sizes)), sizes), sets.indices])).to(vectors.device)
    cosines = torch.cat([(vectors[a] * vectors[b]).sum(1) for a, b in pairs.split(PAIRS, dim=1)])
    weights = csr_array((torch.exp(2 * cosines - 2).cpu().numpy(), sets.indices, sets.indptr), shape=sets.shape)
    weights.data /= np.repeat(weights.sum(axis=1), sizes)
    return weights


def _shared_minima(weights: csr_array) -> csr_array:
    """Sum min(weights[i, c], weights[j, c]) over c for all i < j that share a c.

    Who holds c is listed, in order. An entry (i, c) meets those after i in the list of c: a run of it. The runs of a
    few rows are laid end to end and added up in a dense block of those rows, in single precision as the released code
    does: what is exactly 1 then counts in `share_eps`.
    """
    n = weights.shape[0]
    lists = weights.tocsc()
    weights = lists.tocsr()  # its entries in order, as those of `starts`
    starts = csc_array((np.arange(1, lists.nnz + 1), lists.indices, lists.indptr), shape=lists.shape).tocsr().data
    runs = lists.indptr[weights.indices + 1] - starts
    terms = np.concatenate([[0], runs.cumsum()])[weights.indptr]  # before each row

    sums, columns, counts = [], [], [np.zeros(1, np.int64)]
    first = 0
    while first < n:
        fitting = int(np.searchsorted(terms, terms[first] + TERMS, side="right")) - 1
        last = min(max(fitting, first + 1), first + max(1, CELLS // n), n)
        entries = slice(weights.indptr[first], weights.indptr[last])
        run = runs[entries]
        met = np.repeat(starts[entries] - (run.cumsum() - run), run) + np.arange(run.sum())
        minima = np.minimum(np.repeat(weights.data[entries], run), lists.data[met])

        offsets = np.arange(last - first) * (n - first) - first  # a row of the block begins at column `first`
        cells = np.repeat(np.repeat(offsets, np.diff(weights.indptr[first : last + 1])), run) + lists.indices[met]
        block = np.zeros((last - first) * (n - first), np.float32)
        np.add.at(block, cells, minima)
        found = np.flatnonzero(block)
        counts.append(np.count_nonzero(block.reshape(last - first, -1), axis=1))
        columns.append((found - np.repeat(offsets, counts[-1])).astype(np.int32))
        sums.append(block[found])
        first = last
    return csr_array((np.concatenate(sums), np.concatenate(columns), np.concatenate(counts).cumsum()), shape=(n, n))
