"""Frechet distance against scipy's matrix square root and public numbers; moments against numpy."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from vg_metrics.functional import Moments, frechet, frechet_distance
from vg_metrics.functional.frechet import frechet_distance_from_features


def usual_frechet(x: np.ndarray, y: np.ndarray) -> float:
    """The usual way: a square root of the product of the covariances."""
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(cov_x @ cov_y).real
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y - 2 * root))


def correlated(rng: torch.Generator, n: int, d: int, shift: float = 0.0) -> torch.Tensor:
    mix = torch.randn(d, d, generator=rng, dtype=torch.float64) / d**0.5 + torch.eye(d, dtype=torch.float64)
    return torch.randn(n, d, generator=rng, dtype=torch.float64) @ mix + shift


def from_moments(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return Moments.of(x).distance(Moments.of(y))


def quiet_distance(x: torch.Tensor, y: torch.Tensor, distance=from_moments) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return distance(x, y).item()


@pytest.mark.parametrize("d", [1, 2, 17, 64])
def test_well_conditioned_distance_equals_scipy_sqrtm_to_1e_9(d, rng):
    x, y = correlated(rng, 40 * d, d), correlated(rng, 30 * d + 1, d, shift=0.3)
    got = (
        frechet_distance(x.mean(0), x.T.cov(), y.mean(0), y.T.cov()) if d > 1 else Moments.of(x).distance(Moments.of(y))
    )
    wanted = usual_frechet(x.numpy(), y.numpy()) if d > 1 else (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2
    assert got.dtype == torch.float64 and got.shape == ()
    torch.testing.assert_close(got.item(), float(wanted), rtol=1e-9, atol=0)


def test_commuting_covariances_have_the_closed_form(rng):
    """With one eigenbasis the distance is |dm|^2 + sum (sqrt(l1) - sqrt(l2))^2, also where eigenvalues vanish."""
    basis = torch.linalg.qr(torch.randn(9, 9, generator=rng, dtype=torch.float64)).Q
    values1 = torch.tensor([4.0, 1, 0.25, 9, 0, 0, 1e-4, 2, 0], dtype=torch.float64)
    values2 = torch.tensor([1.0, 0, 0.25, 4, 0, 3, 1e-2, 2, 0], dtype=torch.float64)
    mean = torch.arange(9, dtype=torch.float64)
    got = frechet_distance(mean, basis * values1 @ basis.T, mean + 1, basis * values2 @ basis.T)
    torch.testing.assert_close(got, 9 + (values1.sqrt() - values2.sqrt()).square().sum(), rtol=1e-6, atol=0)


def exact_distance(x: torch.Tensor, y: torch.Tensor, ddof: int = 1) -> torch.Tensor:
    """By the nuclear norm of X Y^T, in one piece: squares nothing, so it is exact at any rank."""
    cx, cy = ((z - z.mean(0)) / (len(z) - ddof) ** 0.5 for z in (x.double(), y.double()))
    traces = cx.square().sum() + cy.square().sum()
    return (x.double().mean(0) - y.double().mean(0)).square().sum() + traces - 2 * torch.linalg.svdvals(cx @ cy.T).sum()


@pytest.mark.parametrize(("n", "m", "d"), [(5, 7, 40), (40, 300, 64), (3, 500, 20), (64, 65, 64), (9, 9, 8), (2, 2, 1)])
@pytest.mark.parametrize("ddof", [0, 1])
def test_few_samples_are_exact_from_features_and_from_moments(n, m, d, ddof, rng):
    x, y = correlated(rng, n, d), correlated(rng, m, d)
    wanted = exact_distance(x, y, ddof)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from_moments = Moments.of(x).distance(Moments.of(y), ddof)
        from_features = frechet_distance_from_features(x, y, ddof=ddof)
        swapped = frechet_distance_from_features(y, x, ddof=ddof)
    messages = [str(warning.message).partition(":")[0] for warning in caught]
    assert messages == [f"{n} samples for features of width {d}"] * (3 if n <= d else 0)
    torch.testing.assert_close(from_features, wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(from_moments, wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(swapped, wanted, rtol=1e-12, atol=1e-12)


def test_few_samples_make_no_square_matrix_and_chunks_change_nothing(rng, monkeypatch):
    x, y = correlated(rng, 7, 30), correlated(rng, 90, 30)
    wanted = exact_distance(x, y)
    monkeypatch.setattr(frechet, "CHUNK", 4)
    monkeypatch.setattr(frechet, "Moments", None)
    monkeypatch.setattr(frechet, "frechet_distance", None)
    with pytest.warns(UserWarning, match="7 samples"):
        torch.testing.assert_close(frechet_distance_from_features(x, y), wanted, rtol=1e-12, atol=1e-12)


SPECTRA = {
    "fast": lambda k: k**-2,
    "faster than float64 resolves": lambda k: k**-5,
    "exponential": lambda k: torch.exp(-k / 3),
    "one direction": lambda k: (k == 1).double(),
    "far scales": lambda k: 10 ** (6 * torch.sin(k)),
    "far scales, rising": lambda k: 10 ** (k / 20),
}


@pytest.mark.parametrize(("n", "m"), [(400, 300), (65, 61), (61, 62)])
@pytest.mark.parametrize("first", SPECTRA)
def test_ill_conditioned_covariances_lose_no_digits_that_count(first, n, m, rng):
    """Relative to the traces, which the distance is the difference of; both sets in directions of their own."""
    d, spectrum = 60, SPECTRA[first](torch.arange(1, 61).double())
    x, y = (torch.randn(count, d, generator=rng).double() * spectrum for count in (n, m))
    if not first.startswith("far scales"):  # there the features themselves differ
        x, y = (z @ torch.linalg.qr(torch.randn(d, d, generator=rng).double()).Q for z in (x, y))
    scale = x.var(0).sum() + y.var(0).sum()
    got = frechet_distance(x.mean(0), x.T.cov(), y.mean(0), y.T.cov())
    torch.testing.assert_close(got / scale, exact_distance(x, y) / scale, rtol=0, atol=1e-10)


def test_features_that_nearly_repeat_others_lose_no_digits_that_count(rng):
    """Small pivots come before large ones, by 1e-10: without a look at their order the error would be 1e-9."""
    x, y = torch.randn(500, 80, generator=rng).double(), torch.randn(400, 80, generator=rng).double()
    for z in (x, y):
        z[:, 1:40] = z[:, :1] + 1e-5 * z[:, 1:40]
    got = Moments.of(x).distance(Moments.of(y))
    torch.testing.assert_close(got, exact_distance(x, y), rtol=0, atol=1e-10)


def test_only_covariances_without_a_cholesky_factor_take_eigenvectors(rng, monkeypatch):
    x, y = correlated(rng, 300, 20), correlated(rng, 300, 20)
    dependent = torch.cat([y[:, :-1], y[:, :1] - 2 * y[:, 3:4]], 1)
    wanted = exact_distance(x, dependent)
    for pair in ((x, dependent), (dependent, x)):
        torch.testing.assert_close(Moments.of(pair[0]).distance(Moments.of(pair[1])), wanted, rtol=1e-9, atol=0)
    monkeypatch.setattr(frechet, "_eigen_factor", None)
    assert Moments.of(x).distance(Moments.of(y)) > 0
    with pytest.raises(TypeError):
        Moments.of(x).distance(Moments.of(dependent))


@pytest.mark.parametrize("d", [5, 16, 33])
def test_blocks_change_nothing(d, rng, monkeypatch):
    x, y = correlated(rng, 99, d), correlated(rng, 99, d)
    whole = Moments.of(x).distance(Moments.of(y))
    monkeypatch.setattr(frechet, "BLOCK", 8)
    torch.testing.assert_close(Moments.of(x).distance(Moments.of(y)), whole, rtol=1e-12, atol=0)


@pytest.mark.parametrize("n", [20, 200])
def test_order_of_samples_and_of_sets_changes_nothing_beyond_rounding(n, rng):
    x, y = correlated(rng, n, 30, shift=5), correlated(rng, n + 3, 30, shift=6)
    shuffled = x[torch.randperm(n, generator=rng)], y[torch.randperm(n + 3, generator=rng)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = frechet_distance_from_features(x, y)
        for pair in (shuffled, (y, x)):
            torch.testing.assert_close(frechet_distance_from_features(*pair), wanted, rtol=1e-10, atol=0)


@pytest.mark.parametrize(("n", "d"), [(200, 16), (10, 64), (2, 30)])
def test_a_set_against_itself_is_zero_and_never_negative(n, d, rng):
    x = correlated(rng, n, d, shift=100)
    assert 0 <= quiet_distance(x, x) < 1e-9
    assert 0 <= quiet_distance(x, x, frechet_distance_from_features) < 1e-9


def test_constant_features_give_the_distance_of_the_means():
    x, y = torch.ones(5, 3), torch.full((4, 3), 3.0)
    assert quiet_distance(x, y) == pytest.approx(12)
    assert quiet_distance(x, y, frechet_distance_from_features) == pytest.approx(12)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("distance", [from_moments, frechet_distance_from_features])
def test_values_of_the_released_evaluation_are_met(index, distance):
    """evaluation/fid.py of g3an-project 74764fd: float32 means and sqrtm; set 1 has 40 samples in 64 dimensions."""
    data = np.load(Path(__file__).parent / "data" / "frechet.npz")
    x, y = (torch.from_numpy(data[f"features_{side}{index}"]) for side in "ab")
    assert quiet_distance(x, y, distance) == pytest.approx(float(data[f"fid{index}"]), rel=1e-6)
    assert quiet_distance(x, x, distance) == pytest.approx(float(data[f"fid_self{index}"]), abs=1e-6)


def test_moments_of_pieces_in_any_order_are_those_of_the_whole(rng):
    x = correlated(rng, 101, 7, shift=1e4).float()  # a large mean: plain sums of squares would lose digits
    pieces = [Moments.of(part) for part in x[torch.randperm(101, generator=rng)].split([1, 40, 17, 43])]
    merged = pieces[2].merged(pieces[0]).merged(pieces[3].merged(pieces[1]))
    assert merged.count == 101
    np.testing.assert_allclose(merged.mean, x.double().mean(0), rtol=1e-12)
    for ddof in (0, 1):
        np.testing.assert_allclose(merged.covariance(ddof), np.cov(x.double(), rowvar=False, ddof=ddof), rtol=1e-9)


def test_arrays_and_tensors_give_the_same_value(rng):
    x = correlated(rng, 30, 4)
    moments = x.mean(0), x.T.cov(), x.mean(0) + 1, 2 * x.T.cov()
    assert frechet_distance(*moments) == frechet_distance(*(m.numpy() for m in moments))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean2": torch.zeros(4)}, r"mean2 has shape \(4,\), but mean1 has width 3"),
        ({"cov1": torch.zeros(3, 2)}, r"cov1 has shape \(3, 2\).*\(3, 3\)"),
        ({"cov2": torch.full((3, 3), torch.nan)}, "cov2 holds 9 values that are not finite"),
        ({"cov1": torch.tensor([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]])}, "cov1 .* negative eigenvalues"),
        ({"cov1": -torch.eye(3)}, "cov1 .* negative eigenvalues"),
        ({"cov2": torch.tensor([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]])}, "cov2 .* negative eigenvalues"),
        ({"cov2": torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 0]])}, "cov2 .* not symmetric"),
        ({"cov2": torch.tensor([[1.0, 0.5, 0], [0, 1, 0], [0, 0, 1]])}, "cov2 .* not symmetric"),
    ],
)
def test_what_is_no_mean_and_covariance_is_refused(change, message):
    moments = {"mean1": torch.zeros(3), "cov1": torch.eye(3), "mean2": torch.zeros(3), "cov2": torch.eye(3)}
    with pytest.raises(ValueError, match=message):
        frechet_distance(**(moments | change))


def test_moments_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match="at least 2 samples, found 1"):
        Moments.of(torch.ones(1, 3)).covariance()
    with pytest.raises(ValueError, match="width 4 cannot join features of width 3"):
        Moments.of(torch.ones(2, 3)).merged(Moments.of(torch.ones(2, 4)))
    with pytest.raises(ValueError, match="1 values that are not finite"):
        Moments.of(torch.tensor([[1.0, torch.inf]]))
    with pytest.raises(ValueError, match=r"shape \(0, 3\)"):
        Moments.of(torch.ones(0, 3))


def test_features_that_give_no_distance_are_refused():
    x = torch.ones(5, 3)
    with pytest.raises(ValueError, match="at least 2 samples, found 1"):
        frechet_distance_from_features(x, x[:1])
    with pytest.raises(ValueError, match="width 3 and 4"):
        frechet_distance_from_features(x, torch.ones(5, 4))
    with pytest.raises(ValueError, match="y holds 1 values that are not finite"):
        frechet_distance_from_features(x, torch.where(torch.arange(15).view(5, 3) == 4, torch.nan, x))
