"""Intervals, agreement and Bradley-Terry strengths against published values and outside computations."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import binomtest
from vg_metrics.functional.preference import Share, bradley_terry, fleiss_kappa, wilson_interval


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_of_newcombe_are_met(hits, count, low, high):
    """Newcombe 1998, table I, method 3."""
    assert wilson_interval(hits, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_wilson_interval_equals_scipy(confidence):
    for hits, count in ((0, 1), (1, 1), (3, 7), (128, 150), (30, 30)):
        outside = binomtest(hits, count).proportion_ci(confidence, method="wilson")
        got = wilson_interval(hits, count, confidence=confidence)
        assert got == pytest.approx((outside.low, outside.high), abs=1e-12)


def test_shares_of_the_thesis_are_those_of_whole_answers():
    """Tables 5.6 to 5.8 fit 30 raters with ten, five and three clips each."""
    for percent, hits, count in (
        (85.33, 256, 300),
        (61.33, 184, 300),
        (48.67, 146, 300),
        (85.33, 128, 150),
        (92.22, 83, 90),
    ):
        share = Share.of(hits, count)
        assert round(100 * share.share, 2) == percent and share.low < share.share < share.high
    undecided = Share.of(146, 300)  # ours against real robots: raters could not tell
    assert undecided.low < 0.5 < undecided.high
    assert Share.of(184, 300).low > 0.5


FLEISS = [  # 14 raters put ten items into five categories, the usual worked example: 0.210
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def slow_kappa(counts):
    """Agreement over all pairs of raters of an item, one pair after another."""
    agreements, answers = [], []
    for row in counts:
        given = [category for category, count in enumerate(row) for _ in range(count)]
        pairs = [(a, b) for i, a in enumerate(given) for b in given[i + 1 :]]
        agreements.append(sum(a == b for a, b in pairs) / len(pairs))
        answers += given
    chance = sum((answers.count(category) / len(answers)) ** 2 for category in set(answers))
    return (sum(agreements) / len(agreements) - chance) / (1 - chance)


def test_kappa_of_the_worked_example_is_met():
    assert fleiss_kappa(np.array(FLEISS)) == pytest.approx(0.210, abs=5e-4)
    assert fleiss_kappa(np.array(FLEISS)) == pytest.approx(slow_kappa(FLEISS))


def test_kappa_of_items_with_different_numbers_of_ratings():
    counts = [[2, 0, 0], [1, 3, 1], [0, 4, 0], [2, 2, 3]]
    assert fleiss_kappa(torch.tensor(counts)) == pytest.approx(slow_kappa(counts))


def test_full_agreement_is_1_and_one_category_undefined():
    assert fleiss_kappa(torch.tensor([[5, 0], [0, 5], [5, 0]])) == 1
    assert fleiss_kappa(torch.tensor([[5, 0], [3, 0]])) is None


def slow_bradley_terry(wins):
    """Maximum likelihood by a general optimizer over all strengths but the first, then centered."""

    def loss(free):
        s = np.concatenate([[0], free])
        return sum(
            wins[i][j] * math.log1p(math.exp(s[j] - s[i])) for i in range(len(s)) for j in range(len(s)) if wins[i][j]
        )

    free = minimize(loss, np.zeros(len(wins) - 1), method="BFGS", options={"gtol": 1e-9}).x
    s = np.concatenate([[0], free])
    return s - s.mean()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bradley_terry_is_the_maximum_likelihood(seed):
    random = np.random.default_rng(seed)
    wins = random.integers(0, 9, (5, 5)).astype(float)
    wins[0, 3] = wins[3, 0] = 0  # not every pair is compared
    np.fill_diagonal(wins, 0)
    wins[0, 1] += 40  # and one is far better than another
    got = bradley_terry(wins, "abcde")
    slow = dict(zip("abcde", slow_bradley_terry(wins), strict=True))
    assert got.methods == tuple(sorted(slow, key=slow.get, reverse=True))
    np.testing.assert_allclose(got.strengths, [slow[m] for m in got.methods], atol=1e-5)


def test_two_methods_differ_by_the_odds_with_their_known_error():
    got = bradley_terry(torch.tensor([[0, 30], [10, 0]]), ["worse", "better"][::-1])
    assert got.methods == ("better", "worse")
    assert (got.strengths[0] - got.strengths[1]).item() == pytest.approx(math.log(3))
    error = math.sqrt(1 / 30 + 1 / 10)  # of a log odds; each strength is half of it from the mean
    assert got.standard_errors.tolist() == pytest.approx([error / 2, error / 2])


def test_tables_of_the_thesis_rank_real_videos_first():
    """Table 3.6 in percent; table 4.2, a star, is met exactly: strengths differ by the odds of each row."""
    methods = ["ImaGINator", "MoCoGAN", "VGAN", "real"]
    wins = torch.zeros(4, 4).double()
    for first, second, percent in ((0, 1, 83.32), (0, 2, 85.43), (1, 2, 70.85), (0, 3, 20.82)):
        wins[first, second], wins[second, first] = percent, 100 - percent
    assert bradley_terry(wins, methods).methods == ("real", "ImaGINator", "MoCoGAN", "VGAN")

    rows = {"MoCoGAN": 84.26, "TGAN": 87.31, "VGAN": 90.24, "real": 25.71}
    wins = torch.zeros(5, 5).double()
    wins[0, 1:] = torch.tensor(list(rows.values())).double()
    wins[1:, 0] = 100 - wins[0, 1:]
    got = bradley_terry(wins, ["G3AN", *rows])
    strength = dict(zip(got.methods, got.strengths.tolist(), strict=True))
    for method, percent in rows.items():
        assert strength["G3AN"] - strength[method] == pytest.approx(math.log(percent / (100 - percent)))


def test_very_unequal_methods_converge_in_any_order():
    """Newton's full steps run away here."""
    wins = torch.tensor(
        [[0, 10000, 10, 0, 100], [0, 0, 10, 0, 0], [0, 100, 0, 10000, 10], [1, 0, 1, 0, 1000], [1, 10000, 0, 0, 0]]
    ).double()
    got = bradley_terry(wins, "abcde")
    assert got.methods == tuple("acdeb")
    order = ["abcde".index(method) for method in got.methods]
    ranked = wins[order][:, order]
    expected = (ranked + ranked.T) * torch.sigmoid(got.strengths[:, None] - got.strengths)
    torch.testing.assert_close(expected.sum(1), ranked.sum(1), rtol=1e-9, atol=1e-9)  # at the maximum, as it must be
    torch.testing.assert_close(bradley_terry(wins.flip(0, 1), "edcba").strengths, got.strengths)


def test_methods_that_were_never_compared_are_named():
    wins = torch.tensor([[0, 3, 0, 0], [2, 0, 0, 0], [0, 0, 0, 5], [0, 0, 1, 0]])
    with pytest.raises(ValueError, match="2 groups of methods were never compared with one another: a, b; c, d"):
        bradley_terry(wins, "abcd")
    wins[0, 2] = 4  # compared, but always won
    with pytest.raises(ValueError, match=r"2 groups of methods always won or always lost .*: (a, b; c, d|c, d; a, b)"):
        bradley_terry(wins, "abcd")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilson_interval(3, 2), "3 hits of 2, wanted 0 to count"),
        (lambda: wilson_interval(0, 0), "at least one answer"),
        (lambda: wilson_interval(1, 2, confidence=95), "confidence is 95, wanted between 0 and 1"),
        (lambda: fleiss_kappa(torch.tensor([[1, 1], [1, 0]])), "an item has 1 ratings, wanted at least 2"),
        (lambda: fleiss_kappa(torch.tensor([[1.5, 1]])), "wanted .* of whole numbers from 0"),
        (lambda: bradley_terry(torch.ones(2, 2), "ab"), "wins of a method against itself"),
        (lambda: bradley_terry(-torch.ones(2, 2), "ab"), "negative values"),
        (lambda: bradley_terry(torch.zeros(2, 3), "ab"), r"shape \(2, 3\) for 2 methods"),
        (lambda: bradley_terry(torch.tensor([[0, torch.nan], [1, 0]]), "ab"), "not finite"),
    ],
)
def test_what_is_no_judgment_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
