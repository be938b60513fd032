"""Kernel distance against loops over pairs; its standard error against repeated draws."""

import importlib
import itertools

import pytest
import torch
from vg_metrics.functional import kernel_distance


def slow_mmd(x: torch.Tensor, y: torch.Tensor, degree: int) -> float:
    """Unbiased MMD^2, one pair after another."""

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(a @ b / len(a) + 1) ** degree

    within = [sum(kernel(a, b) for a, b in itertools.permutations(s, 2)) / (len(s) * (len(s) - 1)) for s in (x, y)]
    return sum(within) - 2 * sum(kernel(a, b) for a, b in itertools.product(x, y)) / (len(x) * len(y))


@pytest.mark.parametrize(("n", "m", "d", "degree"), [(5, 9, 3, 3), (2, 2, 1, 3), (11, 4, 7, 2)])
def test_all_samples_equal_a_loop_over_pairs(n, m, d, degree, rng):
    x, y = torch.randn(n, d, generator=rng).double(), torch.randn(m, d, generator=rng).double() + 0.5
    value, _ = kernel_distance(x, y, degree=degree)
    torch.testing.assert_close(value.item(), slow_mmd(x, y, degree), rtol=1e-12, atol=1e-12)


def test_chunks_change_nothing(rng, monkeypatch):
    x, y = torch.randn(23, 5, generator=rng), torch.randn(31, 5, generator=rng)
    whole = kernel_distance(x, y)
    module = importlib.import_module("vg_metrics.functional.kernel_distance")  # its name is hidden by the function
    for rows in (1, 4, 30):
        monkeypatch.setattr(module, "rows_per_chunk", lambda columns, rows=rows: rows)
        torch.testing.assert_close(kernel_distance(x, y), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("degree", "shift"), [(3, 0.0), (3, 0.7), (1, 0.2), (5, 0.7)])
def test_all_samples_equal_the_kernels_of_sklearn(degree, shift, rng):
    """The unbiased estimate from the kernel matrices of sklearn, whose default gamma is 1 / d."""
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    x, y = torch.randn(70, 33, generator=rng).double(), torch.randn(51, 33, generator=rng).double() + shift
    xx, yy, xy = (pairwise.polynomial_kernel(a, b, degree=degree, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    within = [(k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (xx, yy)]
    torch.testing.assert_close(
        kernel_distance(x, y, degree=degree)[0].item(), sum(within) - 2 * xy.mean(), rtol=1e-10, atol=1e-13
    )


def test_order_and_sides_do_not_matter(rng):
    x, y = torch.randn(60, 9, generator=rng) + 10, torch.randn(40, 9, generator=rng) + 10.2
    shuffled = x[torch.randperm(60, generator=rng)], y[torch.randperm(40, generator=rng)]
    torch.testing.assert_close(kernel_distance(*shuffled), kernel_distance(x, y), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(kernel_distance(y, x), kernel_distance(x, y), rtol=1e-9, atol=1e-9)


def test_subsets_are_the_mean_over_drawn_samples(rng):
    x, y = torch.randn(12, 3, generator=rng).double(), torch.randn(9, 3, generator=rng).double()
    value, error = kernel_distance(x, y, subsets=5, subset_size=4, generator=torch.Generator().manual_seed(7))
    draws, expected = torch.Generator().manual_seed(7), []
    for _ in range(5):
        chosen = [s[torch.randperm(len(s), generator=draws)[:4]] for s in (x, y)]
        expected.append(slow_mmd(*chosen, degree=3))
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(value, expected.mean(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(error, expected.std() / 5**0.5, rtol=1e-12, atol=1e-12)


def test_subsets_are_seeded(rng):
    x, y = torch.randn(40, 3, generator=rng), torch.randn(40, 3, generator=rng)
    assert kernel_distance(x, y, subsets=3, subset_size=10) == kernel_distance(x, y, subsets=3, subset_size=10)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_standard_error_is_the_spread_over_new_samples(shift, rng):
    runs = [
        kernel_distance(torch.randn(60, 4, generator=rng), torch.randn(50, 4, generator=rng) + shift)
        for _ in range(150)
    ]
    values, errors = (torch.stack(column) for column in zip(*runs, strict=True))
    assert 0.7 < errors.mean() / values.std() < 1.5
    if not shift:  # unbiased: the mean over runs is 0 within its own error
        assert values.mean().abs() < 4 * values.std() / 150**0.5


def test_a_shifted_set_is_farther_than_the_other_half_beyond_the_error(rng):
    x = torch.randn(100, 16, generator=rng)
    near, near_error = kernel_distance(x[:50], x[50:])
    far, far_error = kernel_distance(x[:50], x[50:] + 1)
    assert far - near > 3 * (near_error + far_error)


def test_what_cannot_be_compared_is_refused():
    x = torch.ones(5, 3)
    with pytest.raises(ValueError, match="width 3 and 4"):
        kernel_distance(x, torch.ones(5, 4))
    with pytest.raises(ValueError, match="at least 2 samples a side, found 5 and 1"):
        kernel_distance(x, x[:1])
    with pytest.raises(ValueError, match="subsets of 1000 samples from sets of 5 and 5"):
        kernel_distance(x, x, subsets=100)
    with pytest.raises(ValueError, match="y holds 15 values that are not finite"):
        kernel_distance(x, x * torch.nan)
