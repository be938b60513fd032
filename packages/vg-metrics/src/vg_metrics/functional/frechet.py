"""Frechet distance between two Gaussians (eq. 2.6) and the moments it needs."""

import warnings
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, to_double, to_feature_sets, to_features

BLOCK = 256  # columns of a triangular factor multiplied at once
CHUNK = 4096  # rows of a matrix of inner products held at once
GRADED = 1e-6  # a pivot may be smaller than later ones by this


def frechet_distance(mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike) -> Tensor:
    """Frechet distance |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of eq. 2.6.

    With a Cholesky factor S1 = A A^T the product S1 S2 has the eigenvalues of the symmetric matrix A^T S2 A, and the
    trace is the sum of their roots. Where a covariance has no such factor, or one that would lose digits (fewer samples
    than dimensions, features that depend on one another), both are factored by their eigenvectors, S1 = A A^T and
    S2 = B B^T without the directions of no variance, and the trace is the sum of the singular values of A^T B. Neither
    takes the square root of a matrix, so there is no imaginary part.

    Args:
        mean1: mean of the first set, (d,).
        cov1: its covariance, (d, d), symmetric and positive semi-definite.
        mean2: mean of the second set, (d,).
        cov2: its covariance, (d, d).
    Returns:
        The distance, float64, (), never negative; in squared units of the features. Computed on the CPU.
    Raises:
        ValueError: if shapes disagree, a value is not finite, or a matrix is not a covariance.
    """
    mean1, mean2 = to_double(mean1, "mean1", 1).cpu(), to_double(mean2, "mean2", 1).cpu()
    cov1, cov2 = to_double(cov1, "cov1", 2).cpu(), to_double(cov2, "cov2", 2).cpu()
    width = len(mean1)
    for name, value, wanted in (("mean2", mean2, (width,)), ("cov1", cov1, (width,) * 2), ("cov2", cov2, (width,) * 2)):
        if value.shape != wanted:
            raise ValueError(f"{name} has shape {tuple(value.shape)}, but mean1 has width {width}: wanted {wanted}")
    for name, cov in (("cov1", cov1), ("cov2", cov2)):
        if (cov - cov.T).max() > 1e-7 * cov.diagonal().abs().max():  # a covariance holds nothing larger
            raise ValueError(f"{name} is no covariance: it is not symmetric")
    return _distance(mean1 - mean2, cov1.trace() + cov2.trace(), _root_trace(cov1, cov2))


def frechet_distance_from_features(x: ArrayLike, y: ArrayLike, *, ddof: int = 1) -> Tensor:
    """Frechet distance (eq. 2.6) of two sets of features; exact and cheap with fewer samples than dimensions.

    A set of at most d samples needs no covariance: with centered rows X and Y, the trace of the root is the sum of the
    singular values of X Y^T / sqrt((n - ddof)(m - ddof)). With more samples in both sets it is that of the moments.

    Args:
        x: features of one set, (n, d), n at least 2.
        y: features of the other set, (m, d), m at least 2.
        ddof: 1 (numpy.cov; the released evaluations of chapters 3 to 5) or 0.
    Returns:
        The distance, float64, (), never negative. Warns when a set has no more samples than dimensions.
    Raises:
        ValueError: if widths differ, a value is not finite, or a set has fewer than two samples.
    """
    sets = to_feature_sets(x, y)
    fewest, width = min(map(len, sets)), sets[0].shape[1]
    if fewest > width:
        return Moments.of(sets[0]).distance(Moments.of(sets[1]), ddof)
    (mean1, rows1), (mean2, rows2) = (_scaled(features, ddof) for features in sets)
    _warn_of_few(fewest, width)
    return _distance(mean1 - mean2, rows1.square().sum() + rows2.square().sum(), _overlap(rows1, rows2))


def _distance(shift: Tensor, traces: Tensor, root_trace: Tensor) -> Tensor:
    return (shift.square().sum() + traces - 2 * root_trace).clamp_min(0)


def _root_trace(cov1: Tensor, cov2: Tensor) -> Tensor:
    """tr (S1 S2)^(1/2)."""
    factor = _cholesky(cov1)
    if factor is not None:
        values = torch.linalg.eigvalsh(_lower_congruence(factor, cov2))
        if values[0] > _rounding(values) or _cholesky(cov2) is not None:
            return values.clamp_min(0).sqrt().sum()
    return torch.linalg.svdvals(_eigen_factor(cov1, "cov1").T @ _eigen_factor(cov2, "cov2")).sum()


def _cholesky(cov: Tensor) -> Tensor | None:
    """Lower triangular A with A A^T = cov, or None where eigenvalues of A^T S A would lose digits.

    That is where a pivot is made of rounding errors, and where a small one comes before far larger ones: with falling
    pivots the matrix is graded, and its small eigenvalues are as exact as its large ones.
    """
    factor, failed = torch.linalg.cholesky_ex(cov)
    pivots = factor.diagonal().square()
    later = pivots.flip(0).cummax(0).values.flip(0)
    lossy = failed or pivots.min() <= _rounding(pivots) or (pivots < GRADED * later).any()
    return None if lossy else factor


def _rounding(values: Tensor) -> Tensor:
    """Below this, eigenvalues or pivots of a covariance may be made of rounding errors."""
    return len(values) * torch.finfo(values.dtype).eps * values.max()


def _lower_congruence(factor: Tensor, cov: Tensor) -> Tensor:
    """The lower half of A^T S A for a lower triangular A, in a third of the arithmetic of two full products."""
    product = torch.zeros_like(cov)
    for start in range(0, len(cov), BLOCK):
        rest, block = slice(start, None), slice(start, start + BLOCK)
        product[rest, block] = factor[rest, rest].T @ (cov[rest, rest] @ factor[rest, block])
    return product


def _eigen_factor(cov: Tensor, name: str) -> Tensor:
    """A (d, rank) with A A^T = cov; rank is the numerical rank."""
    values, vectors = torch.linalg.eigh(cov)
    if values[0] < -1e-7 * len(cov) * values[-1].abs():
        raise ValueError(f"{name} is no covariance: it has negative eigenvalues")
    kept = values > _rounding(values)
    return vectors[:, kept] * values[kept].sqrt()


def _scaled(features: Tensor, ddof: int) -> tuple[Tensor, Tensor]:
    """The mean, and rows X, (n, d), of which X^T X is the covariance."""
    mean = features.mean(0)
    return mean, (features - mean) / _degrees(len(features), ddof) ** 0.5


def _overlap(x: Tensor, y: Tensor) -> Tensor:
    """Sum of the singular values of x y^T, by its triangular factor, no larger than the smaller set squared."""
    few, many = sorted((x, y), key=len)
    triangle = few.new_zeros(0, len(few))
    for rows in many.split(CHUNK):
        triangle = torch.linalg.qr(torch.cat([triangle, rows @ few.T]), mode="r").R
    return torch.linalg.svdvals(triangle).sum()


def _degrees(count: int, ddof: int) -> int:
    """Degrees of freedom of a covariance."""
    if count < 2:
        raise ValueError(f"a covariance wants at least 2 samples, found {count}")
    return count - ddof


def _warn_of_few(count: int, width: int) -> None:
    if count <= width:
        warnings.warn(
            f"{count} samples for features of width {width}: the Frechet distance is biased upwards; "
            "compare only values with equal counts, or use the kernel distance",
            stacklevel=3,
        )


@dataclass(frozen=True)
class Moments:
    """Count, mean and scatter of a set of features, mergeable without loss (Chan, Golub, LeVeque 1979), float64.

    Attributes:
        count: number of samples.
        mean: (d,).
        scatter: sum of the outer products of the deviations from the mean, (d, d).
    """

    count: int
    mean: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, features: ArrayLike) -> Self:
        """Moments of features (n, d); ValueError if they are empty or not finite."""
        x = to_features(features)
        mean = x.mean(0)
        x = x - mean
        return cls(len(x), mean, x.T @ x)

    def merged(self, other: "Moments") -> "Moments":
        """Moments of both sets together; ValueError if the widths differ."""
        if self.mean.shape != other.mean.shape:
            raise ValueError(f"features of width {len(other.mean)} cannot join features of width {len(self.mean)}")
        count = self.count + other.count
        if not count:
            return self
        step = other.mean - self.mean
        between = self.count * other.count / count
        scatter = torch.addr(self.scatter, step, step, alpha=between).add_(other.scatter)
        return Moments(count, self.mean + step * (other.count / count), scatter)

    def covariance(self, ddof: int = 1) -> Tensor:
        """Covariance (d, d): scatter / (count - ddof); ddof 1 as numpy.cov, 0 as the population's.

        Raises:
            ValueError: if there are fewer than two samples.
        """
        return self.scatter / _degrees(self.count, ddof)

    def distance(self, other: "Moments", ddof: int = 1) -> Tensor:
        """Frechet distance to another set; warns where samples are too few for the width.

        Args:
            other: moments of the same features over the other set.
            ddof: 1 (numpy.cov; the released evaluations of chapters 3 to 5) or 0.
        Returns:
            float64, ().
        Raises:
            ValueError: as `frechet_distance` and `covariance`.
        """
        cov, other_cov = self.covariance(ddof), other.covariance(ddof)
        _warn_of_few(min(self.count, other.count), len(self.mean))
        return frechet_distance(self.mean, cov, other.mean, other_cov)
