"""Kernel distance between two sets of features: KID on image features, KVD on video features."""

import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, rows_per_chunk, to_feature_sets


def kernel_distance(
    x: ArrayLike,
    y: ArrayLike,
    *,
    degree: int = 3,
    subsets: int | None = None,
    subset_size: int = 1000,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Unbiased squared maximum mean discrepancy under the kernel (x.y / d + 1)^degree.

    It needs no covariance, so it is usable with fewer samples than dimensions, where the Frechet distance is biased.
    Memory does not grow with the number of pairs.

    Args:
        x: features of one set, (n, d), n at least 2.
        y: features of the other set, (m, d), m at least 2.
        degree: of the polynomial kernel; 3 is the published choice.
        subsets: None takes all samples once: the value with the least variance. A number takes the mean over that many
            random subsets, as published for KID (100 of 1000).
        subset_size: samples drawn from each side, without replacement, for one subset; unused without subsets.
        generator: of the subsets; by default a fresh one with seed 0.
    Returns:
        The distance and its standard error, float64, () each. The distance is about 0 for equal distributions and may
        be negative. With all samples the error is that of the estimate under new samples (first order); with subsets
        it is their standard deviation / sqrt(subsets), which says only how well the mean over subsets is known.
    Raises:
        ValueError: if widths differ, a value is not finite, or there are too few samples.
    """
    x, y = to_feature_sets(x, y)
    if subsets is None:
        return _distance(x, y, degree)
    fewest = min(len(x), len(y))
    if subsets < 2 or not 2 <= subset_size <= fewest:
        raise ValueError(
            f"{subsets} subsets of {subset_size} samples from sets of {len(x)} and {len(y)}: wanted at least 2 subsets "
            f"of 2 to {fewest} samples, or subsets=None for all samples at once"
        )
    generator = generator or torch.Generator().manual_seed(0)
    values = torch.stack(
        [
            _distance(_draw(x, subset_size, generator), _draw(y, subset_size, generator), degree)[0]
            for _ in range(subsets)
        ]
    )
    return values.mean(), values.std() / subsets**0.5


def _draw(samples: Tensor, count: int, generator: torch.Generator) -> Tensor:
    order = torch.randperm(len(samples), generator=generator, device=generator.device)
    return samples[order[:count].to(samples.device)]


def _distance(x: Tensor, y: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """MMD^2 of all samples and its standard error, from the mean kernel values of each sample."""
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise ValueError(f"the kernel distance wants at least 2 samples a side, found {n} and {m}")
    self_x, self_y = _sums_within(x, degree) / (n - 1), _sums_within(y, degree) / (m - 1)
    cross_x, cross_y = _sums_between(x, y, degree)
    cross_x, cross_y = cross_x / m, cross_y / n
    value = self_x.mean() + self_y.mean() - 2 * cross_x.mean()
    variance = 4 * (self_x - cross_x).var() / n + 4 * (self_y - cross_y).var() / m
    return value, variance.sqrt()


def _sums_within(x: Tensor, degree: int) -> Tensor:
    """For each sample its kernel values with all others, summed, (n,); each pair is computed once."""
    sums, size = x.new_zeros(len(x)), rows_per_chunk(len(x))
    for start in range(0, len(x), size):
        kernel = _kernel(x[start : start + size], x[start:], degree)
        own = kernel[:, : len(kernel)].fill_diagonal_(0)
        sums[start:] += kernel.sum(0)
        sums[start : start + size] += kernel.sum(1) - own.sum(1)
    return sums


def _sums_between(x: Tensor, y: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Kernel values with all samples of the other set, summed, for each of x (n,) and of y (m,)."""
    rows, columns = [], y.new_zeros(len(y))
    for part in x.split(rows_per_chunk(len(y))):
        kernel = _kernel(part, y, degree)
        rows.append(kernel.sum(1))
        columns += kernel.sum(0)
    return torch.cat(rows), columns


def _kernel(x: Tensor, y: Tensor, degree: int) -> Tensor:
    return (x @ y.T).div_(x.shape[1]).add_(1).pow_(degree)
