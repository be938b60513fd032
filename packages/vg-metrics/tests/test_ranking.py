"""CMC, mAP and mINP against a loop over queries and public numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from vg_metrics.functional.ranking import reid_ranking, reid_ranking_from_features


def slow_ranking(distances, query_ids, gallery_ids, query_cams, gallery_cams, trapezoid=False):
    """One query after another, one gallery image after another: (ap, cmc, inp, skipped)."""
    aps, inps, firsts, skipped = [], [], [], []
    for q in range(len(query_ids)):
        order = sorted(range(len(gallery_ids)), key=lambda g: (distances[q][g], g))
        order = [g for g in order if gallery_ids[g] != query_ids[q] or gallery_cams[g] != query_cams[q]]
        places = [place for place, g in enumerate(order, 1) if gallery_ids[g] == query_ids[q]]
        if not places:
            skipped.append(q)
            continue
        precisions = [hit / place for hit, place in enumerate(places, 1)]
        if trapezoid:
            before = [(hit - 1) / (place - 1) if place > 1 else 1.0 for hit, place in enumerate(places, 1)]
            precisions = [(p + b) / 2 for p, b in zip(precisions, before, strict=True)]
        aps.append(sum(precisions) / len(places))
        inps.append(len(places) / places[-1])
        firsts.append(places[0])
    cmc = [sum(first <= rank for first in firsts) / len(firsts) for rank in range(1, len(gallery_ids) + 1)]
    return aps, cmc, inps, skipped


def problem(rng: torch.Generator, queries: int, gallery: int, ids: int, cams: int, levels: int):
    """Random distances with many ties, so that their order matters."""

    def draw(high, size):
        return torch.randint(high, (size,), generator=rng)

    distances = torch.randint(levels, (queries, gallery), generator=rng).float()
    return distances, draw(ids, queries), draw(ids, gallery), draw(cams, queries), draw(cams, gallery)


@pytest.mark.parametrize("trapezoid", [False, True])
@pytest.mark.parametrize("sizes", [(17, 50, 5, 3, 10**6), (30, 41, 9, 2, 4), (25, 8, 20, 2, 3), (5, 60, 1, 2, 7)])
def test_scores_equal_a_loop_over_queries(sizes, trapezoid, rng, monkeypatch):
    monkeypatch.setattr("vg_metrics.functional.ranking.CHUNK", 100)  # several chunks, the last one smaller
    arguments = problem(rng, *sizes)
    aps, cmc, inps, skipped = slow_ranking(*(a.tolist() for a in arguments), trapezoid=trapezoid)
    got = reid_ranking(*arguments, trapezoid=trapezoid)
    np.testing.assert_allclose(got.ap, aps, rtol=0, atol=1e-9)
    np.testing.assert_allclose(got.cmc[: len(cmc)], cmc, rtol=0, atol=1e-9)
    assert got.map == pytest.approx(np.mean(aps), abs=1e-9)
    assert got.minp == pytest.approx(np.mean(inps), abs=1e-9)
    assert got.skipped == skipped == (~got.valid).nonzero().flatten().tolist()
    assert got.rank == {k: got.cmc[k - 1].item() for k in (1, 5, 10)}


def test_same_identity_in_the_same_camera_is_neither_right_nor_wrong():
    """Nearest is the query's own camera (removed), then a stranger, then the match: rank 2."""
    got = reid_ranking(torch.tensor([[0.0, 1, 2, 3]]), [7], [7, 3, 7, 9], [0], [0, 0, 1, 1])
    assert got.map == 0.5
    assert got.cmc[:4].tolist() == [0, 1, 1, 1]


def test_queries_without_a_valid_match_are_left_out_and_named():
    distances = torch.tensor([[0.0, 1], [0, 1], [1, 0]])
    got = reid_ranking(distances, [1, 5, 2], [1, 2], [0, 0, 1], [1, 1])  # 5 is unknown; 2 was seen by camera 1 only
    assert got.skipped == [1, 2]
    assert got.valid.tolist() == [True, False, False]
    assert got.map == 1 and got.ap.shape == (1,)


def test_curve_reaches_the_ranks_asked_for_in_a_small_gallery():
    got = reid_ranking(torch.tensor([[1.0, 0]]), [1], [1, 2], [0], [1, 1], ranks=(1, 5, 20))
    assert got.rank == {1: 0, 5: 1, 20: 1} and len(got.cmc) == 20


def test_arrays_of_numpy_give_the_same_scores(rng):
    arguments = problem(rng, 9, 30, 4, 3, 50)
    ours, theirs = reid_ranking(*arguments), reid_ranking(*(a.numpy() for a in arguments))
    assert (ours.map, ours.rank) == (theirs.map, theirs.rank)


@pytest.mark.parametrize("name", ["ranking_plain", "ranking_market_like"])
def test_values_of_public_evaluations_are_met(name, fixtures: Path):
    """reid_eval/*.npz: fast-reid, OpenUnReID and GCL agree to 1e-8; market_like has queries without a match."""
    path = fixtures / "reid_eval" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the fixtures")
    data = np.load(path)
    got = reid_ranking(*(data[key] for key in ("sqdist", "q_pids", "g_pids", "q_cams", "g_cams")))
    assert int(got.valid.sum()) == int(data["n_valid"])
    np.testing.assert_allclose(got.ap, data["ap_fastreid"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(got.cmc[:50], data["cmc_gcl"], rtol=0, atol=1e-9)
    for source in ("fastreid", "openunreid", "gcl"):
        assert got.map == pytest.approx(float(data[f"map_{source}"]), abs=1e-8)
    assert got.minp == pytest.approx(float(data["inp_fastreid"].mean()), abs=1e-9)


def features_problem(rng: torch.Generator, queries: int, gallery: int):
    """Small whole numbers, so that distances are exact and often equal."""

    def draw(high, *size):
        return torch.randint(high, size, generator=rng)

    x, y = draw(3, queries, 4).float() + 1, draw(3, gallery, 4).float() + 1
    return x, y, draw(6, queries), draw(6, gallery), draw(3, queries), draw(3, gallery)


def test_euclidean_ranking_of_features_is_that_of_their_distances(rng, monkeypatch):
    monkeypatch.setattr("vg_metrics.functional.ranking.CHUNK", 150)
    x, y, *labels = features_problem(rng, 23, 61)
    distances = (x[:, None] - y).square().sum(2)
    aps, cmc, inps, skipped = slow_ranking(distances.tolist(), *(label.tolist() for label in labels))
    got = reid_ranking_from_features(x, y, *labels, distance="euclidean")
    np.testing.assert_allclose(got.ap, aps, rtol=0, atol=1e-9)
    np.testing.assert_allclose(got.cmc[: len(cmc)], cmc, rtol=0, atol=1e-9)
    assert got.minp == pytest.approx(np.mean(inps), abs=1e-9)
    assert got.skipped == skipped


def test_cosine_ranking_of_features_is_that_of_their_distances_at_any_length(rng):
    x, y = torch.randn(19, 7, generator=rng).double(), torch.randn(50, 7, generator=rng).double()
    labels = [torch.randint(high, (n,), generator=rng) for high in (5, 3) for n in (19, 50)]
    x, y = x * torch.rand(19, 1, generator=rng) * 9, y * torch.rand(50, 1, generator=rng) * 9
    wanted = reid_ranking(1 - torch.cosine_similarity(x[:, None], y, dim=2), *labels, trapezoid=True)
    got = reid_ranking_from_features(x, y, *labels, trapezoid=True)
    torch.testing.assert_close(got.ap, wanted.ap)
    torch.testing.assert_close(got.cmc, wanted.cmc)
    mixed = reid_ranking_from_features(x.numpy(), y.float().numpy(), *labels, trapezoid=True)
    assert mixed.map == pytest.approx(got.map, abs=1e-3)


class LargestTensor(TorchDispatchMode):
    """Remembers the number of values in the largest tensor that was made."""

    values = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.values = max(self.values, result.untyped_storage().nbytes() // result.element_size())
        return result


def test_features_are_ranked_without_a_matrix_of_their_distances(rng, monkeypatch):
    monkeypatch.setattr("vg_metrics.functional.ranking.CHUNK", 3000)
    x, y, *labels = features_problem(rng, 40, 1000)
    with LargestTensor() as largest:
        reid_ranking_from_features(x, y, *labels)
    assert 3000 <= largest.values <= y.numel()  # rather than 40000


def test_features_of_public_evaluations_give_their_values(fixtures: Path):
    data = np.load(fixtures / "reid_eval" / "ranking_plain.npz")
    features = (data[key].astype(np.float64) for key in ("qf", "gf"))
    labels = (data[key] for key in ("q_pids", "g_pids", "q_cams", "g_cams"))
    got = reid_ranking_from_features(*features, *labels, distance="euclidean")
    np.testing.assert_allclose(got.ap, data["ap_fastreid"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(got.cmc[:50], data["cmc_gcl"], rtol=0, atol=1e-9)


def test_distances_of_half_precision_are_ranked_with_their_ties(rng):
    distances, *labels = problem(rng, 12, 40, 5, 3, 6)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        torch.testing.assert_close(reid_ranking(distances.to(dtype), *labels).ap, reid_ranking(distances, *labels).ap)


def test_given_distances_stay_as_they_are(rng):
    distances, *labels = problem(rng, 12, 40, 5, 3, 6)
    before = distances.clone()
    reid_ranking(distances, *labels)
    assert torch.equal(distances, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gallery": torch.tensor([[0.0, torch.nan], [1, 1]])}, "gallery holds values that are not finite"),
        ({"query": torch.tensor([[torch.inf, 0.0]])}, "query holds values that are not finite"),
        ({"query": torch.ones(1, 3)}, "width 3 and 2 cannot be compared"),
        ({"query": torch.ones(2)}, r"query has shape \(2,\), wanted two axes"),
        ({"gallery_ids": [1]}, r"gallery_ids has shape \(1,\), wanted \(2,\)"),
        ({"distance": "dot"}, "distance is 'dot', wanted 'cosine' or 'euclidean'"),
    ],
)
def test_features_that_cannot_be_ranked_are_refused(change, message):
    arguments = {
        "query": torch.ones(1, 2),
        "gallery": torch.eye(2),
        "query_ids": [1],
        "gallery_ids": [1, 2],
        "query_cams": [0],
        "gallery_cams": [1, 1],
    }
    with pytest.raises(ValueError, match=message):
        reid_ranking_from_features(**(arguments | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query_ids": [1, 2]}, r"query_ids has shape \(2,\), wanted \(1,\)"),
        ({"gallery_cams": [1]}, r"gallery_cams has shape \(1,\), wanted \(2,\)"),
        ({"distances": torch.tensor([[0.0, torch.nan]])}, "not finite"),
        ({"distances": torch.tensor([[0, 1]])}, "torch.int64, wanted floats"),
        ({"distances": torch.ones(0, 2)}, r"shape \(0, 2\)"),
        ({"ranks": (0,)}, "wanted numbers from 1"),
        ({"gallery_ids": [8, 9]}, "none of 1 queries has a match in another camera"),
    ],
)
def test_what_cannot_be_ranked_is_refused(change, message):
    arguments = {
        "distances": torch.tensor([[0.0, 1]]),
        "query_ids": [1],
        "gallery_ids": [1, 2],
        "query_cams": [0],
        "gallery_cams": [1, 1],
    }
    with pytest.raises(ValueError, match=message):
        reid_ranking(**(arguments | change))
