"""The set of robots: an arm that moves along two axes over a table and pushes what is in its way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vg_video.data.synthetic.base import SyntheticSet, Tracks
from vg_video.data.synthetic.canvas import Canvas
from vg_video.data.synthetic.looks import Value, rgb
from vg_video.data.synthetic.robot.body import ARM, GRIPPER, OBJECTS, Arm, Thing
from vg_video.data.synthetic.robot.looks import RADII, SCENES, THINGS
from vg_video.data.synthetic.robot.pushing import AXES, draw_motion, gripper_path, push
from vg_video.data.synthetic.robot.view import draw_table, project


@dataclass(frozen=True)
class SyntheticRobot(SyntheticSet):
    """A robot arm over a table with four things, seen as in BAIR's robot pushing set (5.3.1), without classes.

    A clip has the masks `arm`, `gripper` (its hand) and `objects`, the motion factors of `draw_motion`, and the
    tracks `left_right` and `back_forth` (t,), where the gripper is along each axis of the table, -1 .. 1, `gripper`
    (t, 2), where its fingertips are in the picture, and `objects` (t, 4, 2), where the things stand in it.
    """

    looks = SCENES

    def _motion(self, draw: Callable[[], float]) -> dict[str, float]:
        return draw_motion(draw)

    def _film(
        self, label: str | None, appearance: Mapping[str, Value], motion: Mapping[str, float]
    ) -> tuple[Canvas, Tracks]:
        numbers = range(1, THINGS + 1)
        path = gripper_path(motion, self.frames)
        kinds = [str(appearance[f"thing{i}"]) for i in numbers]
        start = [(motion[f"x{i}"], motion[f"y{i}"]) for i in numbers]
        places = push(path, start, [RADII[kind] for kind in kinds])
        canvas = Canvas(draw_table(appearance, self.resolution), self.frames, [ARM, GRIPPER, OBJECTS])
        things = [
            Thing(canvas, kind, rgb(appearance[f"color{i}"]), places[:, i - 1])
            for i, kind in zip(numbers, kinds, strict=True)
        ]
        things.sort(key=lambda thing: thing.place[0, 1])  # from back to front
        arm = Arm(canvas, appearance, path)
        arm.draw_base()
        for thing in things:
            thing.draw((thing.place[:, 1] <= path[:, 1]).astype(float))
        arm.draw()
        for thing in things:
            thing.draw((thing.place[:, 1] > path[:, 1]).astype(float))
        tips = project(path[:, 0], path[:, 1], 0.06)
        feet = project(places[..., 0], places[..., 1], 0.0)
        return canvas, {
            **{axis: path[:, i] for i, axis in enumerate(AXES)},
            "gripper": tips,
            "objects": feet,
        }
