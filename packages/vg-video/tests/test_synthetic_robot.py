"""The built-in robot moves along two axes that are known, and pushes what is in its way."""

import numpy as np
import pytest
from vg_video.data.synthetic import SyntheticRobot
from vg_video.data.synthetic.robot.body import FORE, SHOULDER, UPPER, WRIST, bent
from vg_video.data.synthetic.robot.looks import RADII
from vg_video.data.synthetic.robot.pushing import BOUNDS, GRIPPER, gripper_path, push
from vg_video.data.synthetic.robot.view import project

STILL = np.array([[0.0, 0.0]] * 5)


def centers(mask: np.ndarray) -> np.ndarray:
    """Of the mass of masks (t, h, w), in widths of the frame, (t, 2)."""
    places = (np.arange(mask.shape[-1]) + 0.5) / mask.shape[-1]
    mass = mask.sum((1, 2))
    return np.stack([(mask.sum(1) * places).sum(-1) / mass, (mask.sum(2) * places).sum(-1) / mass], -1)


def test_the_gripper_is_seen_where_its_track_says():
    source, seen, told = SyntheticRobot(), [], []
    for index in range(12):
        clip = source.clip(index)
        seen.append(centers(clip.masks["gripper"].astype(float)))
        told.append(clip.tracks["gripper"])
    away = np.concatenate(seen) - np.concatenate(told)
    assert np.abs(away - away.mean(0)).max() < 0.03  # the hand is over its fingertips, else they agree
    assert abs(away[:, 0].mean()) < 0.01 and -0.12 < away[:, 1].mean() < -0.02


def test_the_axes_of_the_table_are_left_to_right_and_back_to_front_in_the_picture():
    source = SyntheticRobot(resolution=16)
    clips = [source.clip(index) for index in range(20)]
    x, y = (np.concatenate([clip.tracks[name] for clip in clips]) for name in ("left_right", "back_forth"))
    gripper = np.concatenate([clip.tracks["gripper"] for clip in clips])
    assert np.corrcoef(gripper[:, 1], y)[0, 1] > 0.99 and np.corrcoef(gripper[:, 0], x)[0, 1] > 0.97
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.3  # one axis tells nothing of the other
    np.testing.assert_allclose(gripper, project(x, y, 0.06), atol=1e-4)
    assert x.min() < -0.6 and x.max() > 0.6 and y.min() < -0.35 and y.max() > 0.5


def test_each_axis_follows_its_own_factors():
    motion = SyntheticRobot().clip(0).motion
    path = gripper_path(motion, 50)
    other = gripper_path(motion | {"left_right_reach": 0.1, "left_right_phase": 0.3}, 50)
    np.testing.assert_array_equal(path[:, 1], other[:, 1])
    assert np.abs(other[:, 0]).max() <= 0.1 < np.abs(path[:, 0]).max()
    still = gripper_path(motion | {"left_right_pace": 0.0}, 50)
    assert np.ptp(still[:, 0]) == 0 < np.ptp(still[:, 1])


def test_a_thing_that_is_touched_gives_way_and_others_stay():
    path = np.stack([np.linspace(-0.8, 0.4, 9), np.zeros(9)], -1)
    places = push(path, [(0.0, 0.02), (0.0, 0.7)], [0.2, 0.2])
    touched, other = places[:, 0], places[:, 1]
    np.testing.assert_array_equal(other, [(0.0, 0.7)] * 9)
    apart = np.linalg.norm(touched - path, axis=1)
    assert apart.min() > 0.2 + GRIPPER - 1e-9 and apart[-1] < 0.2 + GRIPPER + 0.05
    assert touched[0].tolist() == [0.0, 0.02] and touched[-1, 0] > 0.6 and touched[-1, 1] > 0.02


def test_a_pushed_thing_pushes_the_next():
    path = np.stack([np.linspace(-0.9, 0.1, 9), np.zeros(9)], -1)
    first, second = np.moveaxis(push(path, [(-0.2, 0.0), (0.25, 0.0)], [0.2, 0.2]), 1, 0)
    assert second[-1, 0] > 0.7 and (second[:, 0] - first[:, 0]).min() > 0.4 - 0.06  # soft: they may overlap a little


def test_things_stay_on_the_table_and_touch_nothing_at_rest():
    places = push(np.stack([np.linspace(0, 0.9, 20), np.zeros(20)], -1), [(0.6, 0.0)], [0.2])
    assert places[-1, 0, 0] == BOUNDS[0][1]
    np.testing.assert_array_equal(push(STILL, [(0.5, 0.5), (-0.5, 0.5)], [0.2, 0.2])[-1], [(0.5, 0.5), (-0.5, 0.5)])
    out_of_the_way = push(STILL, [(0.0, 0.0)], [0.2])[-1, 0]
    assert np.linalg.norm(out_of_the_way) == pytest.approx(0.2 + GRIPPER)


def test_things_move_only_where_the_gripper_has_been():
    source, moved = SyntheticRobot(frames=32), 0
    for index in range(10):
        clip = source.clip(index)
        path = np.stack([clip.tracks["left_right"], clip.tracks["back_forth"]], -1)
        steps = np.linalg.norm(np.diff(clip.tracks["objects"], axis=0), axis=-1)  # (t - 1, things)
        first = steps.sum(-1) > 1e-4
        if first.any():
            moved += 1
            start = [(clip.motion[f"x{i}"], clip.motion[f"y{i}"]) for i in range(1, 5)]
            reach = [RADII[clip.appearance[f"thing{i}"]] + GRIPPER for i in range(1, 5)]
            near = np.linalg.norm(path[first.argmax() + 1] - start, axis=-1) < np.array(reach) + 0.01
            assert near.any()
    assert moved >= 4  # and in many clips something is pushed


def test_things_are_seen_where_their_tracks_say():
    clip = SyntheticRobot().clip(5)
    x, y = np.moveaxis((64 * clip.tracks["objects"]).astype(int), -1, 0)
    total = np.maximum(clip.masks["objects"], clip.masks["arm"])[np.arange(16)[:, None], y - 2, x]
    assert (total > 100).mean() > 0.95
    assert 0.02 < clip.masks["objects"].mean() / 255 < 0.25


def test_the_nearer_of_hand_and_thing_hides_the_other():
    source = SyntheticRobot()
    appearance = source.looks.look(0) | {f"thing{i}": "can" for i in range(1, 5)}
    still = {f"{axis}_{name}": 0.0 for axis in ("left_right", "back_forth") for name in ("reach", "pace", "phase")}
    aside = {"x1": 0.9, "y1": 0.9, "x2": -0.9, "y2": 0.9, "x3": 0.9, "y3": -0.6}

    def hidden(y: float) -> float:
        """Share of the hand that a can in line with it hides."""
        apart = {**still, **aside, "x4": -0.9, "y4": -0.6}
        whole, partly = (
            source._film(None, appearance, apart | place)[0].masks["gripper"].sum()
            for place in ({}, {"x4": 0.0, "y4": y})
        )
        return 1 - partly / whole

    assert hidden(0.5) > 0.05 and hidden(-0.3) == pytest.approx(0, abs=1e-6)


def test_the_links_of_the_arm_keep_their_length_and_the_elbow_is_up():
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-0.9, 0.9, 9), np.linspace(-0.6, 0.8, 9)))
    wrist = np.stack([x, y, np.full_like(x, WRIST)], -1)
    elbow = bent(SHOULDER, wrist)
    np.testing.assert_allclose(np.linalg.norm(elbow - SHOULDER, axis=1), UPPER)
    np.testing.assert_allclose(np.linalg.norm(elbow - wrist, axis=1), FORE)
    assert (elbow[:, 2] > SHOULDER[2]).all()
