"""Statistics of a probe: how sure a share is, and which part of a generator's input explains what varies."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SURE = 1.959963984540054  # standard deviations that hold 95 % of a normal distribution


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score, which holds for few trials and shares near 0 and 1 too.

    Args:
        hits: trials that succeeded.
        count: trials in all, at least 1.
    Returns:
        Lower and upper bound, 0 .. 1.
    Raises:
        ValueError: if hits are not 0 .. count, or there was no trial.
    """
    if count < 1 or not 0 <= hits <= count:
        raise ValueError(f"hits={hits}, count={count}; 0 .. count and at least 1 are wanted")
    share, square = hits / count, SURE**2 / count
    middle = (share + square / 2) / (1 + square)
    reach = SURE * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    low = middle - reach if hits else 0.0  # where they are 0 and 1 exactly
    high = middle + reach if hits < count else 1.0
    return low, high


def interval(hits: int, count: int) -> dict[str, float]:
    """A share with its 95 % interval, ready for JSON."""
    low, high = wilson(hits, count)
    return {"share": hits / count, "low": low, "high": high, "count": count}


@dataclass(frozen=True)
class Shares:
    """Which parts of the input explain how much of a factor's variance; appearance, motion and both are 1 together.

    Chance alone gives 0 on average, so a share that is nothing may fall a little below.
    """

    appearance: float  # of which look it is, whatever the motion
    motion: float  # of which motion it is, whatever the look: label and noise
    label: float  # the part of `motion` that the label alone explains; 0 without labels
    both: float  # the rest: what neither explains by itself
    variance: float  # of all clips, over which these are shares


def variance_shares(values: Tensor, labels: Tensor | None = None) -> Shares | None:
    """Split the variance of a factor over clips of every look with every motion.

    This is the analysis of variance of a two-way table with one clip in each cell, and with labels as groups of its
    columns. Sums of squares are freed of what chance gives them (epsilon squared), as the thesis has no measure of its
    own (4.4.5 only looks at clips).

    Args:
        values: (looks, motions, d), of which the variances of the d numbers add up; at least two looks and motions.
        labels: the class of each motion, (motions,), each class as often as the others and at least twice.
    Returns:
        The shares; None if the factor is the same in all clips.
    Raises:
        ValueError: if there are too few looks, motions, or motions of a label.
    """
    values = values.double()
    looks, motions, _ = values.shape
    if looks < 2 or motions < 2:
        raise ValueError(f"{looks} looks, {motions} motions, wanted at least 2 of each")
    deviations = values - values.mean((0, 1))
    total = float(deviations.square().sum())
    if total <= 1e-12 * float(values.square().sum()):
        return None
    of_looks = motions * float(deviations.mean(1).square().sum())
    of_motions = looks * float(deviations.mean(0).square().sum())
    chance = (total - of_looks - of_motions) / ((looks - 1) * (motions - 1))  # mean square of the rest
    appearance = (of_looks - (looks - 1) * chance) / total
    motion = (of_motions - (motions - 1) * chance) / total
    label = 0.0 if labels is None else _of_labels(deviations.mean(0), labels, of_motions / looks) * looks / total
    return Shares(appearance, motion, label, 1 - appearance - motion, total / (looks * motions))


def _of_labels(means: Tensor, labels: Tensor, total: float) -> float:
    """The sum of squares of the labels, freed of chance, among motions with these means (m, d) and sum of squares."""
    classes, counts = torch.unique(labels, return_counts=True)
    each = int(counts[0])
    if each < 2 or (counts != each).any():
        raise ValueError(f"labels come {counts.tolist()} times, wanted each as often as the others and at least twice")
    centers = torch.stack([means[labels == label].mean(0) for label in classes])
    between = each * float(centers.square().sum())
    chance = (total - between) / (len(labels) - len(classes))
    return between - (len(classes) - 1) * chance
