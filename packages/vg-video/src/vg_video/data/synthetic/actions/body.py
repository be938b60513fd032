"""Draws a person and the room behind."""

from typing import Any

import numpy as np
from PIL import ImageColor

from vg_video.data.figures.canvas import Canvas
from vg_video.data.figures.poses import HEAD, HIPS, SHOULDERS, Limb, Pose

HORIZON = 0.80  # where the floor begins, of the frame's height
STAND = 0.91  # where the feet stand
FAR = 0.80  # brightness of the far arm and leg, seen from the side


def draw_room(factors: dict[str, Any], resolution: int) -> np.ndarray:
    """Draw a wall with a pattern and a floor, lit from the upper left: (resolution, resolution, 3), 0 .. 255."""
    y, x = (np.mgrid[:resolution, :resolution] + 0.5) / resolution
    light = 1.08 - 0.35 * ((x - 0.3) ** 2 + (y - 0.25) ** 2)
    wall = rgb(factors["wall"]) * (light * _pattern(factors["pattern"], x, y))[..., None]
    depth = ((y - HORIZON) / (1 - HORIZON)).clip(0, 1)
    floor = rgb(factors["floor"]) * ((0.82 + 0.25 * depth) * (1.05 - 0.25 * (x - 0.35) ** 2))[..., None]
    on_floor = ((y - HORIZON) * resolution + 0.5).clip(0, 1)[..., None]
    board = (1 - np.abs(y - HORIZON + 0.012) * resolution / 1.2).clip(0, 1)[..., None]  # the skirting board
    return ((wall + (floor - wall) * on_floor) * (1 - 0.22 * board)).clip(0, 255)


def draw_person(canvas: Canvas, pose: Pose, factors: dict[str, Any], x: np.ndarray, facing: np.ndarray) -> None:
    """Draw a person into all frames.

    Args:
        canvas: the frames.
        pose: the joints, in body heights.
        factors: the look, as `identity_factors` gives it.
        x: where the person stands, (t,), of the frame's width.
        facing: (t,), 1 as posed, -1 mirrored.
    """
    _Person(canvas, pose, factors, x, facing).draw()


def rgb(color: str) -> np.ndarray:
    """Turn "#rrggbb" into three numbers, 0 .. 255."""
    return np.array(ImageColor.getrgb(color), np.float32)


class _Person:
    """One figure on its canvas; sizes are in body heights until they are drawn."""

    def __init__(self, canvas: Canvas, pose: Pose, factors: dict[str, Any], x: np.ndarray, facing: np.ndarray) -> None:
        self.canvas, self.pose, self.factors = canvas, pose, factors
        height, width = canvas.pixels.shape[1:3]
        self.origin = np.stack([x * width, np.full_like(x, STAND * height)], -1)
        self.facing = np.stack([facing, np.ones_like(facing)], -1)
        self.scale = factors["height"] * height
        self.girth = factors["girth"]
        self.skin, self.hair, self.shirt, self.trousers, self.shoes = (
            rgb(factors[name]) for name in ("skin", "hair", "shirt", "trousers", "shoes")
        )

    def draw(self) -> None:
        """From back to front."""
        pose = self.pose
        feet = np.stack([pose.pelvis[:, 0], 0 * pose.lift], -1)
        fade = 1 - (2.5 * pose.lift).clip(0, 0.6)
        spread = np.abs(pose.legs[0].end[:, 0] - pose.legs[1].end[:, 0])
        radii = self.scale * np.stack([0.13 + 0.4 * spread, 0.035 + 0 * spread], -1)
        self.canvas.shadow(self._pixel(feet), radii, 0.5 * fade)
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

    def _leg(self, leg: Limb, light: float, sign: int) -> None:
        """Shoe, shin and thigh; `sign` is the side to which the foot points."""
        toe = np.array([0.075 * sign, 0.004] if self.pose.from_side else [0.02 * sign, 0.022])
        self._part(leg.end, leg.end + toe, (0.026, 0.022), self.shoes * light)
        lower = self.trousers if self.factors["trouser_legs"] == "long" else self.skin
        self._limb(leg.middle, leg.end, (0.037, 0.026), lower * light)
        self._limb(leg.root, leg.middle, (0.052, 0.04), self.trousers * light)

    def _arm(self, arm: Limb, light: float) -> None:
        lower = self.shirt if self.factors["sleeves"] == "long" else self.skin
        self._limb(arm.middle, arm.end, (0.027, 0.021), lower * light)
        beyond = arm.end + 0.12 * (arm.end - arm.middle)
        self._part(arm.end, beyond, (0.026, 0.026), self.skin * light)
        self._limb(arm.root, arm.middle, (0.038, 0.03), self.shirt * light)

    def _trunk(self) -> None:
        pose = self.pose
        spine = pose.chest - pose.pelvis
        hips, shoulders = (0.062, 0.066) if pose.from_side else (HIPS + 0.032, SHOULDERS + 0.012)
        hips, shoulders = hips * self.girth * self.scale, shoulders * self.girth * self.scale
        self._limb(pose.chest - 0.05 * spine, pose.head, (0.03, 0.03), self.skin * 0.9)
        low, middle, high = (self._pixel(pose.pelvis + part * spine) for part in (-0.13, 0.22, 1.03))
        self.canvas.trunk(low, middle, (hips, hips), self.trousers)
        self.canvas.trunk(self._pixel(pose.pelvis + 0.08 * spine), high, (0.97 * hips, shoulders), self.shirt)

    def _head(self) -> None:
        up, forward = self._head_axes()
        back = -0.02 * forward * self.pose.from_side
        center, radius = self.pose.head, 0.36 * HEAD
        self._part(center + 0.016 * up + back, center + 0.03 * up + back, (0.073, 0.068), self.hair)
        if self.factors["hair_style"] == "bun":
            bun = center + 0.1 * up + 2 * back
            self._part(bun, bun, (0.032, 0.032), self.hair)
        face = 0.012 * forward * self.pose.from_side
        self._part(center + face - 0.022 * up, center + face + 0.012 * up, (radius, radius * 1.08), self.skin)
        for place in (0.042,) if self.pose.from_side else (-0.022, 0.022):
            eye = center + 0.004 * up + place * forward
            self._part(eye, eye, (0.0105, 0.0105), rgb("#241a16"))

    def _long_hair(self) -> None:
        if self.factors["hair_style"] == "long":
            up, forward = self._head_axes()
            back = -0.035 * forward * self.pose.from_side
            top, ends = self.pose.head + back + 0.01 * up, self.pose.head + 1.4 * back - 0.1 * up
            self._part(top, ends, (0.07, 0.045 if self.pose.from_side else 0.075), self.hair)

    def _head_axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (t, 2) along the spine and to the right of it."""
        up = self.pose.head - self.pose.chest
        up = up / np.linalg.norm(up, axis=-1, keepdims=True)
        return up, np.stack([-up[:, 1], up[:, 0]], -1)

    def _limb(self, a: np.ndarray, b: np.ndarray, radii: tuple[float, float], color: np.ndarray) -> None:
        """A part whose width grows with the girth."""
        self._part(a, b, (radii[0] * self.girth, radii[1] * self.girth), color)

    def _part(self, a: np.ndarray, b: np.ndarray, radii: tuple[float, float], color: np.ndarray) -> None:
        """A capsule, in body heights."""
        self.canvas.capsule(self._pixel(a), self._pixel(b), (radii[0] * self.scale, radii[1] * self.scale), color)

    def _pixel(self, points: np.ndarray) -> np.ndarray:
        """From body heights around the place on the floor to pixels."""
        return self.origin + self.scale * self.facing * points


def _pattern(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brightness of the wall, about 1."""
    if name == "bricks":
        row = np.floor(y * 10)
        joint = np.maximum(_line(y * 10, 0.07), _line(x * 5 + 0.5 * (row % 2), 0.04))
        return 1 - 0.13 * joint + 0.05 * (((3 * np.floor(x * 5 + 0.5 * (row % 2)) + 7 * row) % 5) / 4 - 0.5)
    if name == "panels":
        return 1 - 0.14 * _line(x * 4 + 0.5, 0.03) - 0.04 * (np.floor(x * 4 + 0.5) % 2)
    if name == "tiles":
        return 1 + 0.05 * np.sin(2 * np.pi * 4 * x) * np.sin(2 * np.pi * 4 * y)
    return np.ones_like(x)


def _line(position: np.ndarray, width: float) -> np.ndarray:
    """1 at the whole numbers, falling to 0 at twice this width beside them."""
    return (2 - np.abs(position - np.round(position)) / width).clip(0, 1)
