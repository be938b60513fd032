"""Human judgement: shares with Wilson intervals, agreement of raters, one ranking from pairwise preferences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, to_double

STEPS = 100  # of Newton's method, which needs under 20 for any answers that have a solution


def wilson_interval(hits: int, count: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share: right for few answers and for shares near 0 and 1.

    It takes answers as independent. Raters who answer many questions agree with themselves, so the interval is
    narrower than one over new raters.

    Args:
        hits: answers of one kind.
        count: answers in all, at least 1.
        confidence: of the interval, between 0 and 1.
    Returns:
        Lower and upper bound, 0..1.
    Raises:
        ValueError: if hits are not 0..count, there is no answer, or confidence is not between 0 and 1.
    """
    if count < 1 or not 0 <= hits <= count:
        raise ValueError(f"{hits} hits of {count}, wanted 0 to count, and at least one answer")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, wanted between 0 and 1")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, square = hits / count, z**2 / count
    middle = (share + square / 2) / (1 + square)
    reach = z * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return (middle - reach if hits else 0.0), (middle + reach if hits < count else 1.0)  # 0 and 1 exactly at the ends


@dataclass(frozen=True)
class Share:
    """A share of answers with its 95 % Wilson interval."""

    hits: int
    count: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, count: int) -> Self:
        """Share and interval of some hits; ValueError as `wilson_interval`."""
        low, high = wilson_interval(hits, count)
        return cls(hits, count, hits / count, low, high)


def fleiss_kappa(counts: ArrayLike) -> float | None:
    """Agreement of raters beyond chance (Fleiss 1971): 1 is full agreement, 0 what chance gives, below 0 is less.

    Items may have different numbers of ratings, as when raters skip some; each item then counts the same.

    Args:
        counts: how many raters put each item into each category, (items, categories), at least two ratings an item.
    Returns:
        Kappa; None when all answers are of one category, where it is 0/0.
    Raises:
        ValueError: if a count is negative or no integer, or an item has fewer than two ratings.
    """
    table = to_double(counts, "counts", 2)
    if not table.numel() or (table < 0).any() or (table != table.round()).any():
        raise ValueError(f"counts of shape {tuple(table.shape)}: wanted (items, categories) of whole numbers from 0")
    ratings = table.sum(1)
    if (ratings < 2).any():
        raise ValueError(f"an item has {int(ratings.min())} ratings, wanted at least 2 of each")
    agreement = ((table.square().sum(1) - ratings) / (ratings * (ratings - 1))).mean()
    chance = (table.sum(0) / ratings.sum()).square().sum()
    return None if chance == 1 else float((agreement - chance) / (1 - chance))


@dataclass(frozen=True)
class BradleyTerry:
    """One scale for several methods: a rater prefers i to j with probability 1 / (1 + exp(s_j - s_i)).

    Attributes:
        methods: their names, best first.
        strengths: s, with mean 0, float64, (methods,), in that order.
        standard_errors: of the strengths, (methods,).
    """

    methods: tuple[str, ...]
    strengths: Tensor
    standard_errors: Tensor


def bradley_terry(wins: ArrayLike, methods: Sequence[str]) -> BradleyTerry:
    """Maximum likelihood of the Bradley-Terry model: one ranking from pairwise preferences, by Newton's method.

    The model has no ties: count a tie as half a win for each. Not all pairs need to have been compared.

    Args:
        wins: wins[i, j] is how often i was preferred to j, (methods, methods), not negative, 0 on the diagonal.
        methods: their names.
    Returns:
        Strengths, best first; see `BradleyTerry`.
    Raises:
        ValueError: if the table has another shape or negative values; if the methods fall into groups that were never
            compared, or of which one always won: the maximum is at infinity then. The error names the groups.
    """
    table = to_double(wins, "wins", 2).cpu()
    if table.shape != (len(methods),) * 2 or len(methods) < 2:
        raise ValueError(
            f"wins have shape {tuple(table.shape)} for {len(methods)} methods, wanted (m, m), m at least 2"
        )
    if (table < 0).any() or table.diagonal().any():
        raise ValueError("wins hold negative values, or wins of a method against itself")
    _check_connected(table.numpy(), methods)
    strengths, information = _newton(table)
    flat = torch.full_like(information, 1 / len(methods))  # the direction that the model does not see
    errors = (torch.linalg.inv(information + flat) - flat).diagonal().sqrt()
    order = strengths.argsort(descending=True, stable=True)
    return BradleyTerry(tuple(methods[i] for i in order.tolist()), strengths[order], errors[order])


def _newton(wins: Tensor) -> tuple[Tensor, Tensor]:
    """Strengths of mean 0 and the information matrix; steps are halved while they lower the likelihood."""
    games = wins + wins.T
    strengths = wins.new_zeros(len(wins))

    def likelihood(s: Tensor) -> Tensor:
        return (wins * F.logsigmoid(s[:, None] - s)).sum()

    for _ in range(STEPS):
        expected = torch.sigmoid(strengths[:, None] - strengths)
        gradient = (wins - games * expected).sum(1)
        weights = games * expected * (1 - expected)
        information = weights.sum(1).diag() - weights
        step = torch.linalg.solve(information + weights.mean(), gradient)
        while likelihood(strengths + step) < likelihood(strengths) and step.abs().max() > 1e-12:
            step = step / 2
        strengths = strengths + step - step.mean()
        if step.abs().max() < 1e-10:
            break
    return strengths, information


def _check_connected(wins: np.ndarray, methods: Sequence[str]) -> None:
    """ValueError, naming the groups, where the likelihood has no single maximum."""
    for connection, problem in (
        ("weak", "were never compared with one another"),
        ("strong", "always won or always lost against one another, so no strength is large enough"),
    ):
        count, group = connected_components(wins > 0, directed=True, connection=connection)
        if count > 1:
            names = (", ".join(m for m, g in zip(methods, group, strict=True) if g == i) for i in range(count))
            raise ValueError(f"{count} groups of methods {problem}: {'; '.join(names)}")
