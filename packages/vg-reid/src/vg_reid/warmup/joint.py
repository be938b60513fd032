"""The joint visual and temporal distance of JVTC+ (table 6.1), for training and for any encoder at evaluation.

A histogram says how likely a person whom one camera saw is seen by another after how many frames. It is estimated once,
on training images and their clusters; at evaluation it corrects the cosine of two images:

    sightings = Sightings(embedder.embed(train), camids, read_times(train))
    histogram = estimate_histogram(sightings)
    distances = joint_distances(query, gallery, histogram)
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
from torch import Tensor

from vg_reid.rerank import ROWS_PER_BLOCK, squared_distances
from vg_reid.warmup.clusters import Rows, blocks_of, dbscan, smallest_pairs
from vg_reid.warmup.times import Times

BINS = 3000
SIGMA = 50  # bins, of the Gaussian that smooths a histogram; it is cut at three times that
SHARPNESS = 5  # of both sigmoids
TINY = 1e-7  # in the divisions of the released code


class Sightings(NamedTuple):
    """Who, where, when: what the joint distance needs of n images."""

    features: Tensor
    """(n, d), each of length 1."""
    camids: Tensor
    """Cameras counted from 0, (n,) int64."""
    times: Times


class TimeHistogram(NamedTuple):
    """Share of the persons that a camera saw so long after another."""

    shares: NDArray[np.float64]
    """(cameras, cameras, bins): by the later camera, the earlier one, and the frames between; a row sums to 1, or to 0
    where no person was seen by both."""
    bin_width: int


def time_histogram(
    labels: Tensor, camids: Tensor, times: Times, *, cameras: int, bins: int = BINS, sigma: float = SIGMA
) -> TimeHistogram:
    """Count how long after one camera another one sees the same person.

    Each person counts once for each pair of cameras, with the difference of the mean frames; and for one camera with
    each of its images, as often as there are images of the person, with the frames since the first.

    Args:
        labels: persons, or clusters, (n,) int64; -1 counts for none.
        camids: cameras counted from 0, (n,) int64.
        times: of the images; a person of two slots counts as two.
        cameras: number of cameras.
        bins: of the histogram; longer differences are in the last one.
        sigma: of the smoothing, in bins.
    Raises:
        ValueError: if a camera is unknown or beyond their number.
    """
    _check_cameras(camids, cameras)
    known = labels >= 0
    of_slot = labels[known] * (int(times.slots.max()) + 1) + times.slots[known]
    person = of_slot.unique(return_inverse=True)[1].numpy()
    camera, frame = camids[known].numpy(), times.frames[known].numpy()
    counts = np.zeros((cameras, cameras, bins))
    seen, total = (np.zeros((person.max(initial=-1) + 1, cameras)) for _ in range(2))
    np.add.at(seen, (person, camera), 1)
    np.add.at(total, (person, camera), frame)
    mean = total / (seen + TINY)
    for low, high in combinations(range(cameras), 2):
        gap = (mean[:, low] - mean[:, high])[(seen[:, low] > 0) & (seen[:, high] > 0)]
        np.add.at(counts[low, high], _bin(gap[gap > 0], times.bin_width, bins), 1)
        np.add.at(counts[high, low], _bin(-gap[gap <= 0], times.bin_width, bins), 1)
    first = np.full(seen.shape, np.iinfo(np.int64).max)
    np.minimum.at(first, (person, camera), frame)
    since = _bin(frame - first[person, camera], times.bin_width, bins)
    weight = seen[person, camera]
    np.add.at(counts, (camera, camera, since), np.where(weight > 1, weight, 0))
    return TimeHistogram(_smoothed(counts, sigma), times.bin_width)


def estimate_histogram(sightings: Sightings, *, share: float = 1.6e-3, cameras: int | None = None) -> TimeHistogram:
    """Estimate the histogram on training images without labels: persons are clusters of their features.

    The clusters are those of DBSCAN on squared distances, with each image in one; each slot has its own.

    Args:
        sightings: training images; their features as they are at evaluation.
        share: of the smallest distances, whose mean is the radius.
        cameras: number of cameras, also of the images at evaluation; None: as many as there are here.
    Raises:
        ValueError: if a camera is unknown or beyond their number.
    """
    labels = torch.full((len(sightings.camids),), -1)
    for slot in sightings.times.slots.unique():
        inside = (sightings.times.slots == slot).nonzero().flatten()
        if len(inside) > 1:
            blocks = blocks_of(squared_distances(sightings.features[inside]), len(inside))
            pairs, eps = smallest_pairs(blocks, len(inside), share)
            labels[inside] = labels.max() + 1 + dbscan(pairs, len(inside), eps)
    count = int(sightings.camids.max()) + 1 if cameras is None else cameras
    return time_histogram(labels, sightings.camids, sightings.times, cameras=count)


def joint_distances(query: Sightings, gallery: Sightings, histogram: TimeHistogram) -> Tensor:
    """Distances 1 - 1 / (1 + exp(-5 s)) * 1 / (1 + 2 exp(-5 p)) of the cosine s and the share p of the histogram.

    Images of different slots have p = 0.

    Args:
        query: q images.
        gallery: g images.
        histogram: of cameras that all of them are of.
    Returns:
        float32 (q, g), from 0 to 1.
    Raises:
        ValueError: if a camera is unknown or the histogram has none of it.
    """
    for sightings in (query, gallery):
        _check_cameras(sightings.camids, len(histogram.shares))
    starts = range(0, len(query.camids), ROWS_PER_BLOCK)
    parts = [_joint(_part(query, slice(start, start + ROWS_PER_BLOCK)), gallery, histogram) for start in starts]
    return torch.cat(parts) if parts else torch.empty(0, len(gallery.camids))


def joint_rows(sightings: Sightings, histogram: TimeHistogram) -> Rows:
    """Return what makes rows of the joint distances of n images among one another: (rows, n).

    Of two images at the same time the distance is not quite the same both ways; a row has the distances of all images
    to its own, as in the released code.

    Raises:
        ValueError: if a camera is unknown or the histogram has none of it.
    """
    _check_cameras(sightings.camids, len(histogram.shares))
    return lambda rows: _joint(sightings, _part(sightings, rows), histogram).T


def _part(sightings: Sightings, rows: slice) -> Sightings:
    features, camids, (frames, slots, bin_width) = sightings
    return Sightings(features[rows], camids[rows], Times(frames[rows], slots[rows], bin_width))


def _joint(query: Sightings, gallery: Sightings, histogram: TimeHistogram) -> Tensor:
    """The formula, float32 (q, g)."""
    cosine = (query.features.double() @ gallery.features.double().T).numpy()
    gap = query.times.frames.numpy()[:, None] - gallery.times.frames.numpy()
    ours, theirs = np.broadcast_arrays(query.camids.numpy()[:, None], gallery.camids.numpy())
    later, earlier = np.where(gap > 0, ours, theirs), np.where(gap > 0, theirs, ours)
    share = histogram.shares[later, earlier, _bin(np.abs(gap), histogram.bin_width, histogram.shares.shape[2])]
    share = np.where(query.times.slots.numpy()[:, None] == gallery.times.slots.numpy(), share, 0)
    distances = 1 - 1 / (1 + np.exp(-SHARPNESS * cosine)) / (1 + 2 * np.exp(-SHARPNESS * share))
    return torch.from_numpy(distances).float()


def _smoothed(counts: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Counts joined with a Gaussian, each row as shares of its sum."""
    reach = int(3 * sigma)
    bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    smooth: NDArray[np.float64] = convolve1d(counts, bell, axis=2, mode="constant")
    return smooth / (smooth.sum(2, keepdims=True) + TINY)


def _bin(frames: NDArray[np.float64] | NDArray[np.int64], width: int, bins: int) -> NDArray[np.int64]:
    result: NDArray[np.int64] = np.minimum((frames / width).astype(np.int64), bins - 1)
    return result


def _check_cameras(camids: Tensor, cameras: int) -> None:
    if len(odd := camids[(camids < 0) | (camids >= cameras)]):
        raise ValueError(f"found camera {int(odd[0])}, wanted 0 to {cameras - 1}")
