"""DBSCAN on a sparse graph of similarities, and the rule that sets its radius."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def share_eps(similarity: csr_array, share: float = 2e-3) -> float:
    """Find the radius of DBSCAN as the mean distance of the closest pairs, this share of all of them.

    This is what the released code does with the 2e-3 that 6.4.2 calls the "density radius". As the pairs of one person
    are a smaller share of a larger set, so is the share to ask for: the authors took 1.2e-3 for MSMT17.

    Pairs at distance 0 do not count. Images with equal sets of neighbors are there but for the rounding of single
    precision, which may leave 1e-7: on a few hundred images eps is thus defined to some percent only.

    Args:
        similarity: 1 - d of the pairs i < j with d < 1, (n, n): `upper_similarity`.
        share: in (0, 1].
    Raises:
        ValueError: if the share is not in (0, 1] or is less than one pair.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share:g}, wanted above 0 and at most 1")
    n = similarity.shape[0]
    close = similarity.data[similarity.data < 1]
    pairs = n * (n - 1) // 2 - (similarity.nnz - len(close))
    count = round(share * pairs)
    if count == 0:
        raise ValueError(
            f"share={share:g} of {pairs} pairs is less than one pair: wanted at least {1 / max(pairs, 1):g}"
        )
    if count < len(close):
        close = np.partition(close, len(close) - count)[len(close) - count :]
    return 1 - float(close.sum(dtype=np.float64)) / count  # pairs that are not stored are at distance 1


def dbscan(similarity: csr_array, eps: float, min_samples: int = 4) -> np.ndarray:
    """Cluster by density, with the labels of scikit-learn's DBSCAN on the same distances.

    An image with at least min_samples images within eps, itself included, is a core. Cores within eps of each other are
    in one cluster. Any other image joins the first cluster that has a core within eps of it, or is an outlier.

    Args:
        similarity: 1 - d of the pairs i < j with d < 1, (n, n): `upper_similarity`.
        eps: largest distance of neighbors, in [0, 1).
        min_samples: at least 1.
    Returns:
        (n,) int64: clusters from 0, in the order of their first cores; -1 for outliers.
    Raises:
        ValueError: if eps or min_samples is out of range.
    """
    if not 0 <= eps < 1:
        raise ValueError(f"eps={eps:g}, wanted at least 0 and below 1, the distance of images that share no neighbor")
    if min_samples < 1:
        raise ValueError(f"min_samples={min_samples}, wanted at least 1")
    n = similarity.shape[0]
    entries = np.flatnonzero(1 - similarity.data <= eps)
    rows = np.searchsorted(similarity.indptr, entries, side="right") - 1
    columns = similarity.indices[entries]
    neighbors = 1 + np.bincount(rows, minlength=n) + np.bincount(columns, minlength=n)
    core = neighbors >= min_samples

    joined = core[rows] & core[columns]
    graph = csr_array((joined[joined], (rows[joined], columns[joined])), shape=(n, n))
    _, component = connected_components(graph, directed=False)  # numbered in the order of their first images
    labels = np.full(n, n)  # n: in no cluster yet
    labels[core] = np.unique(component[core], return_inverse=True)[1]
    for a, b in ((rows, columns), (columns, rows)):
        border = core[a] & ~core[b]
        np.minimum.at(labels, b[border], labels[a[border]])
    labels[labels == n] = -1
    return labels
