"""The built-in moving persons: known, all different, always the same, in motion."""

import hashlib
import json
from itertools import pairwise

import numpy as np
import pytest
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.figures.identities import FACTORS, IDENTITIES, identity_factors
from vg_video.data.figures.poses import ACTIONS, ANKLE, pose
from vg_video.data.stills import read_strip
from vg_video.data.synthetic import SyntheticFigures

EIGHT = 8  # actions


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_no_two_identities_share_all_factors(seed):
    looks = {tuple(identity_factors(identity, seed).values()) for identity in range(5000)}
    assert len(looks) == 5000
    last = identity_factors(IDENTITIES - 1, seed)
    assert list(last) == list(FACTORS) and tuple(last.values()) not in looks


def test_identities_use_all_values_of_every_factor_about_equally():
    looks = [identity_factors(identity) for identity in range(2000)]
    for name, values in FACTORS.items():
        counts = [sum(look[name] == value for look in looks) for value in values]
        assert min(counts) > 0.75 * 2000 / len(values), name


def test_neighboring_identities_differ_in_half_of_their_factors():
    looks = [list(identity_factors(identity).values()) for identity in range(500)]
    different = [sum(a != b for a, b in zip(x, y, strict=True)) for x, y in pairwise(looks)]
    assert np.mean(different) > len(FACTORS) / 2


def test_clip_is_a_function_of_seed_and_index_alone():
    figures = SyntheticFigures(seed=5, frames=6, resolution=32)
    backward = {index: figures.clip(index) for index in reversed(range(12))}
    again = SyntheticFigures(seed=5, frames=6, resolution=32)
    other = SyntheticFigures(seed=6, frames=6, resolution=32)
    for index, clip in backward.items():
        np.testing.assert_array_equal(clip.frames, again.clip(index).frames)
        assert clip.factors == again.clip(index).factors
        assert not np.array_equal(clip.frames, other.clip(index).frames)
    longer = SyntheticFigures(seed=5, frames=9, resolution=32).clip(3)
    np.testing.assert_array_equal(longer.frames[:6], backward[3].frames)


def test_draws_are_the_same_on_every_machine():
    clip = SyntheticFigures(seed=7).clip(123_456_789)
    factors = json.dumps(clip.factors, sort_keys=True)
    assert (clip.identity, clip.action) == (98, "walk")
    assert hashlib.sha256(factors.encode()).hexdigest()[:16] == "d9cc4a9901cafbc0"


def test_index_counts_actions_then_identities_then_takes():
    figures = SyntheticFigures(frames=4, resolution=16, identities=3)
    clips = [figures.clip(index) for index in range(2 * 3 * EIGHT)]
    assert [clip.identity for clip in clips] == [0] * 8 + [1] * 8 + [2] * 8 + [0] * 8 + [1] * 8 + [2] * 8
    assert [clip.action for clip in clips] == list(ACTIONS) * 6
    first, second = clips[9], clips[9 + 24]  # two takes of one person and action
    assert {name: first.factors[name] for name in FACTORS} == {name: second.factors[name] for name in FACTORS}
    assert first.factors["phase"] != second.factors["phase"] and not np.array_equal(first.frames, second.frames)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_moves_a_whole_person_in_front_of_a_still_room(action):
    figures = SyntheticFigures()
    for person in range(6):
        clip = figures.clip(person * EIGHT + list(ACTIONS).index(action))
        assert clip.action == action and clip.frames.shape == (32, 64, 64, 3) and clip.frames.dtype == np.uint8
        change = np.abs(np.diff(clip.frames.astype(int), axis=0)).mean(-1)
        assert change.mean() > 0.1  # gray levels a frame, over the whole picture
        assert change[:, 0].max() == change[:, 63].max() == 0  # neither cut off above nor below
        rows = (change.max(0) > 8).any(1).sum()
        assert 6 < rows < 60


@pytest.mark.parametrize("action", ACTIONS)
def test_bones_keep_their_length_and_a_foot_is_on_the_floor_unless_the_figure_jumps(action):
    joints = pose(action, np.linspace(0, 2, 50), 1.0)
    for limb in (*joints.arms, *joints.legs):
        for a, b in ((limb.root, limb.middle), (limb.middle, limb.end)):
            lengths = np.linalg.norm(b - a, axis=1)
            np.testing.assert_allclose(lengths, lengths[0], atol=1e-12)
    lowest = np.maximum(joints.legs[0].end[:, 1], joints.legs[1].end[:, 1])
    np.testing.assert_allclose(lowest + ANKLE + joints.lift, 0, atol=1e-12)
    assert (joints.lift.max() > 0.03) == (action in ("jump", "jumping_jack"))


def test_walkers_turn_round_before_they_leave_the_picture():
    figures = SyntheticFigures(frames=200)
    clip = figures.clip(list(ACTIONS).index("walk"))
    still = np.median(clip.frames, axis=0)
    rows = slice(20, 50)
    columns = [np.abs(frame[rows].astype(int) - still[rows]).sum((0, 2)) for frame in clip.frames]
    centers = np.array([(c * np.arange(64)).sum() / c.sum() for c in columns])
    assert 8 < centers.min() < 24 and 40 < centers.max() < 56
    assert np.abs(np.diff(centers)).max() < 10


def test_folder_of_strips_is_read_back_without_loss_and_labeled_by_action(tmp_path):
    figures = SyntheticFigures(seed=2, identities=2)
    seen = []
    figures.write_folder(tmp_path / "figures", 20, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (20, 20)
    known = json.loads((tmp_path / "figures/factors.json").read_text())
    assert len(known) == 20
    for index, (name, factors) in enumerate(known.items()):
        clip = figures.clip(index)
        np.testing.assert_array_equal(read_strip(tmp_path / "figures" / name), clip.frames)
        assert factors == {"identity": clip.identity, "action": clip.action, **clip.factors}
        assert name.startswith(f"{clip.action}/{clip.identity:04d}_")
    dataset = ClipDataset(tmp_path / "figures", ClipConfig(short="error"))
    assert len(dataset) == 20 and dataset.classes == tuple(sorted(ACTIONS))
    assert [path.name for path, _ in dataset.skipped] == ["factors.json"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 3}, "frames=3"),
        ({"resolution": 8}, "resolution=8"),
        ({"identities": 0}, "identities=0"),
        ({"identities": IDENTITIES + 1}, f"1 .. {IDENTITIES} is wanted"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SyntheticFigures(**settings)


def test_unknown_identity_is_refused():
    with pytest.raises(ValueError, match="identity=-1"):
        identity_factors(-1)
