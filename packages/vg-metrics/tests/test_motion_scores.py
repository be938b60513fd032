"""Motion energy and motion maps against loops, and what they see that image features do not."""

import pytest
import torch
from vg_metrics.functional import Moments, motion_energy, motion_map


def test_energy_is_the_mean_difference_of_neighbours_in_grey_levels(rng):
    video = torch.randint(256, (2, 3, 5, 6, 7), generator=rng, dtype=torch.uint8)
    slow = [
        sum(float((clip[:, t + 1].double() - clip[:, t].double()).abs().mean()) for t in range(4)) / 4 for clip in video
    ]
    torch.testing.assert_close(motion_energy(video), torch.tensor(slow), rtol=1e-5, atol=0)
    torch.testing.assert_close(motion_energy(video / 127.5 - 1), torch.tensor(slow), rtol=1e-5, atol=0)


def test_maps_are_pooled_differences_of_every_third_frame(rng):
    video = torch.rand(2, 3, 9, 8, 13, generator=rng) * 2 - 1
    got = motion_map(video)
    assert got.shape == (2, 3 * 2 * 3)  # 7 differences, every third; 13 // 4 squares across
    change = ((video[1, :, 5] - video[1, :, 3]).abs() / 2).mean(0)
    torch.testing.assert_close(got[1].view(3, 2, 3)[1, 1, 2], change[4:8, 8:12].mean())


def test_frozen_and_shuffled_clips_are_far_in_motion(rng):
    t = torch.arange(16.0).view(1, 1, 16, 1, 1)
    phase = 6 * torch.rand(80, 1, 1, 1, 1, generator=rng)
    clips = torch.sin(0.3 * t + phase + torch.linspace(0, 3, 16).view(16, 1)).expand(80, 3, 16, 16, 16)
    half, other = clips[:40], clips[40:]
    sets = {
        "moving": other,
        "shuffled": other[:, :, torch.randperm(16, generator=rng)],
        "frozen": other[:, :, :1].expand_as(other),
    }
    real = Moments.of(motion_map(half, step=2, every=9, pool=8))
    far = {name: real.distance(Moments.of(motion_map(v, step=2, every=9, pool=8))).item() for name, v in sets.items()}
    assert 3 * far["moving"] < min(far["shuffled"], far["frozen"])
    assert motion_energy(sets["frozen"]).max() == 0


def test_clips_without_motion_to_measure_are_refused():
    with pytest.raises(ValueError, match="1 frames, wanted at least 2"):
        motion_energy(torch.zeros(1, 3, 1, 8, 8))
    with pytest.raises(ValueError, match=r"shape \(3, 4, 8, 8\)"):
        motion_energy(torch.zeros(3, 4, 8, 8))
    with pytest.raises(ValueError, match="3x8 are smaller"):
        motion_map(torch.zeros(1, 3, 4, 3, 8))
