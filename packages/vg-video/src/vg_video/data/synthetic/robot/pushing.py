"""How a gripper moves over a table, and the things on it that are in its way.

Places are (x, y) on the table: -1 .. 1 from left to right and from the back to the front.
"""

from collections.abc import Callable, Mapping
from math import sqrt

import numpy as np

from vg_video.data.synthetic.canvas import snap

AXES = ("left_right", "back_forth")
MIDDLE = {"left_right": 0.0, "back_forth": 0.1}  # of the gripper's paths
REACH = {"left_right": 0.9, "back_forth": 0.7}  # farthest that the gripper goes from there
GRIPPER = 0.17  # its radius
BOUNDS = ((-1.0, 1.0), (-0.68, 0.95))  # along x and y, between which the middle of a thing stays
STEPS = 4  # of a push in each frame
SECOND = 1.618  # pace of the second wave of a path, against the first one's
CELLS = ((-0.52, -0.36), (0.52, -0.34), (0.54, 0.52), (-0.52, 0.54))  # a thing in each, at the start

Place = tuple[float, float]


def draw_motion(draw: Callable[[], float]) -> dict[str, float]:
    """Choose the path of the gripper, for each axis on its own, and where things lie at the start."""
    motion: dict[str, float] = {}
    for axis, reach in REACH.items():
        motion[f"{axis}_reach"] = reach * (0.45 + 0.55 * draw())
        motion[f"{axis}_pace"] = 0.024 + 0.030 * draw()  # cycles per frame
        motion[f"{axis}_phase"] = draw()
    first = int(len(CELLS) * draw())
    for number in range(len(CELLS)):
        x, y = CELLS[(first + number) % len(CELLS)]
        motion[f"x{number + 1}"] = x + 0.36 * (draw() - 0.5)
        motion[f"y{number + 1}"] = y + 0.36 * (draw() - 0.5)
    return motion


def gripper_path(motion: Mapping[str, float], frames: int) -> np.ndarray:
    """Follow the gripper: (t, 2), never the same again."""
    columns = []
    for axis in AXES:
        cycles = motion[f"{axis}_pace"] * np.arange(frames) + motion[f"{axis}_phase"]
        wave = 0.75 * np.sin(2 * np.pi * cycles) + 0.25 * np.sin(
            2 * np.pi * (SECOND * cycles + 2 * motion[f"{axis}_phase"])
        )
        columns.append(MIDDLE[axis] + motion[f"{axis}_reach"] * wave)
    return snap(np.stack(columns, -1)).astype(np.float64)


def push(path: np.ndarray, start: list[Place], radii: list[float]) -> np.ndarray:
    """Move things out of the way of the gripper and of each other, without momentum.

    Args:
        path: of the gripper, (t, 2).
        start: where each thing lies.
        radii: how large each is.
    Returns:
        Where the things are in each frame, (t, things, 2).
    """
    things, seen = list(start), []
    before = tuple(path[0])
    for here in path.tolist():
        for step in range(1, STEPS + 1):
            share = step / STEPS
            at = (before[0] + share * (here[0] - before[0]), before[1] + share * (here[1] - before[1]))
            _settle(things, radii, at)
        before = here
        seen.append(list(things))
    return np.array(seen)


def _settle(things: list[Place], radii: list[float], gripper: Place) -> None:
    """Resolve all overlaps once, in place: the gripper does not give way, things share it, the bounds stop them."""
    pushes = [_overlap(thing, gripper, radius + GRIPPER) for thing, radius in zip(things, radii, strict=True)]
    if not any(dx or dy for dx, dy in pushes):
        return
    for i, (dx, dy) in enumerate(pushes):
        things[i] = things[i][0] + dx, things[i][1] + dy
    for i in range(len(things)):
        for j in range(i):
            dx, dy = _overlap(things[i], things[j], radii[i] + radii[j])
            things[i] = things[i][0] + dx / 2, things[i][1] + dy / 2
            things[j] = things[j][0] - dx / 2, things[j][1] - dy / 2
    (left, right), (back, front) = BOUNDS
    for i, (x, y) in enumerate(things):
        things[i] = min(max(x, left), right), min(max(y, back), front)


def _overlap(a: Place, b: Place, apart: float) -> Place:
    """By how much `a` must move to be so far apart from `b`."""
    dx, dy = a[0] - b[0], a[1] - b[1]
    distance = sqrt(dx * dx + dy * dy)
    if distance >= apart:
        return 0.0, 0.0
    if distance == 0:
        return apart, 0.0
    more = apart / distance - 1
    return more * dx, more * dy
