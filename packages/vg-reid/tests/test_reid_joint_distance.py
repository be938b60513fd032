"""Times of images, the histogram of time differences, the joint distance, and clusters by distances made row by row."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN
from torch import Tensor
from torch.nn import functional as F
from vg_reid.rerank import rerank_blocks, squared_distances
from vg_reid.warmup.clusters import blocks_of, dbscan, pairs_within, smallest_pairs
from vg_reid.warmup.joint import Sightings, estimate_histogram, joint_distances, joint_rows, time_histogram
from vg_reid.warmup.times import Times, read_times

N, CAMERAS, BINS, WIDTH = 60, 4, 90, 100


@pytest.fixture
def scene(rng) -> tuple[Sightings, Tensor]:
    """Images of nine persons by four cameras, and who they are."""
    labels = torch.randint(9, (N,), generator=rng)
    features = F.normalize(torch.randn(9, 8, generator=rng)[labels] + 0.3 * torch.randn(N, 8, generator=rng))
    frames = torch.randint(7_000, (N,), generator=rng)
    frames[:4] = frames[0]  # at the same time
    camids = torch.randint(CAMERAS, (N,), generator=rng)
    return Sightings(features, camids, Times(frames, torch.zeros_like(frames), WIDTH)), labels


def slow_histogram(labels: Tensor, camids: Tensor, frames: Tensor, sigma: int) -> np.ndarray:
    """Person by person, bin by bin."""
    counts = np.zeros((CAMERAS, CAMERAS, BINS))
    for person in range(9):
        seen = [frames[(labels == person) & (camids == c)].tolist() for c in range(CAMERAS)]
        for a in range(CAMERAS):
            for b in range(a):
                if seen[a] and seen[b]:
                    gap = np.mean(seen[a]) - np.mean(seen[b])
                    later, earlier = (a, b) if gap >= 0 else (b, a)
                    counts[later, earlier, int(abs(gap) / WIDTH)] += 1
            if len(seen[a]) > 1:
                for frame in seen[a]:
                    counts[a, a, (frame - min(seen[a])) // WIDTH] += len(seen[a])
    smooth = np.zeros_like(counts)
    for i in range(BINS):
        for j in range(max(0, i - 3 * sigma), min(BINS, i + 3 * sigma + 1)):
            smooth[..., i] += (
                counts[..., j] * math.exp(-((i - j) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
            )
    return smooth / (smooth.sum(2, keepdims=True) + 1e-7)


def slow_joint(query: Sightings, gallery: Sightings, shares: np.ndarray) -> np.ndarray:
    """Pair by pair."""
    found = np.empty((len(query.camids), len(gallery.camids)))
    for i, j in np.ndindex(*found.shape):
        ours, theirs = int(query.times.frames[i]), int(gallery.times.frames[j])
        a, b = int(query.camids[i]), int(gallery.camids[j])
        later, earlier = (a, b) if ours > theirs else (b, a)
        share = shares[later, earlier, min(abs(ours - theirs) // WIDTH, shares.shape[2] - 1)]
        cosine = float(query.features[i].double() @ gallery.features[j].double())
        found[i, j] = 1 - 1 / (1 + math.exp(-5 * cosine)) * 1 / (1 + 2 * math.exp(-5 * share))
    return found


@pytest.mark.parametrize("sigma", [3, 50])
def test_histogram_is_the_slow_one(scene, sigma):
    sightings, labels = scene
    histogram = time_histogram(labels, sightings.camids, sightings.times, cameras=CAMERAS, bins=BINS, sigma=sigma)
    slow = slow_histogram(labels, sightings.camids, sightings.times.frames, sigma)
    np.testing.assert_allclose(histogram.shares, slow, rtol=0, atol=1e-12)
    assert histogram.bin_width == WIDTH


def test_images_in_no_cluster_count_for_none(scene):
    sightings, labels = scene
    kept = labels != 2
    part = Times(sightings.times.frames[kept], sightings.times.slots[kept], WIDTH)
    without = time_histogram(labels[kept], sightings.camids[kept], part, cameras=CAMERAS)
    hidden = time_histogram(labels.masked_fill(~kept, -1), sightings.camids, sightings.times, cameras=CAMERAS)
    np.testing.assert_array_equal(without.shares, hidden.shares)


def test_a_person_of_two_slots_counts_as_two():
    frames, slots = torch.tensor([10, 1060, 90_000, 39_950]), torch.tensor([0, 0, 1, 1])
    labels, camids = torch.tensor([5, 5, 5, 5]), torch.tensor([0, 1, 0, 1])
    one = time_histogram(labels, camids, Times(frames, slots, 100), cameras=2, bins=600, sigma=1)
    two = time_histogram(
        torch.tensor([0, 0, 1, 1]), camids, Times(frames, 0 * slots, 100), cameras=2, bins=600, sigma=1
    )
    np.testing.assert_array_equal(one.shares, two.shares)
    assert one.shares[1, 0].argmax() == 10 and one.shares[0, 1].argmax() == 500


def test_longer_differences_are_in_the_last_bin():
    times = Times(torch.tensor([0, 10**9]), torch.zeros(2, dtype=torch.int64), 100)
    histogram = time_histogram(torch.tensor([0, 0]), torch.tensor([0, 1]), times, cameras=2, bins=20, sigma=1)
    assert histogram.shares[1, 0].argmax() == 19


def test_joint_distance_is_the_slow_formula(scene):
    sightings, labels = scene
    histogram = time_histogram(labels, sightings.camids, sightings.times, cameras=CAMERAS, bins=BINS, sigma=3)
    query = Sightings(
        sightings.features[:11],
        sightings.camids[:11],
        Times(sightings.times.frames[:11], sightings.times.slots[:11], WIDTH),
    )
    found = joint_distances(query, sightings, histogram)
    slow = slow_joint(query, sightings, histogram.shares)
    np.testing.assert_allclose(found, slow, rtol=0, atol=1e-6)
    square = slow_joint(sightings, sightings, histogram.shares)
    np.testing.assert_allclose(joint_rows(sightings, histogram)(slice(2, 7)), square[:, 2:7].T, rtol=0, atol=1e-6)


def test_times_tell_apart_persons_who_look_alike():
    camids, frames = torch.tensor([0, 1, 0, 1, 0, 1]), torch.tensor([0, 300, 10_000, 10_310, 20_000, 20_290])
    features = torch.ones(6, 4) / 2
    times = Times(frames, torch.zeros_like(frames), 100)
    histogram = time_histogram(torch.arange(6) // 2, camids, times, cameras=2, sigma=2)
    distances = joint_distances(Sightings(features, camids, times), Sightings(features, camids, times), histogram)
    assert distances[1, 0] < min(distances[1, 2], distances[1, 4])
    apart = Times(frames, torch.arange(6), 100)  # nothing is known of times of different slots
    other = joint_distances(Sightings(features, camids, apart), Sightings(features, camids, times), histogram)
    assert other[1, 0] == other[1, 4]


def test_histogram_is_estimated_from_clusters_of_each_slot(scene):
    sightings, _ = scene
    features, slots = torch.eye(12)[torch.arange(N) % 12], torch.arange(N) % 2
    features = F.normalize(features + 1e-3 * torch.randn(N, 12, generator=torch.Generator().manual_seed(0)))
    times = Times(sightings.times.frames, slots, WIDTH)
    found = estimate_histogram(Sightings(features, sightings.camids, times), share=0.15)
    labels = torch.arange(N) % 12  # five images of each, all of one slot
    cameras = int(sightings.camids.max()) + 1
    np.testing.assert_array_equal(found.shares, time_histogram(labels, sightings.camids, times, cameras=cameras).shares)


def test_unknown_cameras_are_refused(scene):
    sightings, labels = scene
    with pytest.raises(ValueError, match="found camera 3, wanted 0 to 2"):
        time_histogram(labels, sightings.camids, sightings.times, cameras=3)
    histogram = time_histogram(labels, sightings.camids, sightings.times, cameras=CAMERAS)
    odd = Sightings(sightings.features, sightings.camids - 1, sightings.times)
    with pytest.raises(ValueError, match="found camera -1, wanted 0 to 3"):
        joint_distances(odd, sightings, histogram)


@pytest.mark.parametrize("share", [0.003, 0.05, 1.0])
def test_eps_and_clusters_are_those_of_the_whole_matrix(scene, share):
    features = scene[0].features.repeat(3, 1)[:157]  # some images twice: distances of 0
    features = features + torch.linspace(0, 0.1, 157)[:, None] * (torch.arange(157) > 90)[:, None]
    whole = torch.cat(list(rerank_blocks(squared_distances(features), 157, k1=9, k2=3))).clamp(min=0).numpy()
    upper = whole[np.triu_indices(157, 1)]
    upper = np.sort(upper[upper > 0])
    wanted = upper[: max(1, round(share * len(upper)))].mean()
    pairs, eps = smallest_pairs(rerank_blocks(squared_distances(features), 157, k1=9, k2=3), 157, share)
    assert eps == pytest.approx(wanted, rel=1e-6)
    for samples in (1, 4):
        np.fill_diagonal(whole, 0)
        slow = DBSCAN(eps=eps, min_samples=samples, metric="precomputed").fit_predict(whole)
        assert dbscan(pairs, 157, eps, samples).tolist() == slow.tolist()
        near = pairs_within(rerank_blocks(squared_distances(features), 157, k1=9, k2=3), eps)
        assert dbscan(near, 157, eps, samples).tolist() == slow.tolist()


def test_images_that_are_all_the_same_have_no_radius():
    with pytest.raises(ValueError, match="found no distance above 0 among 5 images"):
        smallest_pairs(blocks_of(squared_distances(torch.zeros(5, 3)), 5), 5, 0.1)


def test_market_frames_go_on_from_sequence_to_sequence():
    names = ["0002_c1s1_000451_03.jpg", "0002_c1s1_000900_01.jpg", "0007_c1s2_000010_01.jpg", "-1_c2s3_000005_01.jpg"]
    names += ["0008_c2s1_000100_01.jpg", "0009_c1s4_000001_01.jpg"]
    times = read_times([Path(name) for name in names])
    assert times.frames.tolist() == [451, 900, 910, 105, 100, 911]
    assert times.slots.tolist() == [0] * 6 and times.bin_width == 100


def test_duke_and_msmt_frames_are_as_named():
    times = read_times([Path("0001_c2_f0046182.jpg"), Path("0005_c8_f0000001.jpg")])
    assert times.frames.tolist() == [46182, 1] and times.bin_width == 100
    names = [
        "0000_000_01_0303morning_0008_0.jpg",
        "0000_001_02_0113noon_0015_1.jpg",
        "0001_000_01_0303morning_0100_0.jpg",
    ]
    times = read_times([Path("0000") / name for name in names])
    assert times.frames.tolist() == [8, 15, 100]
    assert times.slots.tolist() == [1, 0, 1] and times.bin_width == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["person.jpg"], "person.jpg tells no time, wanted names as in"),
        (["0001_c2_f0046182.jpg", "0002_c1s1_000451_03.jpg"], "0002_c1s1_000451_03.jpg tells no time as 0001_c2"),
        ([], "no image tells no time"),
    ],
)
def test_names_without_times_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        read_times([Path(name) for name in names])


def test_times_of_real_market_images_are_read(realdata):
    paths = sorted((realdata / "market1501_subset" / "gallery").glob("*.jpg"))
    times = read_times(paths)
    assert len(times.frames) == len(paths) and int(times.frames.min()) > 0
