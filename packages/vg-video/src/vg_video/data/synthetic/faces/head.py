"""The geometry of a turning head: places on it become places on the canvas."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vg_video.data.synthetic.canvas import Canvas, Numbers, Patch, each, ellipse_distance, points, rounded
from vg_video.data.synthetic.faces.looks import Bones
from vg_video.data.synthetic.looks import Color

HEAD = "head"  # the mask


class Spot(NamedTuple):
    """A part of the canvas in the coordinates of the head around one place of it, in half heights of the head."""

    patch: Patch
    u: np.ndarray  # to the right, (t, h, w)
    v: np.ndarray  # towards the chin


class Head:
    """A head over time. Its coordinates (u, v, depth) are in half heights of it: right, down, and out of the picture.

    Args:
        canvas: the frames.
        center: of the head, in pixels, (t, 2).
        unit: half the height of the head, in pixels.
        angles: yaw, pitch and roll in degrees, each (t,).
    """

    def __init__(
        self, canvas: Canvas, center: np.ndarray, unit: float, angles: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        self.canvas, self.center, self.unit = canvas, center, unit
        yaw, pitch, self._roll = (np.radians(angle) for angle in angles)
        self._yaw, self._pitch = (np.sin(yaw), np.cos(yaw)), (np.sin(pitch), np.cos(pitch))
        self._axis = np.stack([np.cos(self._roll), np.sin(self._roll)], -1)  # of u, in the picture

    def turned(self, u: Numbers, v: Numbers, depth: float) -> tuple[np.ndarray, np.ndarray]:
        """Find where yaw and pitch take a place of the head: u and v, each (t,)."""
        return u * self._yaw[1] + depth * self._yaw[0], v * self._pitch[1] + depth * self._pitch[0]

    def place(self, u: Numbers, v: Numbers, depth: float) -> np.ndarray:
        """Find a place of the head in the picture, in pixels, (t, 2)."""
        right, down = self.turned(u, v, depth)
        cos, sin = self._axis.T
        return self.center + self.unit * np.stack([right * cos - down * sin, right * sin + down * cos], -1)

    def narrowed(self, u: float, depth: float) -> np.ndarray:
        """How wide something at this place looks, (t,): less where the head turns it away."""
        return np.maximum(self._yaw[1] - u / depth * self._yaw[0], 0.3)

    def spot(self, u: Numbers, v: Numbers, depth: float, reach: tuple[float, float]) -> Spot:
        """Coordinates around a place, up to so many half heights away from it along u and v."""
        place = self.place(u, v, depth)
        along, across = reach[0] * self.unit * self._axis, reach[1] * self.unit * self._axis[:, ::-1] * (-1, 1)
        patch = self.canvas.patch(np.stack([place + i * along + j * across for i in (-1, 1) for j in (-1, 1)]), 1.0)
        x, y = points(place)
        cos, sin = points(self._axis / self.unit)
        dx, dy = patch.x - x, patch.y - y
        return Spot(patch, dx * cos + dy * sin, dy * cos - dx * sin)

    def paint(
        self,
        patch: Patch,
        distance: np.ndarray,
        color: Color,
        *,
        shade: np.ndarray | None = None,
        opacity: Numbers = 1.0,
        masks: Sequence[str] = (HEAD,),
    ) -> None:
        """Paint a part of the head as `Canvas.paint` does, its distance in half heights of the head."""
        self.canvas.paint(patch, distance * each(self.unit), color, shade=shade, opacity=opacity, masks=masks)


def egg(u: np.ndarray, v: np.ndarray, bones: Bones, jaw: Numbers) -> np.ndarray:
    """About the signed distance from the outline of a head.

    Args:
        u: where, in half heights of the head.
        v: likewise, down.
        bones: the shape.
        jaw: how far the chin is down, (t,).
    """
    rx = bones.width * (1 - bones.taper * v)
    ry = 1 + np.where(v > 0, each(jaw), 0)
    nx, ny = u / rx, v / ry
    reach = rounded(nx, ny, np.where(v > 0, bones.square, 0.15))
    mx, my = nx / rx, ny / ry
    return reach * (reach - 1) / np.sqrt(np.maximum(mx * mx + my * my, 1e-6))


def oval(u: np.ndarray, v: np.ndarray, wide: float, tall: float) -> np.ndarray:
    """About the signed distance from an upright ellipse of these radii."""
    return ellipse_distance(u / wide, v / tall, wide, tall)


def lens(
    x: np.ndarray, y: np.ndarray, width: Numbers, top: Numbers, bottom: Numbers, boxy: Numbers = 0.0
) -> np.ndarray:
    """About the signed distance from what lies between two arcs that meet at (-width, 0) and (width, 0).

    Args:
        x: where.
        y: where, down.
        width: half.
        top: height of the upper arc in the middle.
        bottom: of the lower one.
        boxy: 0 for parabolas, 1 for arcs with a flat middle.
    """
    wide, high, low = each(width), each(top), each(bottom)
    s = x / wide
    square = s * s
    arch = (1 - square) * (1 + each(boxy) * square)
    slope = 2 * s * np.maximum(np.abs(high), np.abs(low)) / wide
    between = np.maximum(y - low * arch, high * arch - y) / np.sqrt(1 + slope * slope)
    return np.maximum(between, np.abs(x) - wide)
