"""Equations 5.6, 5.7 and 5.9 against slow loops, and what they say of known motion."""

import itertools
import math

import pytest
import torch
from vg_metrics.functional.motion_change import REGIONS, motion_change, motion_radius, moving_share, total_motion

DIRECTION = {
    "right": (1, 0),
    "up right": (1, -1),
    "up": (0, -1),
    "up left": (-1, -1),
    "left": (-1, 0),
    "down left": (-1, 1),
    "down": (0, 1),
    "down right": (1, 1),
}


def slow_motion(flows, regions, radius, still, mask):
    """Eq. 5.6 and 5.7 and the share of moving pixels of one clip (t, 2, h, w), one pixel after another."""
    sums, counts, seen = [0.0] * regions, [0] * regions, 0
    t, _, h, w = flows.shape
    for n, y, x in itertools.product(range(t), range(h), range(w)):
        u, v = flows[n, 0, y, x].item(), flows[n, 1, y, x].item()
        if not mask[n, y, x]:
            continue
        seen += 1
        if math.hypot(u, v) <= still:
            continue
        nearness = [
            (u * a + v * b) / math.hypot(a, b) for a, b in (DIRECTION[name] for name in REGIONS[regions])
        ]  # the region is that whose middle is nearest in angle
        region = nearness.index(max(nearness))
        sums[region] += min(math.hypot(u, v) / radius, 1)
        counts[region] += 1
    phi = [s / n if n else 0.0 for s, n in zip(sums, counts, strict=True)]
    return phi, sum(sums) / sum(counts), sum(counts) / seen


@pytest.mark.parametrize("regions", [4, 8])
@pytest.mark.parametrize("shape", [(1, 2, 3, 5), (3, 2, 7, 4)])
def test_phi_and_total_are_equations_5_6_5_7_and_5_9(regions, shape, rng):
    flows = 3 * torch.randn(2, *shape, dtype=torch.float64, generator=rng)
    mask = torch.rand(2, shape[0], *shape[2:], generator=rng) < 0.7
    phi = motion_change(flows, regions, radius=4, still=1.2, mask=mask)
    total = total_motion(flows, radius=4, still=1.2, mask=mask)
    share = moving_share(flows, still=1.2, mask=mask)
    assert phi.shape == (2, regions) and phi.dtype == torch.float64
    for clip in range(2):
        wanted = slow_motion(flows[clip], regions, 4, 1.2, mask[clip])
        got = phi[clip], total[clip], share[clip]
        for a, b in zip(got, wanted, strict=True):
            torch.testing.assert_close(a, torch.tensor(b, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    alone = motion_change(flows[0], regions, radius=4, still=1.2, mask=mask[0])
    assert torch.equal(alone, phi[0])


@pytest.mark.parametrize("regions", [4, 8])
def test_motion_in_one_direction_is_in_its_region_alone(regions):
    for region, name in enumerate(REGIONS[regions]):
        u, v = DIRECTION[name]
        flows = 3 * torch.tensor([u, v]).double().view(1, 2, 1, 1).expand(2, 2, 5, 3) / math.hypot(u, v)
        wanted = torch.zeros(regions).double()
        wanted[region] = 0.5
        torch.testing.assert_close(motion_change(flows, regions, radius=6), wanted)


def test_four_regions_hold_the_statements_of_the_thesis():
    """(R_0, R_3) and (R_1, R_2) are opposite; left and right is in R_1 and R_2."""
    first, second, third, fourth = REGIONS[4]
    assert {first, fourth} == {"up", "down"} and {second, third} == {"left", "right"}


def test_total_is_the_mean_of_phi_over_moving_pixels(rng):
    flows = torch.randn(4, 2, 6, 7, dtype=torch.float64, generator=rng)
    phi = motion_change(flows, 8, radius=3, still=0)
    angle = torch.atan2(-flows[:, 1], flows[:, 0])
    n = torch.stack([((angle - k * math.pi / 4).cos() > math.cos(math.pi / 8)).sum() for k in range(8)])
    assert n.sum() == 4 * 6 * 7
    torch.testing.assert_close((phi * n).sum() / n.sum(), total_motion(flows, radius=3, still=0))


def test_long_flows_count_as_the_radius_and_white_ones_are_at_rest():
    flows = torch.zeros(1, 2, 1, 4)
    flows[0, 0, 0] = torch.tensor([0.0, 0.039, 5.0, 20.0])  # H / 255 of 10 is 0.0392
    assert total_motion(flows, radius=10).item() == 0.75
    assert moving_share(flows).item() == 0.5
    assert moving_share(flows, still=0).item() == 0.75


def test_without_a_radius_the_longest_of_all_flows_is_it():
    flows = torch.zeros(2, 1, 2, 2, 2)
    flows[0, :, 0], flows[1, :, 0] = 2, 8
    torch.testing.assert_close(motion_change(flows)[:, 1], torch.tensor([0.25, 1.0]).double())
    assert motion_change(torch.zeros(1, 2, 3, 3)).tolist() == [0, 0, 0, 0]


def test_a_mask_chooses_pixels_and_an_empty_one_gives_nan():
    flows = torch.zeros(3, 1, 2, 4, 4)
    flows[:, :, 0, :, :2], flows[:, :, 1, :, 2:] = 1, 4
    mask = torch.zeros(3, 1, 4, 4, dtype=torch.bool)
    mask[0, ..., :2], mask[1, ..., 2:] = True, True
    phi = motion_change(flows, radius=4, mask=mask)
    assert phi[0].tolist() == [0, 0.25, 0, 0] and phi[1].tolist() == [0, 0, 0, 1]
    assert phi[2].isnan().all()
    for value in (total_motion(flows, radius=4, mask=mask), moving_share(flows, mask=mask)):
        assert value.isnan().tolist() == [False, False, True]
    with_last_frame = torch.cat([mask, ~mask], 1)
    assert torch.equal(motion_change(flows, radius=4, mask=with_last_frame)[:2], phi[:2])


def test_the_radius_of_a_set_is_what_its_share_of_flows_keeps_to(rng):
    flows = torch.randn(2, 3, 2, 9, 7, dtype=torch.float64, generator=rng)
    length = flows.norm(dim=2).flatten().sort().values
    assert motion_radius(flows, 0.9) == length[math.ceil(0.9 * len(length)) - 1].item()
    assert motion_radius(flows, 1) == length[-1].item()
    assert motion_radius([flows[0], flows[1, :, :, :3], flows[1, :, :, 3:]], 0.9) == motion_radius(flows, 0.9)
    with pytest.raises(ValueError, match="at rest"):
        motion_radius(torch.zeros(1, 2, 4, 4))
    with pytest.raises(ValueError, match="share is 0"):
        motion_radius(flows, 0)


def test_what_is_no_flow_or_mask_is_refused():
    flows = torch.zeros(2, 1, 2, 4, 4)
    broken = flows.clone()
    broken[1, 0, 1, 2, 3] = torch.nan
    with pytest.raises(ValueError, match="flows holds 1 values that are not finite"):
        motion_change(broken)
    with pytest.raises(ValueError, match=r"wanted \(\.\.\., t, 2, h, w\)"):
        motion_change(torch.zeros(1, 4, 4, 2))
    with pytest.raises(ValueError, match="regions is 6, wanted 4 or 8"):
        motion_change(flows, 6)
    with pytest.raises(ValueError, match="radius is 0"):
        total_motion(flows, radius=0)
    with pytest.raises(ValueError, match=r"mask is torch.uint8 of shape \(2, 1, 4, 4\), wanted torch.bool"):
        motion_change(flows, mask=torch.ones(2, 1, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"of shape \(2, 1, 4, 5\), wanted torch.bool of shape \(2, 1, 4, 4\)"):
        motion_change(flows, mask=torch.ones(2, 1, 4, 5, dtype=torch.bool))
