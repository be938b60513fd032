"""The probe's statistics, and what it is told about built-in clips."""

import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from scipy.stats import binomtest
from vg_train.probe.clips import BuiltIn, Cut, seen
from vg_train.probe.factors import LABEL, Window, targets
from vg_train.probe.statistics import variance_shares, wilson
from vg_video.data.synthetic import SyntheticActions, SyntheticFaces, SyntheticRobot
from vg_video.data.transforms import to_float

SHORT = Cut(set="faces", frames=4, length=4)


# --- statistics


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (1, 3), (133, 400), (381, 400)])
def test_the_interval_of_a_share_is_wilsons(hits, count):
    expected = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert wilson(hits, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_an_interval_of_impossible_counts_is_refused():
    for hits, count in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match=f"hits={hits}, count={count}"):
            wilson(hits, count)


def slow_shares(values, labels):
    """Two-way analysis of variance, one cell after another."""
    looks, motions, _ = values.shape
    grand = values.mean((0, 1))
    square = {"look": 0.0, "motion": 0.0, "label": 0.0, "rest": 0.0, "noise": 0.0}
    for i, j in product(range(looks), range(motions)):
        look, motion = values[i].mean(0), values[:, j].mean(0)
        label = values[:, labels == labels[j]].mean((0, 1))
        square["look"] += float(((look - grand) ** 2).sum())
        square["motion"] += float(((motion - grand) ** 2).sum())
        square["label"] += float(((label - grand) ** 2).sum())
        square["noise"] += float(((motion - label) ** 2).sum())
        square["rest"] += float(((values[i, j] - look - motion + grand) ** 2).sum())
    total = sum(float(((values[i, j] - grand) ** 2).sum()) for i, j in product(range(looks), range(motions)))
    classes = len(labels.unique())
    rest = square["rest"] / ((looks - 1) * (motions - 1))
    noise = square["noise"] / (motions - classes)
    return {
        "appearance": (square["look"] - (looks - 1) * rest) / total,
        "motion": (square["motion"] - (motions - 1) * rest) / total,
        "label": (square["label"] - (classes - 1) * noise) / total,
    }


def test_shares_are_those_of_an_analysis_of_variance(rng):
    values = torch.randn(3, 8, 5, generator=rng, dtype=torch.float64)
    values += torch.randn(3, 1, 5, generator=rng) + 2 * torch.randn(1, 8, 5, generator=rng)
    labels = torch.tensor([0, 1, 2, 3]).repeat(2)
    shares = variance_shares(values, labels)
    for name, expected in slow_shares(values, labels).items():
        assert getattr(shares, name) == pytest.approx(expected, rel=1e-9)
    assert shares.appearance + shares.motion + shares.both == pytest.approx(1)
    assert shares.variance == pytest.approx(float(values.var((0, 1), correction=0).sum()))


def test_what_looks_and_motions_add_is_split_as_their_variances():
    looks, motions = torch.tensor([-3.0, 3.0]), torch.tensor([-1.0, 1.0, -1.0, 1.0])  # variances 9 and 1
    values = (looks[:, None] + motions)[..., None]
    shares = variance_shares(values, torch.tensor([0, 1, 0, 1]))
    assert (shares.appearance, shares.motion, shares.both) == pytest.approx((0.9, 0.1, 0.0))
    assert shares.label == pytest.approx(0.1)  # the label is all there is to a motion
    shares = variance_shares(values, torch.tensor([0, 0, 1, 1]))
    assert shares.label < 0 < shares.motion  # here it is nothing: less than chance would give


def test_chance_alone_gives_no_share(rng):
    labels = torch.arange(10) % 5
    draws = [variance_shares(torch.randn(6, 10, 1, generator=rng), labels) for _ in range(400)]
    for name in ("appearance", "motion", "label"):
        assert abs(sum(getattr(shares, name) for shares in draws) / 400) < 0.02
    assert sum(shares.both for shares in draws) / 400 == pytest.approx(1, abs=0.02)


def test_what_is_the_same_in_all_clips_has_no_shares():
    assert variance_shares(torch.full((3, 4, 2), 0.3)) is None


def test_shares_of_too_few_clips_are_refused():
    with pytest.raises(ValueError, match="1 looks, 4 motions"):
        variance_shares(torch.ones(1, 4, 1))
    with pytest.raises(ValueError, match=r"labels come \[3, 1\] times"):
        variance_shares(torch.rand(2, 4, 1), torch.tensor([0, 0, 0, 1]))


# --- what is known about clips


@pytest.mark.parametrize("kind", [SyntheticFaces, SyntheticActions, SyntheticRobot])
def test_each_factor_is_told_in_the_shape_that_is_promised(kind):
    built_in = BuiltIn(Cut(set=kind.__name__.removeprefix("Synthetic").lower(), frames=3, steps=(2, 2), length=9))
    batch = built_in.examples("training", 4)
    assert sorted(batch.targets) == sorted(factor.name for factor in built_in.factors)
    assert batch.video.shape == (4, 3, 3, 64, 64)
    for factor in built_in.factors:
        shape = (4,) if factor.names else (4, 3, factor.size) if factor.moving else (4, factor.size)
        assert batch.targets[factor.name].shape == shape


def test_a_window_has_the_frames_and_the_curves_of_its_part_of_the_clip():
    source = SyntheticFaces(frames=9)
    clip = source.clip(5)
    known = targets(source, clip, Window(start=2, step=3, frames=3))
    assert known["intensity(t)"].flatten().tolist() == clip.tracks["intensity"][[2, 5, 8]].tolist()
    assert known["head(t)"].tolist() == clip.tracks["head"][[2, 5, 8]].tolist()
    assert known[LABEL] == source.classes.index(clip.label)
    assert known["hair_style"] == source.looks.factors["hair_style"].index(clip.appearance["hair_style"])
    red = int(str(clip.appearance["wall"])[1:3], 16)
    assert float(known["wall"][0]) == pytest.approx(red / 255)


def test_a_faster_clip_has_more_cycles_per_frame_and_a_later_one_another_phase():
    source = SyntheticActions(frames=16)
    clip = source.clip(3)
    plain, fast = (targets(source, clip, Window(4, step, 3)) for step in (1, 4))
    assert float(fast["speed"]) == pytest.approx(4 * float(plain["speed"]))
    angle = 2 * math.pi * (clip.motion["phase"] + 4 * clip.motion["speed"])
    assert plain["phase"].tolist() == pytest.approx([math.cos(angle), math.sin(angle)], abs=1e-6)


def test_things_that_only_their_numbers_tell_apart_are_one_factor():
    source = SyntheticRobot(frames=2)
    clip = source.clip(0)
    swapped = clip.appearance | {"color1": clip.appearance["color2"], "color2": clip.appearance["color1"]}
    tracks = clip.tracks | {"objects": clip.tracks["objects"][:, [1, 0, 2, 3]]}
    other = replace(clip, appearance=swapped, tracks=tracks)
    known, same = (targets(source, one, Window(0, 1, 2)) for one in (clip, other))
    assert known["color"].shape == (3,)
    assert known["objects(t)"].shape == (2, 4)
    torch.testing.assert_close(known, same)


def test_looks_of_models_of_training_and_of_examining_are_never_the_same():
    built_in = BuiltIn(SHORT)
    source = built_in.source
    looks = {
        "models": [source.looks.look(number) for number in range(30)],
        "training": [source.clip(built_in._index("training", number)).appearance for number in range(30)],
        "held out": [source.clip(built_in._index("held out", number)).appearance for number in range(30)],
    }
    flat = [tuple(look.values()) for part in looks.values() for look in part]
    assert len(set(flat)) == 90


def test_crossed_clips_show_each_look_with_each_motion():
    built_in = BuiltIn(SHORT)
    first, second = built_in.crossed(2, 7)
    for factor in built_in.factors:
        one, other = first.targets[factor.name], second.targets[factor.name]
        if factor.side == "appearance":
            assert (one == one[0]).all() and (other == other[0]).all(), factor
        else:
            torch.testing.assert_close(one, other)
    assert first.targets[LABEL].tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert (first.targets["intensity(t)"][0] != first.targets["intensity(t)"][6]).any()
    assert any((first.targets[name] != second.targets[name]).any() for name in ("hair_style", "extra", "top", "shape"))


def test_first_frames_are_those_of_held_out_videos_and_all_at_rest():
    built_in = BuiltIn(SHORT)
    images, labels = built_in.first_frames(7, 64)
    batch = built_in.examples("held out", 7)
    torch.testing.assert_close(images, to_float(batch.video[:, :, 0]))
    assert labels.tolist() == batch.targets[LABEL].tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert (batch.targets["intensity(t)"][:, 0] == 0).all()


def test_a_probe_sees_16_frames_and_64_pixels():
    video = torch.arange(40.0)[:, None, None].expand(2, 3, 40, 128, 128) + torch.tensor([0.0, 1.0]).repeat(64)
    small = seen(video)
    assert small.shape == (2, 3, 14, 64, 64)
    torch.testing.assert_close(small[0, 0, :, 5, 7], torch.arange(0.5, 40, 3))


def test_clips_that_cannot_be_cut_are_refused():
    with pytest.raises(ValueError, match="length=30, wanted at least 31"):
        Cut(set="faces", steps=(2, 2), length=30)
    with pytest.raises(ValueError, match="frames=1"):
        Cut(set="faces", frames=1)
