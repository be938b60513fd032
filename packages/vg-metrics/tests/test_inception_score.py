"""Inception score against loops over samples and classes, and torchmetrics' formula."""

import math
from itertools import pairwise

import pytest
import torch
from vg_metrics.functional.inception_score import inception_score, repeated_inception_score


def slow_score(probabilities: torch.Tensor) -> float:
    """Eq. 2.4 and 2.5, one sample and one class after another."""
    n, classes = probabilities.shape
    p = probabilities.double().tolist()
    marginal = [sum(row[c] for row in p) / n for c in range(classes)]
    divergences = [sum(row[c] * math.log(row[c] / marginal[c]) for c in range(classes) if row[c] > 0) for row in p]
    return math.exp(sum(divergences) / n)


def drawn_logits(rng: torch.Generator, n: int, classes: int) -> torch.Tensor:
    return 3 * torch.randn(n, classes, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize(("n", "classes"), [(1, 4), (7, 1), (50, 3), (33, 101)])
def test_score_is_equation_2_5(n, classes, rng):
    logits = drawn_logits(rng, n, classes)
    value, spread = inception_score(logits)
    torch.testing.assert_close(value.item(), slow_score(logits.softmax(1)), rtol=1e-12, atol=0)
    assert spread == 0
    for given in (logits.softmax(1), logits.softmax(1).numpy()):
        torch.testing.assert_close(inception_score(given)[0], value, rtol=1e-12, atol=0)


@pytest.mark.parametrize("splits", [1, 3, 10])
def test_splits_are_consecutive_parts(splits, rng):
    p = drawn_logits(rng, 47, 5).softmax(1)
    starts = [47 * index // splits for index in range(splits + 1)]
    scores = [slow_score(p[a:b]) for a, b in pairwise(starts)]
    mean = sum(scores) / splits
    spread = math.sqrt(sum((score - mean) ** 2 for score in scores) / splits)
    for got, wanted in zip(inception_score(p, splits=splits), (mean, spread), strict=True):
        torch.testing.assert_close(got.item(), wanted, rtol=1e-10, atol=1e-12)


def test_certain_and_even_predictions_score_the_number_of_classes(rng):
    """Rows of zeros and a one: p log p is 0 at 0, where a small number in the logarithm would leave less than 6."""
    certain = torch.eye(6).repeat(5, 1)
    assert inception_score(certain)[0].item() == pytest.approx(6, rel=1e-14)
    assert inception_score(1e4 * certain)[0].item() == pytest.approx(6, rel=1e-14)  # as logits


def test_equal_predictions_score_one(rng):
    p = drawn_logits(rng, 1, 9).softmax(1).expand(20, -1)
    assert 1 <= inception_score(p)[0].item() < 1 + 1e-12
    unused = torch.tensor([[0.0, 1.0]]).expand(4, -1)  # a class that no sample has: its marginal is 0 too
    assert inception_score(unused)[0] == 1


def test_order_of_the_samples_does_not_matter_without_splits(rng):
    logits = drawn_logits(rng, 60, 7)
    shuffled = logits[torch.randperm(60, generator=rng)]
    torch.testing.assert_close(inception_score(shuffled), inception_score(logits), rtol=1e-12, atol=0)


def test_probabilities_are_told_from_logits_by_their_rows(rng):
    p = drawn_logits(rng, 20, 4).softmax(1)
    taken_as_logits = inception_score(p.softmax(1))[0]
    torch.testing.assert_close(inception_score(p, probabilities=False)[0], taken_as_logits, rtol=1e-12, atol=0)
    assert inception_score(p, probabilities=True) == inception_score(p) == inception_score(p, probabilities=None)
    assert abs(inception_score(p.half())[0] - inception_score(p)[0]) < 1e-2
    with pytest.raises(ValueError, match=r"no probabilities: the least is 0.*sums to 1 \+- 1"):
        inception_score(2 * torch.eye(3), probabilities=True)


def test_ten_times_with_5000_samples_is_the_repeated_protocol(rng):
    """2.2.1; each repeat has its number, so that its samples can be drawn by it."""
    logits, asked = drawn_logits(rng, 60, 5), []

    def draw(repeat: int, count: int) -> torch.Tensor:
        asked.append((repeat, count))
        return logits[repeat * 6 : repeat * 6 + 6].repeat(count // 6 + 1, 1)[:count]

    mean, spread = repeated_inception_score(draw)
    assert asked == [(repeat, 5000) for repeat in range(10)]
    mean_of_six, spread_of_six = repeated_inception_score(draw, count=6)
    torch.testing.assert_close((mean_of_six, spread_of_six), inception_score(logits, splits=10), rtol=1e-12, atol=0)
    torch.testing.assert_close((mean, spread), (mean_of_six, spread_of_six), rtol=1e-2, atol=1e-3)


def test_what_cannot_be_scored_is_refused():
    p = torch.eye(4)
    with pytest.raises(ValueError, match="5 splits of 4 samples"):
        inception_score(p, splits=5)
    with pytest.raises(ValueError, match="0 splits of 4 samples"):
        inception_score(p, splits=0)
    with pytest.raises(ValueError, match="predictions holds 16 values that are not finite"):
        inception_score(p * torch.nan)
    with pytest.raises(ValueError, match=r"predictions has shape \(0, 4\)"):
        inception_score(p[:0])
    with pytest.raises(ValueError, match="repeat 0 drew 4 samples, wanted 5000"):
        repeated_inception_score(lambda repeat, count: p)
    with pytest.raises(ValueError, match="repeats is 0"):
        repeated_inception_score(lambda repeat, count: p, repeats=0)
