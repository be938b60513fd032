import dataclasses
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from vg_reid.data.people import People, Person, read_people
from vg_reid.evaluate import evaluate
from vg_reid.rerank import rerank, rerank_blocks


def slow_scores(vectors, query, gallery):
    """Market-1501's protocol with one query after another, in float64 over the distances that are scored."""
    distances = (1 - vectors[: len(query)] @ vectors[len(query) :].T).double().numpy()
    precisions, firsts = [], []
    for q, row in zip(query, distances, strict=True):
        order = sorted(range(len(gallery)), key=lambda i: row[i])
        order = [i for i in order if not (gallery[i].pid == q.pid and gallery[i].camid == q.camid != -1)]
        hits = [rank for rank, i in enumerate(order, start=1) if gallery[i].pid == q.pid]
        if hits:
            precisions.append(np.mean([(n + 1) / rank for n, rank in enumerate(hits)]))
            firsts.append(hits[0])
    cmc = [np.mean([first <= rank for first in firsts]) for rank in (1, 5, 10)]
    return np.mean(precisions), *cmc


def assert_slow_loop(result, people, embedder):
    vectors = embedder.embed([person.path for person in [*people.query, *people.gallery]])
    expected = slow_scores(vectors, people.query, people.gallery)
    np.testing.assert_allclose((result.map, result.rank1, result.rank5, result.rank10), expected, rtol=0, atol=1e-9)


def test_scores_are_those_of_a_slow_loop(persons, embedder):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    people = read_people(persons)
    result = evaluate(people, embedder)
    assert_slow_loop(result, people, embedder)
    assert (result.queries, result.valid_queries, result.gallery) == (6, 6, 12)
    assert "random weights" in result.encoder
    assert result.encoder in "\n".join(result.describe())


def test_queries_without_a_match_are_named_and_in_no_mean(persons, embedder):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    people = read_people(persons)
    alone = people.query[0]
    gallery = [p for p in people.gallery if p.pid != alone.pid or p.camid == alone.camid]
    fewer = People(root=persons, layout="", split="", official_split=True, query=people.query, gallery=gallery)
    result = evaluate(fewer, embedder)
    assert result.without_match == [str(alone.path)]
    assert (result.queries, result.valid_queries) == (6, 5)
    assert_slow_loop(result, fewer, embedder)
    assert f"  {alone.path}" in result.describe()


def test_images_of_unknown_camera_are_never_left_out_as_of_the_same(persons, embedder):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    people = read_people(persons)
    unknown = People(
        root=persons,
        layout="",
        split="",
        official_split=True,
        query=[Person(p.path, p.pid, -1) for p in people.query],
        gallery=[Person(p.path, p.pid, -1) for p in people.gallery],
    )
    result = evaluate(unknown, embedder)
    assert result.valid_queries == 6
    assert_slow_loop(result, unknown, embedder)


def scored_by(distances, people, trapezoid=False):
    from vg_metrics.functional import reid_ranking

    labels = [[getattr(p, name) for p in part] for name in ("pid", "camid") for part in (people.query, people.gallery)]
    return reid_ranking(distances, *labels, trapezoid=trapezoid)


def test_re_ranking_and_trapezoids_are_asked_for_and_said(persons, embedder):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    people = read_people(persons)
    query, gallery = (embedder.embed([p.path for p in part]) for part in (people.query, people.gallery))
    result = evaluate(people, embedder, rerank=True)
    assert result.map == pytest.approx(scored_by(rerank(query, gallery), people).map)
    assert result.distance == "cosine, re-ranked"
    result = evaluate(people, embedder, ap="trapezoid")
    assert result.map == pytest.approx(scored_by(1 - query @ gallery.T, people, trapezoid=True).map)
    assert "distance: cosine; average precision: trapezoid" in result.describe()


@pytest.mark.parametrize("reranked", [False, True])
def test_joint_distance_learns_times_from_the_training_images(persons, embedder, reranked):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    pytest.importorskip("sklearn", reason="the extra [train] is not installed")
    from vg_reid.warmup.joint import Sightings, estimate_histogram, joint_rows
    from vg_reid.warmup.times import read_times

    people = read_people(persons)
    result = evaluate(people, embedder, joint=True, rerank=reranked)

    def sightings(images):
        paths = [p.path for p in images]
        return Sightings(embedder.embed(paths), torch.tensor([p.camid for p in images]), read_times(paths))

    rows = joint_rows(
        sightings([*people.query, *people.gallery]), estimate_histogram(sightings(people.train), cameras=2)
    )
    distances = torch.cat(list(rerank_blocks(rows, 18))) if reranked else rows(slice(0, 18))
    assert result.map == pytest.approx(scored_by(distances[:6, 6:], people).map)
    assert result.distance == "joint visual and temporal" + ", re-ranked" * reranked


def test_joint_distance_needs_training_images(persons, embedder):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    people = dataclasses.replace(read_people(persons), train=[])
    with pytest.raises(ValueError, match="and 0 training images to learn times from"):
        evaluate(people, embedder, joint=True)


def test_no_valid_query_at_all_is_an_error(persons, embedder):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    people = read_people(persons)
    one_camera = [[p for p in part if p.camid == 0] for part in (people.query, people.gallery)]
    with pytest.raises(ValueError, match="none of 3 queries has a match"):
        evaluate(
            People(root=persons, layout="", split="", official_split=True, query=one_camera[0], gallery=one_camera[1]),
            embedder,
        )


def test_unreadable_image_stops_the_scoring_or_is_named(persons, embedder, tmp_path):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    people = read_people(persons)
    (tmp_path / "cut.jpg").write_bytes(people.query[0].path.read_bytes()[:600])
    people.query[0] = Person(tmp_path / "cut.jpg", *people.query[0][1:])
    with pytest.raises(ValueError, match=r"cut\.jpg is not a readable image"):
        evaluate(people, embedder)
    result = evaluate(people, embedder, skip_corrupt=True)
    assert result.queries == 5
    assert len(result.unreadable) == 1


def test_people_without_identities_cannot_be_scored(embedder, tmp_path):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    Image.new("RGB", (8, 16)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="has 0 queries and 1 gallery images"):
        evaluate(read_people(tmp_path), embedder)


def test_without_vg_metrics_the_error_names_the_extra(persons, embedder, monkeypatch):
    monkeypatch.setitem(sys.modules, "vg_metrics", None)
    monkeypatch.setitem(sys.modules, "vg_metrics.functional", None)
    with pytest.raises(ValueError, match=r'pip install "vg-reid\[evaluate\]"'):
        evaluate(read_people(persons), embedder)


def test_real_market_subset_is_scored_as_by_the_slow_loop(realdata, embedder):
    pytest.importorskip("vg_metrics.functional", reason="vg-metrics is not installed")
    people = read_people(realdata / "market1501_subset")
    result = evaluate(people, embedder)
    assert_slow_loop(result, people, embedder)
    assert result.queries == result.valid_queries + len(result.without_match)
    assert result.map > 0.05  # chance is under 0.02: colors alone do better
