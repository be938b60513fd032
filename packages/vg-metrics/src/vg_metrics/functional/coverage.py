"""Quality and coverage of a generated set apart: precision and recall, density and coverage, over features.

Each sample of a set has a ball that reaches to its k-th nearest neighbor in the same set; the balls together stand for
where the set lies. What falls into whose balls makes the four scores. Memory does not grow with the number of pairs.
"""

import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, rows_per_chunk, to_feature_sets

ROUNDING = 1e-12  # of a squared distance, relative to the squared lengths it is made of


def precision_recall(x: ArrayLike, y: ArrayLike, k: int = 3) -> tuple[Tensor, Tensor]:
    """Improved precision and recall (Kynkaanniemi et al., 2019).

    Args:
        x: features of the real set, (n, d), n above k.
        y: features of the generated set, (m, d), m above k.
        k: neighbors within a ball.
    Returns:
        Precision, the share of generated samples in a ball of a real one, and recall, the share of real samples in a
        ball of a generated one; float64, () each, 0..1.
    Raises:
        ValueError: if widths differ, a value is not finite, or a set has no more than k samples.
    """
    x, y = _centered(x, y)
    in_real, _ = _memberships(x, y, k)
    in_generated, _ = _memberships(y, x, k)
    return (in_real > 0).double().mean(), (in_generated > 0).double().mean()


def density_coverage(x: ArrayLike, y: ArrayLike, k: int = 5) -> tuple[Tensor, Tensor]:
    """Density and coverage (Naeem et al., 2020): only real samples have balls, so odd generated ones cannot inflate it.

    Args:
        x: features of the real set, (n, d), n above k.
        y: features of the generated set, (m, d).
        k: neighbors within a ball.
    Returns:
        Density, the mean number of balls that a generated sample lies in, / k, about 1 for equal distributions and not
        bounded by it; and coverage, the share of balls that hold a generated sample, 0..1; float64, () each.
    Raises:
        ValueError: if widths differ, a value is not finite, or the real set has no more than k samples.
    """
    x, y = _centered(x, y)
    balls, reached = _memberships(x, y, k)
    return balls.double().mean() / k, reached.double().mean()


def _centered(x: ArrayLike, y: ArrayLike) -> tuple[Tensor, Tensor]:
    """Both sets around one mean, where squared distances lose the fewest digits."""
    x, y = to_feature_sets(x, y)
    mean = x.mean(0)
    return x - mean, y - mean


def _memberships(centers: Tensor, points: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """In how many balls each point lies, (m,), and which balls hold a point, bool, (n,)."""
    if k < 1:
        raise ValueError(f"k is {k}, wanted at least 1")
    if len(centers) <= k:
        raise ValueError(f"{k} neighbors want more than {k} samples, found {len(centers)}")
    balls, reached = torch.zeros(len(points), dtype=torch.long, device=points.device), []
    for rows in centers.split(rows_per_chunk(max(len(centers), len(points)))):
        radii = _squared_distances(rows, centers).kthvalue(k + 1, dim=1, keepdim=True).values  # the first is itself
        inside = _squared_distances(rows, points, rounding=ROUNDING) <= radii
        balls += inside.sum(0)
        reached.append(inside.any(1))
    return balls, torch.cat(reached)


def _squared_distances(a: Tensor, b: Tensor, rounding: float = 0.0) -> Tensor:
    """|a - b|^2 for each pair, (n, m), smaller by what rounding may have added."""
    lengths = a.square().sum(1)[:, None] + b.square().sum(1)
    return lengths.mul_(1 - rounding).addmm_(a, b.T, alpha=-2)
