"""Pseudo labels against loops over sets, scikit-learn, and the released code's numbers."""

import tracemalloc

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from vg_reid.pseudo import cluster, clusters_report, dbscan, jaccard, jaccard_distance, share_eps, upper_similarity


def people(rng, persons=6, each=9, d=5, noise=0.4):
    """Features of some persons, in a random order, and who they are."""
    pids = torch.arange(persons).repeat_interleave(each)[torch.randperm(persons * each, generator=rng)]
    centers = torch.randn(persons, d, generator=rng)
    return centers[pids] + noise * torch.randn(len(pids), d, generator=rng), pids.numpy()


def slow_jaccard(features, k1, k2):
    """k-reciprocal Jaccard distances in float64, one image after another."""
    x = features.double().numpy()
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    n, half = len(x), round(k1 / 2) + 1
    ranked = [sorted(range(n), key=lambda j, i=i: -(x[i] @ x[j])) for i in range(n)]
    mutual = {k: [{j for j in ranked[i][:k] if i in ranked[j][:k]} for i in range(n)] for k in (k1, half)}
    weights = np.zeros((n, n))
    for i in range(n):
        members = set(mutual[k1][i])
        for j in mutual[k1][i]:
            candidate = mutual[half][j]
            if len(candidate & mutual[k1][i]) > 2 / 3 * len(candidate):
                members |= candidate
        for j in members:
            weights[i, j] = np.exp(-((x[i] - x[j]) ** 2).sum())
        weights[i] /= weights[i].sum()
    weights = np.stack([sum(weights[j] for j in ranked[i][:k2]) / k2 for i in range(n)])
    distance = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            shared = sum(min(weights[i, c], weights[j, c]) for c in range(n))
            distance[i, j] = 1 - shared / (2 - shared)
    return distance


def slow_dbscan(distance, eps, min_samples):
    """DBSCAN as it is told: from each core in turn, all that can be reached."""
    near = [np.flatnonzero(row <= eps) for row in distance]
    labels, clusters = np.full(len(distance), -1), 0
    for start in range(len(distance)):
        if labels[start] >= 0 or len(near[start]) < min_samples:
            continue
        reached = [start]
        while reached:
            image = reached.pop()
            if labels[image] < 0:
                labels[image] = clusters
                if len(near[image]) >= min_samples:
                    reached.extend(near[image])
        clusters += 1
    return labels


@pytest.fixture
def released(fixtures):
    return dict(np.load(fixtures / "reid_eval/jaccard_k30.npz"))


@pytest.mark.parametrize(("k1", "k2"), [(7, 3), (8, 1), (5, 5), (12, 4)])  # halves of 3.5 and 2.5 round to even
def test_distances_are_those_of_loops_over_sets(k1, k2, rng):
    features, _ = people(rng)
    stored = jaccard_distance(features, k1, k2)
    np.testing.assert_allclose(1 - stored.toarray(), slow_jaccard(features, k1, k2), atol=1e-6)
    assert 0 < stored.nnz < stored.shape[0] ** 2
    assert stored.data.min() > 0


def test_distances_do_not_depend_on_blocks_nor_on_the_length_or_kind_of_features(rng, monkeypatch):
    features, _ = people(rng)
    expected = jaccard_distance(features, 7, 3).toarray()
    monkeypatch.setattr(jaccard, "CELLS", 100)
    monkeypatch.setattr(jaccard, "TERMS", 50)
    monkeypatch.setattr(jaccard, "PAIRS", 11)
    np.testing.assert_array_equal(jaccard_distance(features, 7, 3).toarray(), expected)
    length = 1 + torch.rand(len(features), 1, generator=rng)
    np.testing.assert_allclose(jaccard_distance((length * features).numpy(), 7, 3).toarray(), expected, atol=1e-6)


def test_distances_are_those_of_the_released_code(released):
    stored = jaccard_distance(torch.from_numpy(released["features"]))
    np.testing.assert_allclose(1 - stored.toarray(), released["jaccard"], atol=2e-6)


def test_labels_at_a_fixed_radius_are_those_of_the_released_code(released):
    np.testing.assert_array_equal(cluster(released["features"], rule="fixed"), released["labels_eps05"])


@pytest.mark.parametrize("share", [0.002, 0.01, 0.02])
def test_radius_and_labels_by_share_are_those_of_the_released_code_on_its_distances(share, released):
    upper = csr_array(np.triu(1 - released["jaccard"], 1))
    eps = share_eps(upper, share)
    assert eps == pytest.approx(released[f"eps_rho{share}"], rel=1e-4)
    for similarity in (upper, upper_similarity(released["features"])):
        np.testing.assert_array_equal(
            dbscan(similarity, float(released[f"eps_rho{share}"])), released[f"labels_rho{share}"]
        )


@pytest.mark.parametrize("share", [0.002, 0.01, 0.02])
def test_radius_by_share_is_near_the_released_one_from_features(share, released):
    """69 of these pairs are at distance 0 but for rounding, and whether it leaves 0 decides if they count."""
    reports = []
    cluster(released["features"], share=share, report=reports.append)
    assert reports[0].eps == pytest.approx(released[f"eps_rho{share}"], rel=0.03)


def test_labels_by_share_are_those_of_the_released_code(released):
    np.testing.assert_array_equal(cluster(released["features"], share=0.02), released["labels_rho0.02"])


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])  # less and more than the pairs that are stored
def test_radius_is_the_mean_of_the_closest_share_of_all_pairs(share, rng):
    features, _ = people(rng)
    upper = upper_similarity(features, 7, 3)
    pairs = np.sort((1 - upper.toarray())[np.triu_indices(len(features), 1)])
    pairs = pairs[pairs > 0]
    expected = pairs[: round(share * len(pairs))].astype(np.float64).mean()
    assert share_eps(upper, share) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("min_samples", [1, 2, 4, 9])
@pytest.mark.parametrize("eps", [0.0, 0.1, 0.4, 0.7, 0.95])
def test_labels_are_those_of_dbscan(eps, min_samples, rng):
    features, _ = people(rng, noise=0.6)
    similarity = jaccard_distance(features, 7, 2)
    distance = 1 - similarity.toarray()
    labels = dbscan(upper_similarity(features, 7, 2), eps, min_samples)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, slow_dbscan(distance, np.float32(eps), min_samples))


def test_an_image_between_two_clusters_joins_the_first():
    distance = np.ones((9, 9))
    for near in (range(4), range(5, 9), (3, 4), (4, 5)):  # two groups, and image 4 near one of each
        distance[np.ix_(near, near)] = 0.1
    labels = dbscan(csr_array(np.triu(1 - distance, 1)), 0.2, min_samples=4)
    np.testing.assert_array_equal(labels, [0, 0, 0, 0, 0, 1, 1, 1, 1])


def test_labels_are_those_of_scikit_learn(rng):
    sklearn = pytest.importorskip("sklearn.cluster")
    features, _ = people(rng, persons=20, each=11, noise=0.7)
    distance = 1 - jaccard_distance(features, 15, 3).toarray()
    outliers = 0
    for eps in (0.2, 0.35, 0.5, 0.65, 0.8):
        expected = sklearn.DBSCAN(eps=eps, min_samples=4, metric="precomputed").fit_predict(distance)
        np.testing.assert_array_equal(dbscan(upper_similarity(features, 15, 3), eps, 4), expected)
        outliers += (expected < 0).sum()
    assert outliers > 0


def test_persons_are_found_and_reported(rng):
    features, pids = people(rng, persons=8, each=12, d=32, noise=0.3)
    features = torch.cat([features, torch.randn(2, 32, generator=rng)])
    reports = []
    labels = cluster(features, rule="fixed", eps=0.4, k1=12, report=reports.append)
    assert {len(set(pids[labels[:-2] == label])) for label in range(8)} == {1}
    assert (labels[-2:] == -1).all()
    (report,) = reports
    assert report == clusters_report(labels, 0.4)
    assert (report.images, report.clusters, report.outliers, report.smallest, report.largest) == (98, 8, 2, 12, 12)
    assert str(report) == "98 images: 8 clusters of 12 to 12, 2 outliers (2.0%), eps 0.4000"


def test_copies_of_an_image_are_at_distance_0(rng):
    features, _ = people(rng)
    features[:20] = features[0]  # more than a list of neighbors holds
    distance = 1 - jaccard_distance(features, 7, 1).toarray()
    assert np.isfinite(distance).all()
    assert distance[:7, :7].max() < 1e-6


def test_nothing_of_the_size_of_all_pairs_is_held(rng):
    features, _ = people(rng, persons=100, each=30, d=64, noise=0.1)
    tracemalloc.start()
    upper = upper_similarity(features)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert upper.nnz > 30_000
    assert peak < 3 * len(features) ** 2  # three quarters of the distances in single precision


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        (torch.ones(29, 3), {}, "found 29 images, wanted at least k1=30"),
        (torch.ones(3, 3, 3), {}, r"shape \(3, 3, 3\), wanted \(n, d\)"),
        (torch.ones(40, 3), {"k1": 5, "k2": 6}, "k2=6, wanted 1 to k1=5"),
        (torch.ones(40, 3).index_fill(0, torch.tensor(7), torch.nan), {}, "row 7 have length nan"),
        (torch.ones(40, 3).index_fill(0, torch.tensor(9), 0), {}, "row 9 have length 0"),
        (torch.ones(40, 3), {"rule": "radius"}, "rule='radius', wanted 'share' or 'fixed'"),
        (torch.eye(40), {"share": 0}, "share=0, wanted above 0"),
        (torch.eye(40), {"share": 1e-6}, "share=1e-06 of .* pairs is less than one pair"),
        (torch.eye(40), {"rule": "fixed", "eps": 1.0}, "eps=1, wanted at least 0 and below 1"),
        (torch.eye(40), {"min_samples": 0}, "min_samples=0, wanted at least 1"),
    ],
)
def test_what_cannot_be_clustered_is_refused(features, options, message):
    with pytest.raises(ValueError, match=message):
        cluster(features, **options)


def test_no_cluster_and_one_cluster_are_refused_with_what_was_found(rng):
    features, _ = people(rng, d=32, noise=0.3)
    with pytest.raises(ValueError, match=r"found 54 images: 0 clusters .*, 54 outliers .* try a larger eps"):
        cluster(features, rule="fixed", eps=0.0, k1=9, k2=1)
    with pytest.raises(ValueError, match=r"found 54 images: 1 clusters .* try a smaller eps"):
        cluster(features, rule="fixed", eps=0.99, k1=40)
