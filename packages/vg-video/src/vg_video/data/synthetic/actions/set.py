"""The set of actions: persons of known looks who do what Weizmann's persons do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vg_video.data.synthetic.actions.body import MASK, Person, draw_room
from vg_video.data.synthetic.actions.looks import FIGURES
from vg_video.data.synthetic.actions.moves import ACTIONS
from vg_video.data.synthetic.actions.skeleton import pose
from vg_video.data.synthetic.base import SyntheticSet, Tracks
from vg_video.data.synthetic.canvas import Canvas
from vg_video.data.synthetic.looks import Value

WALK_MARGIN, STAND_MARGIN = 0.2, 0.4  # of the frame's width, on either side, that the feet keep clear of
TURN = 0.1  # of the frame's width, from a margin, in which who comes to it turns round


@dataclass(frozen=True)
class SyntheticActions(SyntheticSet):
    """Clothed persons in front of a wall, and the ten actions of the Weizmann set by its names (3.4.1).

    A clip has the tracks `head` (t, 2), `hands` and `feet` (t, 2, 2), the mask `person`, and the motion factors
    `speed` (cycles per frame), `phase` (of the first frame, in cycles), `size` (of the movement) and `start` (the
    place: 0 .. 1 left to right, facing right, 1 .. 2 back again, facing left).
    """

    classes = tuple(ACTIONS)
    looks = FIGURES

    def _motion(self, draw: Callable[[], float]) -> dict[str, float]:
        return {
            "speed": 0.045 + 0.03 * draw(),  # one cycle takes 13 to 22 frames
            "phase": draw(),
            "size": 0.85 + 0.15 * draw(),
            "start": 2 * draw(),
        }

    def _film(
        self, label: str | None, appearance: Mapping[str, Value], motion: Mapping[str, float]
    ) -> tuple[Canvas, Tracks]:
        phase = motion["phase"] + motion["speed"] * np.arange(self.frames)
        joints = pose(ACTIONS[str(label)](phase, motion["size"]), self.frames)
        margin = WALK_MARGIN if joints.travels else STAND_MARGIN
        way = 1 - 2 * margin
        walked = (joints.travel - joints.travel[0]) * float(appearance["height"])
        x, facing = _patrol(motion["start"] * way + walked, way)
        canvas = Canvas(draw_room(appearance, self.resolution), self.frames, [MASK])
        if not (joints.travels and joints.from_side):
            facing = np.full(self.frames, 1.0 if motion["start"] < 1 else -1.0)
        person = Person(canvas, joints, appearance, margin + x, facing)
        person.draw()
        hands, feet = (np.stack([person.seen(limb.end) for limb in limbs], 1) for limbs in (joints.arms, joints.legs))
        return canvas, {"head": person.seen(joints.head), "hands": hands, "feet": feet}


def _patrol(walked: np.ndarray, way: float) -> tuple[np.ndarray, np.ndarray]:
    """Where somebody is who walks to and fro between 0 and `way`, and the side that he faces, both (t,)."""
    lap = walked % (2 * way)
    to_turn = np.minimum(np.abs(lap - way), np.minimum(lap, 2 * way - lap))
    x = way - np.abs(lap - way)
    near = (to_turn / TURN).clip(0, 1)
    rounding = TURN * (1 - near) ** 2 / 2  # the corner of the path is cut
    facing = np.where(lap < way, 1.0, -1.0) * (2 - near) * near
    return x + np.where(x < way / 2, rounding, -rounding), facing
