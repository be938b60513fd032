"""Pseudo identity labels: clusters of images that look alike (6.3.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from vg_reid.pseudo.density import dbscan, share_eps
from vg_reid.pseudo.jaccard import upper_similarity

Rule = Literal["share", "fixed"]


@dataclass(frozen=True, kw_only=True)
class ClustersReport:
    """What clustering found, for the log of an epoch; as text it is one line."""

    images: int
    clusters: int
    outliers: int
    smallest: int
    """Images of the smallest cluster, 0 if there is none."""
    largest: int
    eps: float
    """Radius of DBSCAN, a Jaccard distance."""

    def __str__(self) -> str:
        return (
            f"{self.images} images: {self.clusters} clusters of {self.smallest} to {self.largest}, "
            f"{self.outliers} outliers ({self.outliers / max(1, self.images):.1%}), eps {self.eps:.4f}"
        )


def clusters_report(labels: np.ndarray, eps: float) -> ClustersReport:
    """Count clusters and outliers.

    Args:
        labels: (n,) integers, -1 for outliers.
        eps: the radius they were found with.
    """
    sizes = np.unique(labels[labels >= 0], return_counts=True)[1]
    return ClustersReport(
        images=len(labels),
        clusters=len(sizes),
        outliers=int((labels < 0).sum()),
        smallest=int(min(sizes, default=0)),
        largest=int(max(sizes, default=0)),
        eps=eps,
    )


def cluster(
    features: Tensor | np.ndarray,
    *,
    rule: Rule = "share",
    share: float = 2e-3,
    eps: float = 0.5,
    min_samples: int = 4,
    k1: int = 30,
    k2: int = 6,
    report: Callable[[ClustersReport], object] | None = None,
) -> np.ndarray:
    """Give images pseudo labels by DBSCAN on their Jaccard distances (6.3.2).

    Args:
        features: (n, d), such as the vectors of a memory bank.
        rule: "share" sets the radius from the distances, by `share_eps`; "fixed" takes eps as it is.
        share: with rule "share", the share of all pairs that are taken to be close: 2e-3, the "density radius" of
            6.4.2; the authors took 1.2e-3 for MSMT17.
        eps: with rule "fixed", the radius: a Jaccard distance below 1.
        min_samples: images within the radius that make one a core, itself included; 4 as in the released code.
        k1: as in `jaccard_distance`.
        k2: as in `jaccard_distance`.
        report: called once with what was found.
    Returns:
        (n,) int64: clusters from 0, and -1 for outliers.
    Raises:
        ValueError: if nothing or everything is one cluster, with which there is no contrast; for features and settings
            as in `jaccard_distance`, `share_eps` and `dbscan`.
    """
    if rule not in ("share", "fixed"):
        raise ValueError(f"rule={rule!r}, wanted 'share' or 'fixed'")
    similarity = upper_similarity(features, k1, k2)
    if rule == "share":
        eps = share_eps(similarity, share)
    labels = dbscan(similarity, eps, min_samples)
    found = clusters_report(labels, eps)
    if report is not None:
        report(found)
    if found.clusters < 2:
        way = "larger" if found.clusters == 0 else "smaller"
        setting = "share" if rule == "share" else "eps"
        raise ValueError(f"found {found}; wanted at least 2 clusters: try a {way} {setting}, or a better encoder")
    return labels
