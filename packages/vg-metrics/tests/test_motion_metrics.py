"""Torchmetrics of motion: streams, ranks, empty masks, differences; and what image-like features do not see."""

import math

import pytest
import torch
import torch.nn.functional as F
from vg_metrics.flow import LucasKanade
from vg_metrics.functional import Moments
from vg_metrics.functional.motion import motion_energy, motion_map
from vg_metrics.functional.motion_change import motion_change, motion_radius, moving_share, total_motion
from vg_metrics.motion import Estimate, FrechetMotionDistance, MotionChange, MotionDifference, MotionEnergy


def mean_and_error(values):
    return values.mean(0), values.std(0) / math.sqrt(len(values))


def reduced(ranks):
    """The first of some metrics, with the states of all reduced into it as over processes."""
    first = ranks[0]
    for name, reduction in first._reductions.items():
        setattr(first, name, reduction(torch.stack([getattr(rank, name) for rank in ranks])))
    return first


def check(summary, phi, total, share):
    for got, values in ((summary.phi, phi), (summary.total, total), (summary.share, share)):
        torch.testing.assert_close(got, Estimate(*mean_and_error(values)), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("regions", [4, 8])
def test_streamed_means_and_errors_are_those_of_all_clips_at_once(regions, rng):
    flows = torch.randn(7, 3, 2, 5, 6, generator=rng)
    metric = MotionChange("test", 2.0, regions=regions, still=0.3)
    for part in flows.split((1, 4, 2)):
        metric.update(part)
    summary = metric.compute()
    values = motion_change(flows, regions, radius=2, still=0.3), total_motion(flows, radius=2, still=0.3)
    check(summary, *values, moving_share(flows, still=0.3))
    assert (summary.clips, summary.skipped, summary.flow, summary.radius) == (7, 0, "test", 2.0)


def test_two_ranks_are_one(rng):
    flows = torch.randn(6, 2, 2, 4, 4, generator=rng)
    ranks = [MotionChange("test", 2.0) for _ in range(2)]
    for rank, part in zip(ranks, flows.split((4, 2)), strict=True):
        rank.update(part)
    together = MotionChange("test", 2.0)
    together.update(flows)
    torch.testing.assert_close(reduced(ranks).compute()[:3], together.compute()[:3], rtol=1e-12, atol=1e-12)


def test_clips_with_an_empty_mask_are_counted_and_left_out(rng):
    flows = torch.randn(5, 2, 2, 4, 4, generator=rng)
    mask = torch.rand(5, 3, 4, 4, generator=rng) < 0.5
    mask[[1, 3]] = False
    metric = MotionChange("test", 2.0, still=0.1)
    metric.update(flows, mask)
    summary = metric.compute()
    kept, inside = flows[[0, 2, 4]], mask[[0, 2, 4]]
    values = motion_change(kept, radius=2, still=0.1, mask=inside), total_motion(kept, radius=2, still=0.1, mask=inside)
    check(summary, *values, moving_share(kept, still=0.1, mask=inside))
    assert (summary.clips, summary.skipped) == (3, 2)
    metric.reset()
    metric.update(flows[:1])
    assert metric.compute().total.error.isnan()  # one clip says nothing of the others
    metric.reset()
    metric.update(flows[1:2], mask[1:2])
    with pytest.raises(ValueError, match="1 were left out, as their mask is empty"):
        metric.compute()


def test_differences_of_pairs_have_the_error_of_the_differences(rng):
    original = torch.randn(6, 2, 2, 4, 5, generator=rng)
    changed = 0.5 * original + 0.01 * torch.randn(original.shape, generator=rng)
    paired, sides = MotionDifference("test", 3.0), [MotionChange("test", 3.0) for _ in range(2)]
    for part in (slice(0, 1), slice(1, 6)):
        paired.update(changed[part], original[part])
        for metric, flows in zip(sides, (changed, original), strict=True):
            metric.update(flows[part])
    difference, unpaired = paired.compute(), sides[0].compute().minus(sides[1].compute())
    rows = [score(changed, radius=3.0) - score(original, radius=3.0) for score in (motion_change, total_motion)]
    check(difference, *rows, moving_share(changed, still=3 / 255) - moving_share(original, still=3 / 255))
    assert difference.total.mean < 0
    torch.testing.assert_close(unpaired.phi.mean, difference.phi.mean)
    torch.testing.assert_close(
        unpaired.total.error, torch.hypot(*(metric.compute().total.error for metric in sides)), rtol=1e-10, atol=0
    )
    assert unpaired.total.error > difference.total.error


def test_sets_measured_in_different_ways_are_not_compared(rng):
    flows = torch.randn(2, 1, 2, 4, 4, generator=rng)
    summaries = {}
    for name, metric in {
        "a": MotionChange("a", 2.0),
        "b": MotionChange("b", 2.0),
        "wide": MotionChange("a", 3.0),
        "eight": MotionChange("a", 2.0, regions=8),
    }.items():
        metric.update(flows)
        summaries[name] = metric.compute()
    for other, message in (("b", "flow is a and b"), ("wide", "radius is 2.0 and 3.0"), ("eight", "4 and 8 regions")):
        with pytest.raises(ValueError, match=message):
            summaries["a"].minus(summaries[other])
    with pytest.raises(ValueError, match="are no pairs"):
        MotionDifference("a", 2.0).update(flows, flows[:1])
    with pytest.raises(ValueError, match=r"wanted \(b, t, 2, h, w\)"):
        MotionChange("a", 2.0).update(flows[0])


def test_energy_and_map_distance_are_their_functions_over_a_stream(rng):
    real, fake = (torch.randint(256, (9, 3, 7, 9, 10), generator=rng, dtype=torch.uint8) // k for k in (1, 2))
    energy, distance = MotionEnergy(), FrechetMotionDistance(7, 9, 10, step=1, every=2, pool=4, ddof=0)
    for side, video in (("real", real), ("fake", fake)):
        for part in video.split(4):
            distance.update(part, side)
            if side == "real":
                energy.update(part)
    torch.testing.assert_close(energy.compute(), Estimate(*mean_and_error(motion_energy(real).double())))
    maps = [Moments.of(motion_map(video, step=1, every=2, pool=4)) for video in (real, fake)]
    with pytest.warns(UserWarning, match="9 samples for features of width 12"):
        torch.testing.assert_close(distance.compute(), maps[0].distance(maps[1], ddof=0))
    with pytest.raises(ValueError, match="not finite"):
        energy.update(torch.full((1, 3, 2, 4, 4), torch.nan))
    with pytest.raises(ValueError, match="2 frames of 64x64 have no motion map of step 2 and pool 4"):
        FrechetMotionDistance(2)


@pytest.fixture(scope="module")
def laps():
    """Clips (n, 3, 16, 32, 32) in which a disc runs two laps on a circle of 8 places before a still texture."""
    rng = torch.Generator().manual_seed(1)
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    texture = F.interpolate(torch.rand(60, 3, 8, 8, generator=rng), (32, 32), mode="bicubic").clamp(0, 1) - 0.5
    center = 16 + 4 * (torch.rand(60, 2, 1, 1, 1, generator=rng) - 0.5)
    angle = 2 * math.pi * (torch.arange(16.0) / 8 + torch.rand(60, 1, generator=rng))[..., None, None]
    far = torch.hypot(x - center[:, 0] - 5 * angle.cos(), y - center[:, 1] - 5 * angle.sin())
    disc = torch.sigmoid(5 - far)[:, None]
    stripes = torch.sin(0.5 * (x - 5 * angle.cos()))[:, None] * torch.tensor([0.6, 0.3, -0.4]).view(3, 1, 1, 1)
    return texture[:, :, None] * (1 - disc) + stripes * disc


def changed(video):
    """The same frames, or their mean, played in other ways: frozen, shuffled, and at half the speed."""
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    return {
        "frozen": video.mean(2, keepdim=True).expand_as(video),
        "shuffled": video[:, :, order],
        "slowed": video[:, :, :8].repeat_interleave(2, dim=2),
    }


def test_frozen_shuffled_and_slowed_clips_are_told_by_motion_alone(laps):
    half, other = laps[:30], laps[30:]
    sets = {"moving": other, **changed(other)}
    pictures = {name: F.avg_pool2d(video.mean(2), 8).flatten(1) for name, video in sets.items()}
    for name in ("frozen", "shuffled", "slowed"):
        torch.testing.assert_close(pictures[name], pictures["moving"], rtol=0, atol=1e-5)

    options = {"step": 1, "every": 7, "pool": 8}
    far, energy = {}, {}
    for name, video in sets.items():
        distance, mean = FrechetMotionDistance(16, 32, 32, **options), MotionEnergy()
        distance.update(half, "real")
        distance.update(video, "fake")
        mean.update(video)
        with pytest.warns(UserWarning, match="30 samples"):
            far[name] = distance.compute().item()
        energy[name] = mean.compute().mean.item()
    assert 3 * far["moving"] < min(far["frozen"], far["shuffled"], far["slowed"]), far
    assert energy["frozen"] == 0
    assert energy["slowed"] < 0.6 * energy["moving"]
    assert energy["shuffled"] > 1.1 * energy["moving"]


def test_optical_flow_tells_them_as_well(laps):
    flow = LucasKanade()
    original = flow(laps[:6])
    radius = motion_radius(original)
    differences = {}
    for name, video in changed(laps[:6]).items():
        metric = MotionDifference(flow.label, radius, still=0.5)
        metric.update(flow(video), original)
        differences[name] = metric.compute()
    assert differences["frozen"].share.mean == -moving_share(original).mean()
    for name in ("frozen", "slowed"):
        share = differences[name].share
        assert share.mean < -3 * share.error, name
    share = differences["shuffled"].share
    assert share.mean > 3 * share.error
