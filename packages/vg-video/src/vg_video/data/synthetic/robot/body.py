"""Draws the arm and the things that it pushes."""

from collections.abc import Mapping

import numpy as np

from vg_video.data.synthetic.canvas import Canvas, Numbers
from vg_video.data.synthetic.looks import Color, Value, blend, rgb
from vg_video.data.synthetic.robot.looks import RADII
from vg_video.data.synthetic.robot.view import BLACK, WIDTH, project, size_at

ARM, GRIPPER, OBJECTS = "arm", "gripper", "objects"  # masks
SHOULDER = np.array([0.0, -1.1, 0.75])  # x, y, z
UPPER, FORE = 1.2, 1.35  # lengths of the links
WRIST, PALM = 0.68, 0.48  # heights over the table
SPREAD = 0.13  # of the fingers, half
TILT = 0.80  # how high a circle on the table looks, against its width
WHITE, BEAK = (255.0, 252.0, 245.0), rgb("#f08a24")


class Thing:
    """Something on the table, of a kind in RADII.

    Args:
        canvas: the frames, with a mask OBJECTS.
        kind: which.
        color: of most of it.
        place: of its foot on the table, (t, 2).
    """

    def __init__(self, canvas: Canvas, kind: str, color: Color, place: np.ndarray) -> None:
        self.canvas, self.kind, self.color, self.place = canvas, kind, color, place
        self.resolution = canvas.resolution
        self.radius = RADII[kind] * WIDTH * self.resolution * size_at(place[:, 1])  # in pixels

    def draw(self, opacity: np.ndarray) -> None:
        """Draw it and its shadow in the frames where `opacity`, (t,), is not 0."""
        if not opacity.any():
            return
        self.canvas.shadow(self._at(0.25, 0.0, 0.0), (1.1 * self.radius, 0.8 * self.radius), 0.42 * opacity)
        {"ball": self._ball, "can": self._can, "cube": self._cube, "duck": self._duck}[self.kind](opacity)

    def _ball(self, opacity: Numbers) -> None:
        self._oval((0.0, 0.0, 1.1), 1.0, 1.0, self.color, opacity)
        self._oval((0.0, 0.0, 1.1), 0.99, 0.3, blend(self.color, WHITE, 0.65), opacity)
        self._oval((-0.35, 0.0, 2.0), 0.22, 0.18, WHITE, 0.8 * opacity)

    def _can(self, opacity: Numbers) -> None:
        wide = 0.96 * self.radius
        low, high = self._at(0, 0, 0.3), self._at(0, 0, 2.2)
        self.canvas.capsule(low, high, (wide, wide), self.color, opacity=opacity, masks=[OBJECTS])
        self._oval((0, 0, 2.5), 0.96, 0.96 * TILT, blend(self.color, WHITE, 0.55), opacity)
        self._oval((0, 0, 2.5), 0.72, 0.72 * TILT, blend(self.color, BLACK, 0.25), opacity)

    def _cube(self, opacity: Numbers) -> None:
        """The faces that the camera sees: front, top, and the side that looks to the middle of the table."""
        side, top = 0.82, 1.6
        sign = np.where(self.place[:, 0] < 0, 1.0, -1.0)  # of the side that is seen
        inner = side * sign[:, None]
        ring = [self._beside(inner, y, z) for y, z in ((side, 0), (side, top), (-side, top), (-side, 0))]
        clockwise = np.where(sign[:, None] > 0, np.stack(ring), np.stack(ring[::-1]))
        visible = (4 * (np.abs(self.place[:, 0]) - side * RADII["cube"])).clip(0, 1)
        self._face(clockwise, blend(self.color, BLACK, 0.38), opacity * visible)
        front = [self._at(side * x, side, z) for x, z in ((-1, top), (1, top), (1, 0), (-1, 0))]
        self._face(np.stack(front), blend(self.color, BLACK, 0.12), opacity)
        lid = [self._at(side * x, side * y, top) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        self._face(np.stack(lid), blend(self.color, WHITE, 0.28), opacity)

    def _duck(self, opacity: Numbers) -> None:
        body = blend(self.color, WHITE, 0.1)
        self._oval((-0.75, 0, 1.05), 0.35, 0.3, body, opacity)
        self._oval((0, 0, 0.75), 1.0, 0.72, body, opacity)
        self._oval((-0.15, 0.2, 0.9), 0.5, 0.34, blend(self.color, BLACK, 0.16), opacity)
        self._oval((0.78, 0.1, 2.0), 0.36, 0.2, BEAK, opacity)
        self._oval((0.3, 0, 2.2), 0.62, 0.6, body, opacity)
        self._oval((0.45, 0.1, 2.45), 0.13, 0.15, BLACK, opacity)

    def _at(self, x: float, y: float, z: float) -> np.ndarray:
        """Pixels of a point beside the middle of its foot, in radii."""
        return self._beside(np.full((len(self.place), 1), x), y, z)

    def _beside(self, x: np.ndarray, y: float, z: float) -> np.ndarray:
        """The same where x, (t, 1), changes over time."""
        radius = RADII[self.kind]
        return self.resolution * project(self.place[:, 0] + radius * x[:, 0], self.place[:, 1] + radius * y, radius * z)

    def _oval(
        self, where: tuple[float, float, float], wide: float, tall: float, color: Color, opacity: Numbers
    ) -> None:
        radii = wide * self.radius, tall * self.radius
        self.canvas.ellipse(self._at(*where), radii, color, opacity=opacity, masks=[OBJECTS])

    def _face(self, corners: np.ndarray, color: Color, opacity: Numbers) -> None:
        self.canvas.polygon(corners, color, opacity=opacity, masks=[OBJECTS])


class Arm:
    """The arm that holds the gripper over its path.

    Args:
        canvas: the frames, with the masks ARM and GRIPPER.
        look: as SCENES has it.
        path: of the gripper on the table, (t, 2).
    """

    def __init__(self, canvas: Canvas, look: Mapping[str, Value], path: np.ndarray) -> None:
        self.canvas, self.path = canvas, path
        self.resolution = canvas.resolution
        self.skin, self.joint = rgb(look["arm"]), rgb(look["joints"])

    def draw_base(self) -> None:
        """Draw what stands behind everything on the table, and the shadows on it."""
        foot, low, high = (np.array([*SHOULDER[:2], z]) for z in (0.0, 0.1, 0.2))
        for place, wide, depth in ((foot[None, :2], 0.36, 0.45), (self.path, 0.28, 0.4)):
            size = WIDTH * self.resolution * size_at(place[:, 1])
            center = self.resolution * project(place[:, 0], place[:, 1], 0.0)
            self.canvas.shadow(center, (wide * size, 0.7 * wide * size), depth)
        self._part(low, low, (0.24, 0.24), blend(self.joint, BLACK, 0.4))
        self._part(high, SHOULDER, (0.17, 0.15), blend(self.joint, BLACK, 0.2))

    def draw(self) -> None:
        """Draw the links and the hand, which points down and has two fingers."""
        wrist = np.concatenate([self.path, np.full((len(self.path), 1), WRIST)], -1)
        elbow, palm = bent(SHOULDER, wrist), wrist - [0, 0, WRIST - PALM]
        self._part(SHOULDER, SHOULDER, (0.21, 0.21), self.joint)
        self._part(SHOULDER, elbow, (0.16, 0.14), blend(self.skin, BLACK, 0.12))
        self._part(elbow, elbow, (0.17, 0.17), self.joint)
        self._part(elbow, wrist, (0.13, 0.11), self.skin)
        aside = np.array([SPREAD, 0.0, 0.0])
        left, right = palm - aside, palm + aside
        self._part(wrist, palm, (0.12, 0.10), self.joint, GRIPPER)
        for finger in (left, right):
            steel = blend(self.joint, WHITE, 0.15)
            self._part(finger, finger - [0, 0, PALM - 0.06], (0.065, 0.055), steel, GRIPPER)
        self._part(left, right, (0.085, 0.085), self.skin, GRIPPER)

    def _part(self, a: np.ndarray, b: np.ndarray, radii: tuple[float, float], color: Color, *masks: str) -> None:
        """A limb between two places in space, (3,) or (t, 3)."""
        a, b = np.broadcast_arrays(np.atleast_2d(a), np.atleast_2d(b))
        wide = [
            radius * WIDTH * self.resolution * size_at(end[:, 1]) for radius, end in zip(radii, (a, b), strict=True)
        ]
        start, end = (self.resolution * project(*place.T) for place in (a, b))
        self.canvas.capsule(start, end, (wide[0], wide[1]), color, masks=[ARM, *masks])


def bent(shoulder: np.ndarray, wrist: np.ndarray) -> np.ndarray:
    """Find the elbow, (t, 3), over the straight line from the shoulder to the wrist, (t, 3)."""
    line = wrist - shoulder
    distance = np.sqrt((line**2).sum(-1, keepdims=True))
    along = (distance**2 + UPPER**2 - FORE**2) / (2 * distance)
    line = line / distance
    up = np.array([0.0, 0.0, 1.0]) - line * line[:, 2:]
    up = up / np.sqrt((up**2).sum(-1, keepdims=True))
    return shoulder + along * line + np.sqrt(np.maximum(UPPER**2 - along**2, 0)) * up
