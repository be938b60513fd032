"""Pseudo labels of images with about 17 a label: search, Jaccard distances, radius by share and DBSCAN.

The plain form holds distances of all pairs, and goes through the images one by one, as public code does. At 100,000
images the share is smaller as the pairs of one person are.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from measure import Cost, alone, cost
from torch.nn import functional as F
from vg_reid.pseudo import ClustersReport, cluster, clusters_report

MARKET = 12_936  # images; its share is the thesis' (6.4.2)
SHARE = 2e-3
K1, K2, MIN_SAMPLES = 30, 6, 4


def people(n: int, width: int = 512) -> tuple[torch.Tensor, np.ndarray]:
    """Features c[label] + 0.8 noise of length 1, and the labels."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(max(2, round(n / 17)), (n,), generator=rng)
    centers = torch.randn(int(labels.max()) + 1, width, generator=rng)
    return F.normalize(centers[labels] + 0.8 * torch.randn(n, width, generator=rng)), labels.numpy()


def plain_distances(features: torch.Tensor) -> np.ndarray:
    """Jaccard distances of all pairs, (n, n), one image after another."""
    n = len(features)
    ranked = (features @ features.T).topk(K1, dim=1).indices.numpy()

    def mutual(i: int, k: int) -> np.ndarray:
        forward = ranked[i, :k]
        return forward[(ranked[forward, :k] == i).any(1)]

    sets = [mutual(i, K1) for i in range(n)]
    halves = [mutual(i, round(K1 / 2) + 1) for i in range(n)]
    weights = np.zeros((n, n), np.float32)
    for i in range(n):
        taken = [halves[j] for j in sets[i] if len(np.intersect1d(halves[j], sets[i])) > 2 / 3 * len(halves[j])]
        members = np.unique(np.concatenate([sets[i], *taken]))
        cosines = features[i] @ features[members].T
        weights[i, members] = torch.softmax(2 * cosines - 2, dim=0).numpy()
    weights = np.stack([weights[ranked[i, :K2]].mean(0) for i in range(n)])
    holders = [np.flatnonzero(weights[:, c]) for c in range(n)]
    distances = np.zeros((n, n), np.float32)
    for i in range(n):
        shared = np.zeros(n, np.float32)
        for c in np.flatnonzero(weights[i]):
            shared[holders[c]] += np.minimum(weights[i, c], weights[holders[c], c])
        distances[i] = 1 - shared / (2 - shared)
    return np.maximum(distances, 0)


def plain_clusters(features: torch.Tensor, share: float) -> tuple[np.ndarray, float]:
    """Labels and radius from all distances."""
    from sklearn.cluster import DBSCAN

    distances = plain_distances(features)
    pairs = np.triu(distances, 1)
    pairs = np.sort(pairs[pairs.nonzero()])
    eps = float(pairs[: round(share * len(pairs))].mean())
    return DBSCAN(eps=eps, min_samples=MIN_SAMPLES, metric="precomputed").fit_predict(distances), eps


def our_clusters(features: torch.Tensor, share: float) -> tuple[np.ndarray, float]:
    reports: list[ClustersReport] = []
    labels = cluster(features, share=share, min_samples=MIN_SAMPLES, k1=K1, k2=K2, report=reports.append)
    return labels, reports[0].eps


def measured(
    form: Callable[[torch.Tensor, float], tuple[np.ndarray, float]], n: int, share: float
) -> tuple[np.ndarray, str, float, Cost]:
    """Labels, what was found, the images that are with the right ones, and the cost."""
    features, truth = people(n)
    form(people(600)[0], 0.02)  # imports, and the first use of each thread
    (labels, eps), used = cost(form, features, share)
    clustered = labels >= 0
    agreeing = np.unique(np.stack([labels, truth])[:, clustered], axis=1, return_counts=True)
    pure = np.zeros(labels.max() + 1, np.int64)
    np.maximum.at(pure, agreeing[0][0], agreeing[1])
    return labels, str(clusters_report(labels, eps)), pure.sum() / max(1, clustered.sum()), used


def rows(tiny: bool) -> Iterator[dict[str, object]]:
    market, many = (600, 1200) if tiny else (MARKET, 100_000)
    expected, reference = None, None
    for name, form, n in (
        ("plain", plain_clusters, market),
        ("ours", our_clusters, market),
        ("ours", our_clusters, many),
    ):
        share = SHARE * MARKET / max(n, MARKET) if not tiny else 0.02
        labels, found, purity, used = alone(measured, form, n, share)
        row: dict[str, object] = {
            "images": n,
            "form": name,
            "share": round(share, 6),
            "seconds": round(used.seconds, 2),
            "cpu_seconds": round(used.cpu_seconds, 2),
            "megabytes": round(used.megabytes),
        }
        if reference and expected is not None and n == market:
            row["times_faster_by_the_clock"] = round(reference.seconds / used.seconds, 2)
            row["times_less_cpu"] = round(reference.cpu_seconds / used.cpu_seconds, 2)
            row["labels_that_differ"] = int((labels != expected).sum())
        if name == "plain":
            expected, reference = labels, used
        yield row | {"purity": round(float(purity), 4), "found": found}
