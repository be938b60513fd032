"""Frechet distance between two Gaussians (eq. 2.6) and the moments it needs."""

import warnings
from dataclasses import dataclass
from typing import Self

import torch
from scipy.linalg import lapack
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, to_double, to_features


def frechet_distance(mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike) -> Tensor:
    """Frechet distance |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of eq. 2.6.

    With S1 = A A^T and S2 = B B^T the trace of the root is the sum of the singular values of A^T B. The factors come
    from a pivoted Cholesky decomposition, which stops at the numerical rank: no square root of a matrix product, no
    imaginary part, and covariances of fewer samples than dimensions are exact (and cheap) as they stand.

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
    overlap = torch.linalg.svdvals(_factor(cov1, "cov1").T @ _factor(cov2, "cov2")).sum()
    return ((mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * overlap).clamp_min(0)


def _factor(cov: Tensor, name: str) -> Tensor:
    """A (d, rank) with A A^T = cov, by pivoted Cholesky; rank is the numerical rank."""
    scale = cov.abs().max()
    if not torch.allclose(cov, cov.T, rtol=0, atol=1e-7 * float(scale)):
        raise ValueError(f"{name} is no covariance: it is not symmetric")
    packed, pivots, rank, _ = lapack.dpstrf(cov.numpy(), lower=1)
    factor = torch.zeros(len(cov), rank, dtype=torch.float64)
    factor[torch.from_numpy(pivots - 1).long()] = torch.from_numpy(packed).tril()[:, :rank]
    if (
        abs(factor.square().sum() - cov.trace()) > 1e-7 * len(cov) * scale
    ):  # what is left would have a negative diagonal
        raise ValueError(f"{name} is no covariance: it has negative eigenvalues")
    return factor


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
        scatter = torch.addr(self.scatter + other.scatter, step, step, alpha=between)
        return Moments(count, self.mean + step * (other.count / count), scatter)

    def covariance(self, ddof: int = 1) -> Tensor:
        """Covariance (d, d): scatter / (count - ddof); ddof 1 as numpy.cov, 0 as the population's.

        Raises:
            ValueError: if there are fewer than two samples.
        """
        if self.count < 2:
            raise ValueError(f"a covariance wants at least 2 samples, found {self.count}")
        return self.scatter / (self.count - ddof)

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
        fewest, width = min(self.count, other.count), len(self.mean)
        covariances = self.covariance(ddof), other.covariance(ddof)
        if fewest <= width:
            warnings.warn(
                f"{fewest} samples for features of width {width}: the Frechet distance is biased upwards; "
                "compare only values with equal counts, or use the kernel distance",
                stacklevel=2,
            )
        return frechet_distance(self.mean, covariances[0], other.mean, covariances[1])
