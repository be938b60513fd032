"""Draws a person and the room behind."""

from collections.abc import Mapping

import numpy as np

from vg_video.data.synthetic.actions.skeleton import HEAD, HIPS, SHOULDERS, Limb, Pose
from vg_video.data.synthetic.canvas import Canvas
from vg_video.data.synthetic.looks import Color, Value, rgb
from vg_video.data.synthetic.rooms import grid, pattern, tint

HORIZON = 0.80  # where the floor begins, of the frame's height
STAND = 0.91  # where the feet stand
FAR = 0.80  # brightness of the far arm and leg, seen from the side
MASK = "person"
EYE = rgb("#241a16")


def draw_room(look: Mapping[str, Value], resolution: int) -> np.ndarray:
    """Draw a wall with a pattern and a floor: (3, resolution, resolution), 0 .. 255."""
    x, y = grid(resolution)
    light = 1.08 - 0.35 * ((x - 0.3) ** 2 + (y - 0.25) ** 2)
    wall = tint(rgb(look["wall"]), light * pattern(str(look["pattern"]), x, y))
    depth = ((y - HORIZON) / (1 - HORIZON)).clip(0, 1)
    floor = tint(rgb(look["floor"]), (0.82 + 0.25 * depth) * (1.05 - 0.25 * (x - 0.35) ** 2))
    on_floor = ((y - HORIZON) * resolution + 0.5).clip(0, 1)
    board = (1 - np.abs(y - HORIZON + 0.012) * resolution / 1.2).clip(0, 1)  # the skirting board
    return ((wall + (floor - wall) * on_floor) * (1 - 0.22 * board)).clip(0, 255)


class Person:
    """One figure on its canvas; sizes are in body heights until they are drawn.

    Args:
        canvas: the frames, with a mask named MASK.
        pose: the joints, in body heights.
        look: as FIGURES has it.
        x: where the person stands, (t,), of the frame's width.
        facing: (t,), 1 as posed, -1 mirrored, and what lies between while the person turns.
    """

    def __init__(
        self, canvas: Canvas, pose: Pose, look: Mapping[str, Value], x: np.ndarray, facing: np.ndarray
    ) -> None:
        self.canvas, self.pose, self.look = canvas, pose, look
        self.resolution = canvas.resolution
        self.origin = self.resolution * np.stack([x, np.full_like(x, STAND)], -1)
        self.facing = np.stack([facing, np.ones_like(facing)], -1)
        self.scale = float(look["height"]) * self.resolution
        self.girth = float(look["girth"])

    def draw(self) -> None:
        """Draw shadow and person, from back to front."""
        pose = self.pose
        feet = np.stack([pose.pelvis[:, 0], 0 * pose.lift], -1)
        spread = np.abs(pose.legs[0].end[:, 0] - pose.legs[1].end[:, 0])
        radii = self.scale * (0.13 + 0.4 * spread), self.scale * 0.035
        self.canvas.shadow(self._pixel(feet), radii, 0.5 * (1 - (2.5 * pose.lift).clip(0, 0.6)))
        far = FAR if pose.from_side else 1.0
        if pose.from_side:
            self._arm(pose.arms[0], far)
        for leg, light, sign in zip(pose.legs, (far, 1.0), (1, 1) if pose.from_side else (-1, 1), strict=True):
            self._leg(leg, light, sign)
        self._long_hair()
        self._trunk()
        self._head()
        if not pose.from_side:
            self._arm(pose.arms[0], 1.0)
        self._arm(pose.arms[1], 1.0)

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Turn body heights around the place on the floor, (t, 2), into widths of the frame."""
        return self._pixel(points) / self.resolution

    def _leg(self, leg: Limb, light: float, sign: int) -> None:
        """Shoe, shin and thigh; `sign` is the side to which the foot points."""
        toe = np.array([0.075 * sign, 0.004] if self.pose.from_side else [0.02 * sign, 0.022])
        self._part(leg.end, leg.end + toe, (0.026, 0.022), self._color("shoes", light))
        lower = "trousers" if self.look["trouser_legs"] == "long" else "skin"
        self._limb(leg.middle, leg.end, (0.037, 0.026), self._color(lower, light))
        self._limb(leg.root, leg.middle, (0.052, 0.04), self._color("trousers", light))

    def _arm(self, arm: Limb, light: float) -> None:
        lower = "shirt" if self.look["sleeves"] == "long" else "skin"
        self._limb(arm.middle, arm.end, (0.027, 0.021), self._color(lower, light))
        beyond = arm.end + 0.12 * (arm.end - arm.middle)
        self._part(arm.end, beyond, (0.026, 0.026), self._color("skin", light))
        self._limb(arm.root, arm.middle, (0.038, 0.03), self._color("shirt", light))

    def _trunk(self) -> None:
        pose = self.pose
        spine = pose.chest - pose.pelvis
        hips, shoulders = (0.062, 0.066) if pose.from_side else (HIPS + 0.032, SHOULDERS + 0.012)
        hips, shoulders = hips * self.girth * self.scale, shoulders * self.girth * self.scale
        self._limb(pose.chest - 0.05 * spine, pose.head, (0.03, 0.03), self._color("skin", 0.9))
        low, middle, high = (self._pixel(pose.pelvis + part * spine) for part in (-0.13, 0.22, 1.03))
        self.canvas.trunk(low, middle, (hips, hips), self._color("trousers"), masks=[MASK])
        low = self._pixel(pose.pelvis + 0.08 * spine)
        self.canvas.trunk(low, high, (0.97 * hips, shoulders), self._color("shirt"), masks=[MASK])

    def _head(self) -> None:
        up, forward = self._head_axes()
        back = -0.02 * forward * self.pose.from_side
        center, radius = self.pose.head, 0.36 * HEAD
        self._part(center + 0.016 * up + back, center + 0.03 * up + back, (0.073, 0.068), self._color("hair"))
        if self.look["hair_style"] == "bun":
            bun = center + 0.1 * up + 2 * back
            self._part(bun, bun, (0.032, 0.032), self._color("hair"))
        face = 0.012 * forward * self.pose.from_side
        chin, brow = center + face - 0.022 * up, center + face + 0.012 * up
        self._part(chin, brow, (radius, radius * 1.08), self._color("skin"))
        for place in (0.042,) if self.pose.from_side else (-0.022, 0.022):
            eye = center + 0.004 * up + place * forward
            self._part(eye, eye, (0.0105, 0.0105), EYE)

    def _long_hair(self) -> None:
        if self.look["hair_style"] == "long":
            up, forward = self._head_axes()
            back = -0.035 * forward * self.pose.from_side
            top, ends = self.pose.head + back + 0.01 * up, self.pose.head + 1.4 * back - 0.1 * up
            self._part(top, ends, (0.07, 0.045 if self.pose.from_side else 0.075), self._color("hair"))

    def _head_axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (t, 2) along the spine and to the right of it."""
        up = self.pose.head - self.pose.chest
        up = up / np.linalg.norm(up, axis=-1, keepdims=True)
        return up, np.stack([-up[:, 1], up[:, 0]], -1)

    def _color(self, name: str, light: float = 1.0) -> Color:
        return rgb(self.look[name], light)

    def _limb(self, a: np.ndarray, b: np.ndarray, radii: tuple[float, float], color: Color) -> None:
        """A part whose width grows with the girth."""
        self._part(a, b, (radii[0] * self.girth, radii[1] * self.girth), color)

    def _part(self, a: np.ndarray, b: np.ndarray, radii: tuple[float, float], color: Color) -> None:
        """A capsule, in body heights."""
        wide = radii[0] * self.scale, radii[1] * self.scale
        self.canvas.capsule(self._pixel(a), self._pixel(b), wide, color, masks=[MASK])

    def _pixel(self, points: np.ndarray) -> np.ndarray:
        """From body heights around the place on the floor to pixels."""
        return self.origin + self.scale * self.facing * points
