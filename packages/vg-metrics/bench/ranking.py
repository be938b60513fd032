"""CMC, mAP and mINP at the size of Market-1501, beside the usual Python loop over the queries.

The plain form goes through the queries and, for the precision, through the gallery of each; the tight form is the same
loop with all of a query left to NumPy. Both begin with the whole distance matrix. One round of the plain form takes a
minute, the bench a quarter of an hour. Memory is PyTorch's alone: NumPy holds the order that the loops sort into, 8
bytes a distance, and of ours the sorted distances of a few hundred queries.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from harness import Case, Setting
from torch import Tensor
from vg_metrics.functional.ranking import Ranking, reid_ranking, reid_ranking_from_features

RANKS = 50  # of the curve that is compared
Scores = tuple[float, np.ndarray, float]
Labels = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def plain_query(order: np.ndarray, query_id: int, query_cam: int, ids: np.ndarray, cams: np.ndarray) -> Scores | None:
    """Average precision, curve and inverse negative penalty of one query in the manner of public evaluations."""
    keep = ~((ids[order] == query_id) & (cams[order] == query_cam))
    hits = (ids[order] == query_id).astype(np.int32)[keep]
    if not hits.any():
        return None
    found = hits.cumsum()
    last = np.flatnonzero(hits)[-1]
    precision = [count / (place + 1.0) for place, count in enumerate(found)]
    return float((np.asarray(precision) * hits).sum() / hits.sum()), found[:RANKS] > 0, found[last] / (last + 1.0)


def tight_query(order: np.ndarray, query_id: int, query_cam: int, ids: np.ndarray, cams: np.ndarray) -> Scores | None:
    """The same without Python's loop over the gallery."""
    own = ids[order] == query_id
    hits = own[~(own & (cams[order] == query_cam))]
    places = np.flatnonzero(hits) + 1
    if not len(places):
        return None
    count = np.arange(1, len(places) + 1)
    return (count / places).mean(), np.arange(1, RANKS + 1) >= places[0], len(places) / places[-1]


def loop(distances: Tensor, labels: Labels, query: Callable[..., Scores | None]) -> Tensor:
    """Means over the queries: mAP, mINP and the curve."""
    query_ids, gallery_ids, query_cams, gallery_cams = labels
    orders = np.argsort(distances.numpy(), axis=1)
    scores = [
        query(order, query_id, query_cam, gallery_ids, gallery_cams)
        for order, query_id, query_cam in zip(orders, query_ids, query_cams, strict=True)
    ]
    ap, cmc, inp = zip(*(score for score in scores if score), strict=True)
    return torch.tensor([np.mean(ap), np.mean(inp), *np.mean(cmc, axis=0)], dtype=torch.float64)


def summary(ranking: Ranking) -> Tensor:
    return torch.cat([torch.tensor([ranking.map, ranking.minp]).double(), ranking.cmc[:RANKS]])


def cases(setting: Setting) -> Iterator[Case]:
    if setting.device.type != "cpu":
        return  # the loops are NumPy's
    queries, gallery, width, persons = (20, 100, 8, 7) if setting.tiny else (3368, 15913, 2048, 750)
    random = np.random.default_rng(0)
    drawn = [random.integers(high, size=n) for high in (persons, 6) for n in (queries, gallery)]
    labels: Labels = (drawn[0], drawn[1], drawn[2], drawn[3])
    x, y = (setting.randn(n, width, requires_grad=False).float() for n in (queries, gallery))
    x, y = torch.nn.functional.normalize(x), torch.nn.functional.normalize(y)

    yield Case(
        name=f"ranking of {queries}x{gallery} features of {width}",
        forms={
            "plain": lambda: loop(1 - x @ y.T, labels, plain_query),
            "tight": lambda: loop(1 - x @ y.T, labels, tight_query),
            "ours": lambda: summary(reid_ranking_from_features(x, y, *labels)),
        },
        flops=2 * queries * gallery * width,
    )
    distances = 1 - x @ y.T
    yield Case(
        name=f"ranking of {queries}x{gallery} distances",
        forms={
            "tight": lambda: loop(distances, labels, tight_query),
            "ours": lambda: summary(reid_ranking(distances, *labels)),
        },
    )
