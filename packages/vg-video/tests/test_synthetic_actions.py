"""The built-in persons do what Weizmann's do."""

import numpy as np
import pytest
from vg_video.data.synthetic import SyntheticActions
from vg_video.data.synthetic.actions.moves import ACTIONS
from vg_video.data.synthetic.actions.skeleton import ANKLE, pose

JUMPS = {"jack", "jump", "pjump", "run", "side", "skip"}  # lift both feet at times
TRAVELS = {"jump", "run", "side", "skip", "walk"}

every_action = pytest.mark.parametrize("action", ACTIONS)


def test_the_ten_actions_have_weizmanns_names():
    names = ("bend", "jack", "jump", "pjump", "run", "side", "skip", "walk", "wave1", "wave2")
    assert SyntheticActions.classes == names


@every_action
def test_bones_keep_their_length_and_a_foot_is_on_the_floor_unless_the_figure_jumps(action):
    joints = pose(ACTIONS[action](np.linspace(0, 2, 60), 1.0), 60)
    for limb in (*joints.arms, *joints.legs):
        for a, b in ((limb.root, limb.middle), (limb.middle, limb.end)):
            lengths = np.linalg.norm(b - a, axis=1)
            np.testing.assert_allclose(lengths, lengths[0], atol=1e-12)
    lowest = np.maximum(joints.legs[0].end[:, 1], joints.legs[1].end[:, 1])
    np.testing.assert_allclose(lowest + ANKLE + joints.lift, 0, atol=1e-12)
    assert (joints.lift.max() > 0.03) == (action in JUMPS)
    assert joints.lift.min() > -1e-12


@every_action
def test_every_action_moves_a_whole_person_in_front_of_a_still_room(action):
    source = SyntheticActions(frames=32)
    for identity in range(3):
        clip = source.clip(source.index(identity, action))
        change = np.abs(np.diff(clip.frames.astype(int), axis=0)).mean(-1)
        assert change.mean() > 0.1  # gray levels a frame, over the whole picture
        person = clip.masks["person"]
        assert person[:, :2].max() == person[:, 62:].max() == 0  # neither cut off above nor below
        seen = person.max(0) > 0
        assert change.max(0)[:48][~seen[:48]].max() <= 1  # above the shadow only the person moves
        assert 0.02 < person.mean() / 255 < 0.2


@every_action
def test_tracks_follow_the_person(action):
    source = SyntheticActions()
    clip = source.clip(source.index(3, action))
    places = np.concatenate([clip.tracks["head"][:, None], clip.tracks["hands"], clip.tracks["feet"]], 1)
    x, y = np.moveaxis((64 * places).astype(int).clip(0, 63), -1, 0)
    times = np.arange(16)[:, None]
    assert (clip.masks["person"][times, y, x] > 100).mean() > 0.97
    assert (clip.tracks["feet"][..., 1] > clip.tracks["head"][:, None, 1]).all()


@every_action
def test_some_actions_cross_the_picture_and_turn_round_and_others_stay(action):
    source = SyntheticActions(frames=150, resolution=16)
    head = source.clip(source.index(1, action)).tracks["head"][:, 0]
    if action in TRAVELS:
        assert head.min() < 0.32 and head.max() > 0.68
        assert head.min() > 0.08 and head.max() < 0.92
    elif action != "bend":
        assert np.ptp(head) < 0.06
    assert np.abs(np.diff(head)).max() < 0.12
