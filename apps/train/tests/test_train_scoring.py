"""Scores: their zero, their floor, and what they see."""

import pytest
import torch
from vg_train.charts import legend, line_chart
from vg_train.data import Examples, draw_clips
from vg_train.pictures import mosaic, strips
from vg_train.scoring import QuickScore, compare, look, measure
from vg_video.data.clips import ClipConfig, ClipDataset


@pytest.fixture
def clips(rng):
    """Blurred noise that moves, (12, 3, 16, 64, 64) in [-1, 1]."""
    coarse = torch.rand(12, 3, 8, 8, 8, generator=rng) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (16, 64, 64), mode="trilinear")


def test_the_quick_score_of_the_real_clips_themselves_is_0(clips):
    score = QuickScore(clips)(clips.flip(0))
    assert score["score"] == pytest.approx(0, abs=1e-6)


def test_always_the_mean_clip_looks_as_far_off_as_the_real_clips_vary(clips):
    score = QuickScore(clips)(clips.mean(0, keepdim=True).expand(5, -1, -1, -1, -1))
    assert score["look"] == pytest.approx(1, rel=1e-5)
    assert score["motion"] > 0.5


def test_the_quick_score_sees_frozen_clips(clips):
    frozen = clips[:, :, :1].expand_as(clips)
    score = QuickScore(clips)(frozen)
    assert score["motion_energy"] == 0
    assert score["motion"] > 1


def test_sets_are_measured_alike_in_any_batches(clips):
    whole, parts = measure([clips], look), measure(clips.split(5), look)
    for name in ("features", "motion", "energy"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))
    assert parts.count == 12
    with pytest.raises(ValueError, match="no clips"):
        measure([], look)


def test_a_set_compared_with_itself_is_at_distance_0_and_noise_is_not(clips, rng):
    real = measure([clips], look)
    same = compare(real, real)
    assert same["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert same["motion_map_distance"] == pytest.approx(0, abs=1e-6)
    assert same["motion_energy"] == same["motion_energy_of_real"] > 0
    noise = compare(real, measure([torch.rand(clips.shape, generator=rng) * 2 - 1], look))
    assert noise["frechet_distance"] > 0.1
    assert noise["motion_map_distance"] > 1
    assert noise["motion_energy"] > same["motion_energy"]


def test_real_clips_are_drawn_from_every_video_before_any_gives_a_second(videos):
    dataset = ClipDataset(videos, ClipConfig(steps=(1, 1)))
    first = torch.cat([batch.video for batch in draw_clips(dataset, 4, seed=0, batch_size=3)])
    assert first.shape == (4, 3, 16, 64, 64)
    looks = look(first)
    assert (torch.cdist(looks, looks) + torch.eye(4)).min() > 0.1  # four different videos
    again = Examples.draw(dataset, 7, seed=0)
    assert torch.equal(again.video[:4], first)
    assert again.label.tolist().count(0) in (3, 4)  # two videos of each label


def test_sheets_and_mosaics_show_each_frame_in_its_place():
    video = torch.full((3, 3, 4, 5, 6), -1.0)
    video[1, :, 2] = 0.0
    sheet = strips(video, gap=1)
    assert sheet.shape == (3 * 6 - 1, 4 * 7 - 1, 3)
    assert (sheet[6:11, 14:20] == 128).all()
    assert (sheet == 128).sum() == 5 * 6 * 3
    film = mosaic(video, columns=2, gap=1)
    assert film.shape == (4, 2 * 6 - 1, 2 * 7 - 1, 3)
    assert (film[2, :5, 7:] == 128).all()
    assert (film[:, 6:, 7:] == 255).all()  # the place that no clip fills


def test_charts_place_points_between_their_axes():
    svg = line_chart({"a": [(0, 0.0), (10, 4.0)], "b": [(5, 2.0)]}, x_title="steps")
    assert 'class="line-0" points="46.0,216.0 548.0,12.0"' in svg
    assert 'class="line-1" points="297.0,114.0"' in svg
    assert line_chart({"a": []}, x_title="steps") == ""
    assert legend(["a", "b"]).count("<span") == 2


def test_logarithmic_charts_leave_out_what_has_no_logarithm():
    svg = line_chart({"a": [(0, 100.0), (1, 0.0), (2, 1.0)]}, x_title="steps", logarithmic=True)
    assert 'points="46.0,12.0 548.0,216.0"' in svg
