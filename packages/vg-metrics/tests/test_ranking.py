"""CMC, mAP and mINP against a loop over queries and public numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from vg_metrics.functional import reid_ranking


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
