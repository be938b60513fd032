"""Precision, recall, density and coverage against loops over pairs and the neighbors that sklearn finds."""

import importlib

import pytest
import torch
from vg_metrics.functional.coverage import density_coverage, precision_recall


def slow_balls(centers: torch.Tensor, points: torch.Tensor, k: int) -> list[list[bool]]:
    """For each center, which points its ball holds; the ball reaches to the k-th nearest other center."""
    rows = []
    for i, center in enumerate(centers):
        others = sorted(float((center - other).norm()) for j, other in enumerate(centers) if j != i)
        rows.append([float((center - point).norm()) <= others[k - 1] for point in points])
    return rows


def two_sets(rng: torch.Generator, n: int, m: int, d: int, shift: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(n, d, generator=rng).double(), 0.9 * torch.randn(m, d, generator=rng).double() + shift


@pytest.mark.parametrize(("n", "m", "d", "k"), [(30, 41, 3, 3), (12, 9, 1, 1), (25, 25, 17, 5), (6, 7, 2, 5)])
def test_scores_equal_loops_over_pairs(n, m, d, k, rng):
    x, y = two_sets(rng, n, m, d)
    real, generated = slow_balls(x, y, k), slow_balls(y, x, k)
    precision = sum(any(row[j] for row in real) for j in range(m)) / m
    recall = sum(any(row[i] for row in generated) for i in range(n)) / n
    density = sum(map(sum, real)) / (k * m)
    coverage = sum(map(any, real)) / n
    assert [value.item() for value in precision_recall(x, y, k)] == pytest.approx([precision, recall], abs=1e-14)
    assert [value.item() for value in density_coverage(x, y, k)] == pytest.approx([density, coverage], abs=1e-14)
    assert precision_recall(x, y, k)[0].dtype == torch.float64


def test_defaults_are_the_published_numbers_of_neighbors(rng):
    x, y = two_sets(rng, 60, 50, 4)
    assert precision_recall(x, y) == precision_recall(x, y, 3) != precision_recall(x, y, 5)
    assert density_coverage(x, y) == density_coverage(x, y, 5) != density_coverage(x, y, 3)


@pytest.mark.parametrize("k", [3, 5])
def test_scores_equal_those_of_the_neighbors_that_sklearn_finds(k, rng):
    neighbors = pytest.importorskip("sklearn.neighbors")
    x, y = two_sets(rng, 300, 240, 12)
    inside = {}
    for name, centers, points in (("real", x, y), ("generated", y, x)):
        found = neighbors.NearestNeighbors(n_neighbors=k).fit(centers)
        radii = found.kneighbors()[0][:, -1]  # without arguments a sample is no neighbor of itself
        distances = neighbors.NearestNeighbors().fit(points).radius_neighbors(centers, radius=radii.max())
        inside[name] = torch.zeros(len(centers), len(points), dtype=torch.bool)
        for i, (away, index) in enumerate(zip(*distances, strict=True)):
            inside[name][i, index[away <= radii[i]]] = True
    precision, recall = (inside[name].any(0).double().mean().item() for name in inside)
    assert [value.item() for value in precision_recall(x, y, k)] == pytest.approx([precision, recall])
    density, coverage = inside["real"].double().sum().item() / (k * len(y)), inside["real"].any(1).double().mean()
    assert [value.item() for value in density_coverage(x, y, k)] == pytest.approx([density, coverage.item()])


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_a_set_against_itself_is_covered_wherever_it_lies(offset, rng):
    """Each ball holds its center and k more, the last of them on its border; half of the samples come twice."""
    x = torch.randn(40, 6, generator=rng).double() + offset
    assert precision_recall(x, x) == (1, 1)
    density, coverage = density_coverage(x, x)
    assert (density.item(), coverage.item()) == (pytest.approx(6 / 5), 1)
    twice = torch.cat([x, x])
    assert precision_recall(twice, twice, 1) == (1, 1)  # radius 0
    assert density_coverage(twice, x, 1) == (2, 1)


def test_sets_far_apart_share_nothing(rng):
    x, y = two_sets(rng, 20, 30, 4, shift=100)
    assert precision_recall(x, y) == density_coverage(x, y) == (0, 0)


def test_a_narrow_set_is_precise_but_covers_little(rng):
    x, y = torch.randn(200, 2, generator=rng), 0.05 * torch.randn(200, 2, generator=rng)
    precision, recall = precision_recall(x, y)
    assert precision > 0.9 and recall < 0.2
    assert density_coverage(x, y)[1] < 0.2


def test_one_odd_real_sample_does_not_raise_density(rng):
    """Its ball reaches everything, so precision takes far samples for good; density counts one ball of many."""
    x = torch.cat([torch.randn(100, 2, generator=rng), torch.tensor([[500.0, 0.0]])])
    far = torch.randn(50, 2, generator=rng) + torch.tensor([100.0, 0.0])
    assert precision_recall(x, far)[0] == 1
    assert density_coverage(x, far)[0].item() == pytest.approx(1 / 5)


def test_chunks_and_order_change_nothing(rng, monkeypatch):
    x, y = two_sets(rng, 33, 21, 5)
    wanted = precision_recall(x, y), density_coverage(x, y)
    shuffled = x[torch.randperm(33, generator=rng)], y[torch.randperm(21, generator=rng)]
    assert (precision_recall(*shuffled), density_coverage(*shuffled)) == wanted
    module = importlib.import_module("vg_metrics.functional.coverage")
    for rows in (1, 4, 30):
        monkeypatch.setattr(module, "rows_per_chunk", lambda columns, rows=rows: rows)
        assert (precision_recall(x, y), density_coverage(x, y)) == wanted


def test_what_has_no_neighbors_is_refused():
    x = torch.arange(15.0).view(5, 3)
    with pytest.raises(ValueError, match="5 neighbors want more than 5 samples, found 5"):
        density_coverage(x, x)
    with pytest.raises(ValueError, match="3 neighbors want more than 3 samples, found 2"):
        precision_recall(x, x[:2])
    assert density_coverage(x, x[:1], 2)[1] > 0  # generated samples need no neighbors there
    with pytest.raises(ValueError, match="k is 0"):
        precision_recall(x, x, 0)
    with pytest.raises(ValueError, match="width 3 and 4"):
        density_coverage(x, torch.ones(5, 4))
    with pytest.raises(ValueError, match="x holds 15 values that are not finite"):
        precision_recall(x * torch.nan, x)
