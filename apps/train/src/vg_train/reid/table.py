"""Table 6.3 as figures of several seeds: differences of rows trained from the same start, and how sure they are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vg_reid.contrastive import TERMS, Term

Score = Mapping[str, float]  # map and rank1 of one run, in shares


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of table 6.3: which losses train E_id after its warm-up."""

    name: str  # of its run folders
    title: str
    generation: bool = True
    terms: tuple[Term, ...] = TERMS
    augment: bool = False  # TDA
    thesis: tuple[float, float]  # mAP and rank 1 on Market-1501, in percent


BASELINE = Row(name="baseline", title="Baseline", generation=False, thesis=(47.2, 75.4))
ROWS = (
    Row(name="gan", title="+ L_gan", terms=(), thesis=(41.6, 69.0)),
    Row(name="vi-alone", title="+ L_vi^woGAN", generation=False, thesis=(47.8, 75.2)),
    Row(name="vi-alone-tda", title="+ L_vi^woGAN + TDA", generation=False, augment=True, thesis=(53.7, 78.7)),
    Row(name="gan-vi", title="+ L_gan + L_vi", terms=TERMS[:1], thesis=(54.1, 79.4)),
    Row(name="gan-vi-vi1", title="+ L_gan + L_vi + L_vi'", terms=TERMS[:2], thesis=(59.2, 82.2)),
    Row(name="gan-vi-vi1-vi2", title="+ L_gan + L_vi + L_vi' + L_vi''", thesis=(63.4, 83.7)),
)


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences with its 95 % interval (Student's t)."""

    mean: float
    low: float
    high: float

    def verdict(self, expected: float) -> str:
        """Say whether the difference goes where the thesis' goes."""
        if self.low <= 0 <= self.high:
            return "undecided"
        return "as in the thesis" if (self.mean > 0) == (expected > 0) else "opposite to the thesis"


def paired_difference(values: Sequence[float], others: Sequence[float]) -> Difference:
    """Mean of values - others, pair by pair; with one pair the interval is unbounded.

    Raises:
        ValueError: if there are no pairs, or not as many of both.
    """
    if not values or len(values) != len(others):
        raise ValueError(f"found {len(values)} and {len(others)} values, wanted as many of both and at least one")
    gaps = [a - b for a, b in zip(values, others, strict=True)]
    mean = sum(gaps) / len(gaps)
    if len(gaps) == 1:
        return Difference(mean, -math.inf, math.inf)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1))
    reach = _student(len(gaps) - 1) * deviation / math.sqrt(len(gaps))
    return Difference(mean, mean - reach, mean + reach)


@dataclass(frozen=True, kw_only=True)
class Result:
    """A row with its figures, in shares; those of several seeds in one order."""

    row: Row
    map: list[float]
    rank1: list[float]
    difference: Difference | None
    """In mAP from the baseline; None for the baseline."""

    @property
    def thesis_difference(self) -> float:
        """The same in the thesis, on Market-1501."""
        return (self.row.thesis[0] - BASELINE.thesis[0]) / 100

    @property
    def verdict(self) -> str:
        """Whether it goes where the thesis' goes."""
        return self.difference.verdict(self.thesis_difference) if self.difference else ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"thesis_difference": self.thesis_difference, "verdict": self.verdict}

    def as_markdown(self) -> str:
        """A line of the table, in percent."""
        score, rank1 = (f"{100 * sum(values) / len(values):.1f}" for values in (self.map, self.rank1))
        thesis, found = f"{self.row.thesis[0]:.1f}", ""
        if gap := self.difference:
            found = f"{100 * gap.mean:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
            thesis += f" ({100 * self.thesis_difference:+.1f})"
        return f"| {self.row.title} | {score} | {rank1} | {found} | {thesis} | {self.verdict} |"


def compare(scores: Mapping[str, Sequence[Score]]) -> list[Result]:
    """Hold each row against the baseline.

    Args:
        scores: of each row by its name, "baseline" among them, the seeds in the same order.
    """
    base = [score["map"] for score in scores[BASELINE.name]]
    results = []
    for row in (BASELINE, *ROWS):
        maps, ranks = ([score[key] for score in scores[row.name]] for key in ("map", "rank1"))
        gap = None if row is BASELINE else paired_difference(maps, base)
        results.append(Result(row=row, map=maps, rank1=ranks, difference=gap))
    return results


def markdown(results: Sequence[Result]) -> str:
    """The results as a table, in percent."""
    head = ["| loss | mAP | rank 1 | mAP - baseline [95 %] | thesis, Market-1501 | |", "|---|---:|---:|---:|---:|---|"]
    return "\n".join([*head, *(result.as_markdown() for result in results)]) + "\n"


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
