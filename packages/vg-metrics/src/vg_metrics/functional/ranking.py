"""Retrieval scores of re-identification: CMC, mAP and mINP under the same-camera rule (6.4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike

CHUNK = 2**20  # distances sorted at once, so memory does not grow with the number of queries


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
    query_ids: ArrayLike | Sequence[int],
    gallery_ids: ArrayLike | Sequence[int],
    query_cams: ArrayLike | Sequence[int],
    gallery_cams: ArrayLike | Sequence[int],
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
    distances = torch.as_tensor(distances).detach()
    query_ids, gallery_ids, query_cams, gallery_cams = (
        torch.as_tensor(values, device=distances.device)
        for values in (query_ids, gallery_ids, query_cams, gallery_cams)
    )
    _check(distances, query_ids, gallery_ids, query_cams, gallery_cams, ranks)
    gallery = distances.shape[1]

    scored = []
    for rows in torch.arange(len(distances), device=distances.device).split(max(1, CHUNK // gallery)):
        same_id = query_ids[rows, None] == gallery_ids
        junk = same_id & (query_cams[rows, None] == gallery_cams)
        scored.append(_score(distances[rows], same_id & ~junk, junk, trapezoid))
    ap, first, penalty = (torch.cat(part) for part in zip(*scored, strict=True))

    valid = first < gallery
    if not valid.any():
        raise ValueError(f"none of {len(valid)} queries has a match in another camera: check identities and cameras")
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


def _score(distances: Tensor, match: Tensor, junk: Tensor, trapezoid: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Average precision, position of the first match (gallery size if none), and matches / rank of the last."""
    order = distances.masked_fill(junk, torch.inf).argsort(dim=1, stable=True)  # junk goes behind everything
    hits = match.gather(1, order)
    query, position = hits.nonzero(as_tuple=True)  # by query, then by position
    count = hits.sum(1)
    before = torch.arange(len(query), device=query.device) - (count.cumsum(0) - count)[query]  # matches ranked better
    precision = (before + 1).double() / (position + 1)
    if trapezoid:
        precision = (precision + torch.where(position > 0, before.double() / position, 1.0)) / 2
    ap = precision.new_zeros(len(hits)).index_add_(0, query, precision) / count
    start, end = before == 0, before == count[query] - 1
    first, last = torch.full((2, len(hits)), hits.shape[1], device=query.device)
    first[query[start]] = position[start]
    last[query[end]] = position[end]
    return ap, first, count.double() / (last + 1)


def _check(
    distances: Tensor,
    query_ids: Tensor,
    gallery_ids: Tensor,
    query_cams: Tensor,
    gallery_cams: Tensor,
    ranks: Sequence[int],
) -> None:
    if distances.ndim != 2 or not distances.numel():
        raise ValueError(f"distances have shape {tuple(distances.shape)}, wanted (queries, gallery), neither of them 0")
    if not distances.is_floating_point():
        raise ValueError(f"distances are {distances.dtype}, wanted floats")
    queries, gallery = distances.shape
    for name, values, wanted in (
        ("query_ids", query_ids, queries),
        ("gallery_ids", gallery_ids, gallery),
        ("query_cams", query_cams, queries),
        ("gallery_cams", gallery_cams, gallery),
    ):
        if values.shape != (wanted,):
            raise ValueError(f"{name} has shape {tuple(values.shape)}, wanted ({wanted},)")
    if not torch.isfinite(torch.stack(distances.aminmax())).all():  # one pass, no copy of the matrix
        raise ValueError("distances hold values that are not finite")
    if not ranks or min(ranks) < 1:
        raise ValueError(f"ranks are {tuple(ranks)}, wanted numbers from 1")
