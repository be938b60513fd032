"""Random frames of clips."""

import pytest
import torch
from vg_layers import sample_frames


def numbered(b: int, t: int) -> torch.Tensor:
    """Clips (b, 2, t, 3, 1) whose values tell clip, channel, time and row."""
    b, c, t, h, w = torch.meshgrid(*map(torch.arange, (b, 2, t, 3, 1)), indexing="ij")
    return (b * 1000 + t * 10 + c * 5 + h + w).float()


def test_frames_are_whole_frames_of_their_own_clip_and_distinct(rng):
    video = numbered(3, 7)
    frames = sample_frames(video, 4, rng)
    assert frames.shape == (12, 2, 3, 1)
    for clip, drawn in zip(video, frames.view(3, 4, 2, 3, 1), strict=True):
        times = (drawn[:, 0, 0, 0] % 1000 / 10).long()
        assert len(set(times.tolist())) == 4
        for frame, time in zip(drawn, times, strict=True):
            torch.testing.assert_close(frame, clip[:, time], rtol=0, atol=0)


def test_all_frames_are_a_permutation():
    frames = sample_frames(numbered(1, 5), 5)
    assert sorted((frames[:, 0, 0, 0] / 10).tolist()) == [0, 1, 2, 3, 4]


def test_each_time_is_drawn_equally_often(rng):
    """Chi-square of 4000 draws of 2 among 8 times, 7 degrees of freedom: below the 99.99 % point."""
    drawn = (sample_frames(numbered(4000, 8), 2, rng)[:, 0, 0, 0] % 1000 / 10).long()
    counts = torch.bincount(drawn, minlength=8)
    assert ((counts - 1000.0) ** 2 / 1000).sum() < 29.9


def test_draw_is_a_function_of_the_generator():
    video = numbered(4, 9)
    first, again, other = (sample_frames(video, 3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)


def test_gradient_reaches_the_drawn_frames_only(rng):
    video = numbered(2, 4).requires_grad_()
    sample_frames(video, 3, rng).sum().backward()
    touched = video.grad.flatten(3).sum(dim=(1, 3))
    assert sorted(touched.flatten().tolist()) == [0, 0, 6, 6, 6, 6, 6, 6]


@pytest.mark.parametrize("count", [0, 5])
def test_more_frames_than_there_are_and_none_are_refused(count):
    with pytest.raises(ValueError, match=f"count={count} frames were asked for, but a clip has 4"):
        sample_frames(numbered(1, 4), count)
