"""Scoring of an encoder on query and gallery images, with vg-metrics (extra `vg-reid[evaluate]`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from vg_reid.data.people import People, Person
from vg_reid.embedder import Embedder
from vg_reid.rerank import ROWS_PER_BLOCK, rerank_blocks
from vg_reid.rerank import rerank as reranked

AveragePrecision = Literal["mean", "trapezoid"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of one encoder on one set of people; the means are over the valid queries."""

    encoder: str
    """`Embedder.name`: backbone, origin of the weights, digest."""
    split: str
    distance: str
    """What the ranking is by, in words."""
    ap: str
    """How average precision is taken: "mean" or "trapezoid"."""
    queries: int
    valid_queries: int
    """Queries whose identity is in the gallery under another camera."""
    gallery: int
    map: float
    rank1: float
    rank5: float
    rank10: float
    minp: float
    """Mean inverse negative penalty: matches / rank of the last match."""
    without_match: list[str]
    """Paths of the queries that are not valid."""
    unreadable: list[str]
    """One line for each image that was left out."""

    def describe(self) -> list[str]:
        """Say the scores in lines, in percent."""
        lines = [
            f"mAP {self.map:.1%}   rank-1 {self.rank1:.1%}   rank-5 {self.rank5:.1%}   rank-10 {self.rank10:.1%}"
            f"   mINP {self.minp:.1%}",
            f"{self.valid_queries} of {self.queries} queries against {self.gallery} gallery images, by {self.encoder}",
            f"distance: {self.distance}; average precision: {self.ap}",
        ]
        if self.without_match:
            lines.append(f"{len(self.without_match)} queries have no match in another camera and are in no mean:")
            lines += [f"  {path}" for path in self.without_match]
        if self.unreadable:
            lines.append(f"{len(self.unreadable)} unreadable images skipped:")
            lines += [f"  {line}" for line in self.unreadable]
        return lines


class Images(NamedTuple):
    """The readable images of some persons, as vectors."""

    vectors: Tensor
    persons: list[Person]
    skipped: list[str]


def evaluate(
    people: People,
    embedder: Embedder,
    *,
    rerank: bool = False,
    joint: bool = False,
    ap: AveragePrecision = "mean",
    skip_corrupt: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Rank the gallery for each query and score the rankings, leaving out same person, same camera (6.4.1).

    Images of unknown camera count as from a camera of their own, so that nothing is left out for them.

    Args:
        people: queries and gallery.
        embedder: what turns them into vectors; the ranking is by cosine similarity.
        rerank: whether distances are re-ranked by k-reciprocal neighbors, with the defaults of `vg_reid.rerank`.
        joint: whether distances are the joint visual and temporal ones of JVTC+ (table 6.1), with the times between
            cameras learned from the training images, without labels; all names must tell times.
        ap: average precision as the mean precision at the matches, or by trapezoids, as the first evaluation code of
            Market-1501 has it.
        skip_corrupt: whether unreadable images are left out and named; without it they are an error.
        progress: called after each batch with the number of images in it.
    Raises:
        ValueError: if people have no identities, no query has a valid match, an image is damaged, times or training
            images are missing for `joint`, or vg-metrics is missing.
    """
    reid_ranking = _ranking_function()
    if not people.query or not people.gallery or (joint and not people.train):
        raise ValueError(
            f"{people.root} has {len(people.query)} queries and {len(people.gallery)} gallery images to score"
            + f", and {len(people.train)} training images to learn times from" * joint
        )
    query, gallery, train = (
        _embedded(persons, embedder, skip_corrupt, progress)
        for persons in (people.query, people.gallery, people.train if joint else [])
    )
    ranking = reid_ranking(
        _joint_distances(query, gallery, train, rerank) if joint else _distances(query, gallery, rerank),
        [person.pid for person in query.persons],
        [person.pid for person in gallery.persons],
        [person.camid for person in query.persons],
        [-2 if person.camid == -1 else person.camid for person in gallery.persons],  # an unknown one equals no other
        trapezoid=ap == "trapezoid",
    )
    distance = ("joint visual and temporal" if joint else "cosine") + ", re-ranked" * rerank
    return _evaluation(
        ranking, query, gallery, train, encoder=embedder.name, split=people.split, distance=distance, ap=ap
    )


def _evaluation(
    ranking: Any, query: Images, gallery: Images, train: Images, *, encoder: str, split: str, distance: str, ap: str
) -> Evaluation:
    invalid = [person for person, valid in zip(query.persons, ranking.valid.tolist(), strict=True) if not valid]
    rank1, rank5, rank10 = (ranking.cmc[min(rank, len(ranking.cmc)) - 1].item() for rank in (1, 5, 10))
    return Evaluation(
        encoder=encoder,
        split=split,
        distance=distance,
        ap=ap,
        queries=len(query.persons),
        valid_queries=len(query.persons) - len(invalid),
        gallery=len(gallery.persons),
        map=float(ranking.map),
        rank1=rank1,
        rank5=rank5,
        rank10=rank10,
        minp=float(ranking.minp),
        without_match=[str(person.path) for person in invalid],
        unreadable=query.skipped + gallery.skipped + train.skipped,
    )


def _embedded(
    persons: list[Person], embedder: Embedder, skip_corrupt: bool, progress: Callable[[int], object] | None
) -> Images:
    found = embedder.embed_images([p.path for p in persons], skip_corrupt=skip_corrupt, progress=progress)
    if persons and not found.kept:
        raise ValueError(f"none of {len(persons)} images is readable; the first: {found.skipped[0]}")
    return Images(found.vectors, [persons[position] for position in found.kept], found.skipped)


def _distances(query: Images, gallery: Images, rerank: bool) -> Tensor:
    """Cosine distances, (q, g), re-ranked on request."""
    if rerank:
        return reranked(query.vectors, gallery.vectors)
    return 1 - query.vectors @ gallery.vectors.T


def _joint_distances(query: Images, gallery: Images, train: Images, rerank: bool) -> Tensor:
    """Joint visual and temporal distances, (q, g), re-ranked on request."""
    from vg_reid.warmup.joint import Sightings, estimate_histogram, joint_rows
    from vg_reid.warmup.times import read_times

    def sightings(*parts: Images) -> Sightings:
        persons = [person for part in parts for person in part.persons]
        cameras = torch.tensor([person.camid for person in persons])
        times = read_times([person.path for person in persons])  # together, as they are compared
        return Sightings(torch.cat([part.vectors for part in parts]), cameras, times)

    learned, scored = sightings(train), sightings(query, gallery)
    cameras = 1 + int(torch.cat([learned.camids, scored.camids]).max())
    rows = joint_rows(scored, estimate_histogram(learned, cameras=cameras))
    n, queries = len(scored.camids), len(query.persons)
    starts = range(0, queries, ROWS_PER_BLOCK)
    plain = (rows(slice(start, min(start + ROWS_PER_BLOCK, queries))) for start in starts)
    blocks = rerank_blocks(rows, n, rows=queries) if rerank else plain
    return torch.cat([block[:, queries:] for block in blocks]).contiguous()


def _ranking_function() -> Callable[..., Any]:
    """Import vg-metrics only here: the one sideways import of the packages."""
    try:
        from vg_metrics.functional import reid_ranking
    except ImportError:
        raise ValueError('scoring needs vg-metrics: pip install "vg-reid[evaluate]"') from None
    return reid_ranking
