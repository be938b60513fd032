"""Scoring of an encoder on query and gallery images, with vg-metrics (extra `vg-reid[evaluate]`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vg_reid.data.people import People
from vg_reid.embedder import Embedder


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of one encoder on one set of people; the means are over the valid queries."""

    encoder: str
    """`Embedder.name`: backbone, origin of the weights, digest."""
    split: str
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
        ]
        if self.without_match:
            lines.append(f"{len(self.without_match)} queries have no match in another camera and are in no mean:")
            lines += [f"  {path}" for path in self.without_match]
        if self.unreadable:
            lines.append(f"{len(self.unreadable)} unreadable images skipped:")
            lines += [f"  {line}" for line in self.unreadable]
        return lines


def evaluate(
    people: People,
    embedder: Embedder,
    *,
    skip_corrupt: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Rank the gallery for each query and score the rankings, leaving out same person, same camera (6.4.1).

    Images of unknown camera count as from a camera of their own, so that nothing is left out for them.

    Args:
        people: queries and gallery.
        embedder: what turns them into vectors; the ranking is by cosine similarity.
        skip_corrupt: whether unreadable images are left out and named; without it they are an error.
        progress: called after each batch with the number of images in it.
    Raises:
        ValueError: if people have no identities, no query has a valid match, an image is damaged, or vg-metrics is
            missing.
    """
    reid_ranking = _ranking_function()
    if not people.query or not people.gallery:
        raise ValueError(
            f"{people.root} has {len(people.query)} queries and {len(people.gallery)} gallery images to score"
        )
    persons = [*people.query, *people.gallery]
    paths = [person.path for person in persons]
    embedded = embedder.embed_images(paths, skip_corrupt=skip_corrupt, progress=progress)
    readable = [persons[position] for position in embedded.kept]
    border = sum(position < len(people.query) for position in embedded.kept)
    query, gallery = readable[:border], readable[border:]
    ranking = reid_ranking(
        1 - embedded.vectors[:border] @ embedded.vectors[border:].T,
        [person.pid for person in query],
        [person.pid for person in gallery],
        [person.camid for person in query],
        [-2 if person.camid == -1 else person.camid for person in gallery],  # an unknown camera equals no other
    )
    invalid = [person for person, valid in zip(query, ranking.valid.tolist(), strict=True) if not valid]
    rank1, rank5, rank10 = (ranking.cmc[min(rank, len(ranking.cmc)) - 1].item() for rank in (1, 5, 10))
    return Evaluation(
        encoder=embedder.name,
        split=people.split,
        queries=len(query),
        valid_queries=len(query) - len(invalid),
        gallery=len(gallery),
        map=float(ranking.map),
        rank1=rank1,
        rank5=rank5,
        rank10=rank10,
        minp=float(ranking.minp),
        without_match=[str(person.path) for person in invalid],
        unreadable=embedded.skipped,
    )


def _ranking_function() -> Callable[..., Any]:
    """Import vg-metrics only here: the one sideways import of the packages."""
    try:
        from vg_metrics.functional import reid_ranking
    except ImportError:
        raise ValueError('scoring needs vg-metrics: pip install "vg-reid[evaluate]"') from None
    return reid_ranking
