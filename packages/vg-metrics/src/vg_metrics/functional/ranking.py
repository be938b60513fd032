"""Retrieval scores of re-identification: CMC, mAP and mINP under the same-camera rule (6.4.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike

CHUNK = 2**22  # distances held at once, so memory does not grow with the number of queries
Labels = ArrayLike | Sequence[int]
Distance = Literal["cosine", "euclidean"]


@dataclass(frozen=True)
class Ranking:
    """Scores of one ranking; queries without a valid match are in no mean.

    Attributes:
        map: mean average precision over the valid queries, 0..1.
        cmc: share of valid queries whose first match is at this rank or before, float64, cmc[0] is rank 1; as long as
            the gallery (or the largest rank asked for).
        rank: the same share at the ranks asked for, such as {1: .., 5: .., 10: ..}.
        ap: average precision of each valid query, in their order, float64, (valid queries,).
        minp: mean inverse negative penalty: matches / rank of the last match, mean over the valid queries, 0..1.
        valid: which queries have a match, bool, (queries,).
        skipped: indices of the queries that have none.
    """

    map: float
    cmc: Tensor
    rank: dict[int, float]
    ap: Tensor
    minp: float
    valid: Tensor
    skipped: list[int]


def reid_ranking(
    distances: ArrayLike,
    query_ids: Labels,
    gallery_ids: Labels,
    query_cams: Labels,
    gallery_cams: Labels,
    *,
    ranks: Sequence[int] = (1, 5, 10),
    trapezoid: bool = False,
) -> Ranking:
    """Rank the gallery for each query and score the rankings, as on Market-1501 (6.4.1).

    Gallery images of the query's identity from the query's camera are removed first; ties keep the gallery's order.
    Images without an identity (-1 on Market-1501) must be left out before; distractors stay, under an identity that
    no query has.

    Args:
        distances: smaller is nearer, (queries, gallery), finite.
        query_ids: identities, (queries,).
        gallery_ids: (gallery,).
        query_cams: cameras, (queries,).
        gallery_cams: (gallery,).
        ranks: ranks to report, from 1.
        trapezoid: average precision as area under the precision-recall polygon, as the original Matlab evaluation of
            Market-1501 has it, instead of the mean precision at the matches.
    Returns:
        The scores; see `Ranking`.
    Raises:
        ValueError: if sizes disagree, a distance is not finite, a rank is below 1, or no query has a valid match.
    """
    matrix = _floats(distances, "distances")
    labels = _labels((query_ids, gallery_ids, query_cams, gallery_cams), matrix.shape, matrix.device)
    held = torch.promote_types(matrix.dtype, torch.float32)
    return _ranking(lambda rows: matrix[rows].to(held, copy=True), labels, ranks, trapezoid)


def reid_ranking_from_features(
    query: ArrayLike,
    gallery: ArrayLike,
    query_ids: Labels,
    gallery_ids: Labels,
    query_cams: Labels,
    gallery_cams: Labels,
    *,
    distance: Distance = "cosine",
    ranks: Sequence[int] = (1, 5, 10),
    trapezoid: bool = False,
) -> Ranking:
    """`reid_ranking` of features: distances are made for some queries at a time and never held as a whole.

    Args:
        query: features, (queries, d), finite.
        gallery: features, (gallery, d), finite.
        query_ids: identities, (queries,).
        gallery_ids: (gallery,).
        query_cams: cameras, (queries,).
        gallery_cams: (gallery,).
        distance: "cosine" (features need no normalization) or "euclidean".
        ranks: ranks to report, from 1.
        trapezoid: see `reid_ranking`.
    Returns:
        The scores; see `Ranking`.
    Raises:
        ValueError: as `reid_ranking`, or if widths differ or there is no such distance.
    """
    query, gallery = _floats(query, "query"), _floats(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(f"features of width {query.shape[1]} and {gallery.shape[1]} cannot be compared")
    sizes = (len(query), len(gallery))
    labels = _labels((query_ids, gallery_ids, query_cams, gallery_cams), sizes, query.device)
    return _ranking(_distances(query, gallery, distance), labels, ranks, trapezoid)


def _distances(query: Tensor, gallery: Tensor, kind: Distance) -> Callable[[slice], Tensor]:
    """What makes the distances of a slice of the queries, less what is the same along a row and changes no rank."""
    held = torch.promote_types(torch.promote_types(query.dtype, gallery.dtype), torch.float32)
    query, gallery = query.to(held), gallery.to(query.device, held)
    if kind == "cosine":
        scale = -1 / torch.linalg.vector_norm(gallery, dim=1).clamp_min(1e-12)
        return lambda rows: (query[rows] @ gallery.T).mul_(scale)
    if kind == "euclidean":
        squares = torch.einsum("nd,nd->n", gallery, gallery)  # without a copy of the gallery
        return lambda rows: torch.addmm(squares, query[rows], gallery.T, alpha=-2)
    raise ValueError(f"distance is {kind!r}, wanted 'cosine' or 'euclidean'")


@dataclass(frozen=True)
class _Labels:
    """Who is on the images and which camera took them."""

    query_ids: Tensor
    gallery_ids: Tensor
    query_cams: Tensor
    gallery_cams: Tensor

    @cached_property
    def by_id(self) -> Tensor:
        """The gallery's images by identity, those of one identity in the gallery's order."""
        return self.gallery_ids.argsort(stable=True)

    def own(self, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        """The gallery's images of each query's identity, in its order, (r, k): index, is one, is of another camera."""
        sorted_ids, ids = self.gallery_ids[self.by_id], self.query_ids[rows]
        start, end = (torch.searchsorted(sorted_ids, ids, right=right)[:, None] for right in (False, True))
        slots = start + torch.arange(max(1, int((end - start).max())), device=ids.device)
        own = slots < end
        index = self.by_id[slots.clamp_max(len(sorted_ids) - 1)]
        return index, own, own & (self.gallery_cams[index] != self.query_cams[rows, None])


def _ranking(distances: Callable[[slice], Tensor], labels: _Labels, ranks: Sequence[int], trapezoid: bool) -> Ranking:
    """Scores of distances that are made for a slice of the queries at a time, and overwritten."""
    if not ranks or min(ranks) < 1:
        raise ValueError(f"ranks are {tuple(ranks)}, wanted numbers from 1")
    queries, gallery = len(labels.query_ids), len(labels.gallery_ids)
    step = max(1, CHUNK // gallery)
    scored = []
    for start in range(0, queries, step):
        rows = slice(start, start + step)
        scored.append(_score(*_places(distances(rows), *labels.own(rows)), trapezoid))
    ap, first, penalty, valid = (torch.cat(part) for part in zip(*scored, strict=True))

    if not valid.any():
        raise ValueError(f"none of {queries} queries has a match in another camera: check identities and cameras")
    found = torch.bincount(first[valid], minlength=max(gallery, *ranks))
    cmc = found.cumsum(0).double() / valid.sum()
    return Ranking(
        map=ap[valid].mean().item(),
        cmc=cmc,
        rank={rank: cmc[rank - 1].item() for rank in ranks},
        ap=ap[valid],
        minp=penalty[valid].mean().item(),
        valid=valid,
        skipped=(~valid).nonzero().flatten().tolist(),
    )


def _places(distances: Tensor, index: Tensor, own: Tensor, match: Tensor) -> tuple[Tensor, Tensor]:
    """Places, from 0, of each query's matches in its ranking, nearest first, (r, k), and which of them are any.

    No ranking is made: the place of a match is the number of nearer matches and of nearer strangers, and the latter is
    found in the sorted distances of all strangers, whose order among themselves does not matter.
    """
    value, order = distances.gather(1, index).masked_fill(~match, torch.inf).sort(dim=1, stable=True)
    row, slot = own.nonzero(as_tuple=True)
    distances[row, index[row, slot]] = torch.inf
    index, match = index.gather(1, order), match.gather(1, order)

    strangers = _sorted(distances)
    nearer = torch.searchsorted(strangers, value)
    tied = match & (torch.searchsorted(strangers, value, right=True) > nearer)
    place = nearer + torch.arange(value.shape[1], device=value.device)
    row, slot = tied.nonzero(as_tuple=True)
    place[row, slot] += _equal_before(distances, row, value[row, slot], index[row, slot])
    return place, match


def _sorted(distances: Tensor) -> Tensor:
    """Rows in ascending order; NumPy's sort of values alone is over ten times faster than PyTorch's on a CPU."""
    if distances.device.type == "cpu":
        return torch.from_numpy(np.sort(distances.numpy(), axis=1))
    return distances.sort(dim=1).values


def _equal_before(distances: Tensor, row: Tensor, value: Tensor, index: Tensor) -> Tensor:
    """How many distances in a row equal a value and come before an index, for each of (n,) rows, values, indices."""
    ties = zip(row.tolist(), value.tolist(), index.tolist(), strict=True)
    found = [int((distances[r, :i] == v).count_nonzero()) for r, v, i in ties]
    return torch.tensor(found, dtype=torch.int64, device=row.device)


def _score(place: Tensor, match: Tensor, trapezoid: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Average precision, place of the first match, matches / rank of the last, and whether there is a match."""
    count = match.sum(1)
    hits = torch.arange(1, place.shape[1] + 1, device=place.device)
    precision = hits.double() / (place + 1)
    if trapezoid:
        precision = (precision + torch.where(place > 0, (hits - 1).double() / place, 1.0)) / 2
    ap = precision.masked_fill(~match, 0).sum(1) / count
    last = place.gather(1, (count - 1).clamp_min(0)[:, None])[:, 0]
    return ap, place[:, 0], count.double() / (last + 1), count > 0


def _labels(given: Sequence[Labels], sizes: Sequence[int], device: torch.device) -> _Labels:
    """Identities of queries and gallery, then cameras, as tensors; ValueError if they are not as many as images."""
    tensors = [torch.as_tensor(values, dtype=torch.int64, device=device) for values in given]
    names = ("query_ids", "gallery_ids", "query_cams", "gallery_cams")
    for name, values, size in zip(names, tensors, (*sizes, *sizes), strict=True):
        if values.shape != (size,):
            raise ValueError(f"{name} has shape {tuple(values.shape)}, wanted ({size},)")
    return _Labels(*tensors)


def _floats(values: ArrayLike, name: str) -> Tensor:
    """A matrix of finite floats, as it is."""
    matrix = torch.as_tensor(values).detach()
    if matrix.ndim != 2 or not matrix.numel():
        raise ValueError(f"{name} has shape {tuple(matrix.shape)}, wanted two axes, neither of them 0")
    if not matrix.is_floating_point():
        raise ValueError(f"{name} holds {matrix.dtype}, wanted floats")
    if not torch.isfinite(torch.stack(matrix.aminmax())).all():  # one pass, no copy of the matrix
        raise ValueError(f"{name} holds values that are not finite")
    return matrix
