import numpy as np
import pytest
import torch
from vg_reid.rerank import rerank, rerank_blocks, squared_distances


def slow_rerank(distances, k1, k2, lambda_value):
    """Zhong et al. 2017, one image after another, with whole float64 matrices."""
    n = len(distances)
    original = distances / distances.max(axis=1, keepdims=True)
    rank = np.argsort(original, axis=1, kind="stable")

    def reciprocal(i, k):
        return [j for j in rank[i, : k + 1] if i in rank[j, : k + 1]]

    weights = np.zeros((n, n))
    for i in range(n):
        near = reciprocal(i, k1)
        expanded = set(near)
        for j in near:
            candidate = reciprocal(j, int(np.around(k1 / 2)))
            if len(set(candidate) & set(near)) > 2 / 3 * len(candidate):
                expanded |= set(candidate)
        for j in expanded:
            weights[i, j] = np.exp(-original[i, j])
        weights[i] /= weights[i].sum()
    weights = np.stack([weights[rank[i, :k2]].mean(axis=0) for i in range(n)])
    minima = np.array([[np.minimum(a, b).sum() for b in weights] for a in weights])
    maxima = np.array([[np.maximum(a, b).sum() for b in weights] for a in weights])
    return (1 - lambda_value) * (1 - minima / maxima) + lambda_value * original


def clustered(n, dim, rng):
    centers = torch.randn(n // 6, dim, generator=rng, dtype=torch.float64)
    return torch.nn.functional.normalize(
        centers[torch.randint(n // 6, (n,), generator=rng)]
        + 0.8 * torch.randn(n, dim, generator=rng, dtype=torch.float64)
    )


@pytest.mark.parametrize(("k1", "k2", "lambda_value"), [(20, 6, 0.3), (7, 1, 0.5), (5, 9, 0.0), (100, 3, 0.3)])
def test_distances_are_those_of_the_slow_dense_form(k1, k2, lambda_value, rng, monkeypatch):
    monkeypatch.setattr("vg_reid.rerank.ROWS_PER_BLOCK", 17)
    features = clustered(66, 12, rng)
    query, gallery = features[:20], features[20:]
    expected = slow_rerank(torch.cdist(features, features).square().numpy(), k1, k2, lambda_value)[:20, 20:]
    found = rerank(query, gallery, k1=k1, k2=k2, lambda_value=lambda_value)
    assert found.shape == (20, 46)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_one_set_is_re_ranked_by_any_symmetric_distance_row_after_row(rng):
    a = torch.rand(40, 40, generator=rng, dtype=torch.float64)
    distances = (a + a.T).fill_diagonal_(0)
    blocks = rerank_blocks(lambda rows: distances[rows], 40, k1=6, k2=3)
    np.testing.assert_allclose(torch.cat(list(blocks)).numpy(), slow_rerank(distances.numpy(), 6, 3, 0.3), atol=1e-6)
    first = next(rerank_blocks(lambda rows: distances[rows], 40, rows=5, k1=6, k2=3))
    assert first.shape == (5, 40)


def test_lambda_1_keeps_the_original_order(rng):
    features = clustered(40, 8, rng)
    found = rerank(features[:5], features[5:], lambda_value=1.0)
    assert torch.equal(found.argsort(dim=1), torch.cdist(features[:5], features[5:]).argsort(dim=1))


def test_re_ranking_brings_more_of_the_same_person_to_the_front(rng):
    labels = torch.arange(400) // 10
    centers = torch.randn(40, 16, generator=rng)
    features = torch.nn.functional.normalize(centers[labels] + 1.1 * torch.randn(400, 16, generator=rng))
    query = torch.arange(0, 400, 10)
    rest = torch.tensor([i for i in range(400) if i % 10])

    def share(distances):
        best = distances.topk(9, dim=1, largest=False).indices
        return (labels[rest][best] == labels[query, None]).double().mean()

    assert share(rerank(features[query], features[rest])) > share(torch.cdist(features[query], features[rest])) + 0.02


def test_equal_images_and_a_single_one_have_finite_distances():
    assert rerank(torch.ones(2, 3), torch.ones(4, 3)).isfinite().all()
    assert rerank(torch.ones(1, 3), torch.zeros(1, 3)).shape == (1, 1)
    assert rerank(torch.empty(0, 3), torch.ones(4, 3)).shape == (0, 4)


def test_squared_distances_are_never_negative(rng):
    features = torch.randn(30, 5, generator=rng)
    rows = squared_distances(features)(slice(3, 9))
    torch.testing.assert_close(rows, torch.cdist(features[3:9], features).square(), atol=1e-5, rtol=1e-5)
    assert (rows >= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: rerank(x, x[:, :3]), r"shapes \(5, 4\) and \(5, 3\)"),
        (lambda x: rerank(x * torch.nan, x), "not all finite"),
        (lambda x: rerank(x, x, k1=0), "k1=0, k2=6"),
        (lambda x: rerank(x, x, lambda_value=1.5), r"lambda_value=1\.5"),
    ],
)
def test_bad_use_is_said_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(torch.ones(5, 4))
    assert "\n" not in str(caught.value)
