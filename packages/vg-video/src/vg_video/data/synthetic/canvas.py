"""A canvas for short films: soft-edged, shaded shapes from signed distances, drawn into all frames at once.

The pixels are the same, bit for bit, on every machine. What is drawn comes from sines and powers, which differ in the
last bit between processors: `snap` rounds it to a grid far coarser than that. From there on only sums, products,
quotients, square roots and comparisons are used, whose results IEEE 754 fixes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vg_video.data.synthetic.looks import Color

GRID = 4096  # parts of a pixel, or of any other unit, that what is drawn is rounded to
LIGHT = (-0.55, -0.83)  # towards the lamp, up and to the left

Numbers = np.ndarray | float  # a number for each frame, (t,), or one for all


class Patch(NamedTuple):
    """A part of all frames, and where the centers of its pixels are."""

    window: tuple[slice, slice, slice]  # of (t, h, w)
    x: np.ndarray  # (1, 1, w), pixels from the left edge
    y: np.ndarray  # (1, h, 1), pixels from the upper edge


class Canvas:
    """Frames to draw on; coordinates are (x, y) in pixels, y down, and points may differ from frame to frame.

    Attributes:
        pixels: (3, t, h, w) float32, 0 .. 255.
        masks: by name, the share of each pixel that is covered by the shapes of this name and by nothing in front of
            them, (t, h, w), 0 .. 1.
    """

    def __init__(self, background: np.ndarray, frames: int, masks: Sequence[str] = ()) -> None:
        """Start every frame with the background, (3, h, w), and the masks empty."""
        self.pixels = np.repeat(background[:, None].astype(np.float32), frames, 1)
        self.masks = {name: np.zeros(self.pixels.shape[1:], np.float32) for name in masks}

    def patch(self, around: np.ndarray, margin: float) -> Patch:
        """Pick the part of the frames that is at most `margin` away from any of the points `around`, (..., 2)."""
        height, width = self.pixels.shape[2:]
        corners = snap(around).reshape(-1, 2)
        low = np.floor(corners.min(0) - margin - 1).astype(int).clip(0)
        high = np.ceil(corners.max(0) + margin + 1).astype(int).clip(0)
        columns, rows = slice(low[0], min(high[0], width)), slice(low[1], min(high[1], height))
        x = np.arange(width, dtype=np.float32)[columns] + 0.5
        y = np.arange(height, dtype=np.float32)[rows] + 0.5
        return Patch((slice(None), rows, columns), x[None, None], y[None, :, None])

    def paint(
        self,
        patch: Patch,
        distance: np.ndarray,
        color: Color,
        *,
        shade: np.ndarray | None = None,
        opacity: Numbers = 1.0,
        masks: Sequence[str] = (),
    ) -> None:
        """Blend a color in where a signed distance is below 0, with an edge one pixel wide.

        Args:
            patch: where to paint.
            distance: in pixels, negative inside, (t, h, w) of the patch.
            color: red, green and blue, 0 .. 255.
            shade: factors of the color, of the patch's shape.
            opacity: 0 .. 1.
            masks: names of the masks to which the shape belongs; from the others it takes what it hides.
        """
        cover = (0.5 - distance).clip(0, 1)
        if not (isinstance(opacity, float) and opacity == 1.0):
            cover *= each(opacity)
        rest = self.blend(patch, cover, color, shade)
        for name, mask in self.masks.items():
            part = mask[patch.window]
            part *= rest
            if name in masks:
                part += cover

    def blend(self, patch: Patch, share: np.ndarray, color: Color, shade: np.ndarray | None = None) -> np.ndarray:
        """Mix a color in by shares 0 .. 1, (t, h, w) of the patch.

        Returns:
            The shares of what was there before.
        """
        rest = 1 - share
        ink = share if shade is None else share * shade
        for plane, value in zip(self.pixels, color, strict=True):
            part = plane[patch.window]
            part *= rest
            part += ink * value
        return rest

    def capsule(
        self,
        a: np.ndarray,
        b: np.ndarray,
        radii: tuple[Numbers, Numbers],
        color: Color,
        *,
        opacity: Numbers = 1.0,
        masks: Sequence[str] = (),
    ) -> None:
        """Draw a round-ended, tapering limb from a to b, both (t, 2), shaded like a cylinder."""
        patch = self.patch(np.stack([a, b]), float(max(np.max(radii[0]), np.max(radii[1]))))
        ax, ay = points(a)
        bx, by = points(b)
        ux, uy = bx - ax, by - ay
        dx, dy = patch.x - ax, patch.y - ay
        along = ((dx * ux + dy * uy) / np.maximum(ux * ux + uy * uy, 1e-6)).clip(0, 1)
        dx, dy = dx - along * ux, dy - along * uy
        radius = each(radii[0]) + (each(radii[1]) - each(radii[0])) * along
        distance = np.sqrt(dx * dx + dy * dy) - radius
        self.paint(patch, distance, color, shade=round_shade(dx / radius, dy / radius), opacity=opacity, masks=masks)

    def trunk(
        self, a: np.ndarray, b: np.ndarray, widths: tuple[float, float], color: Color, *, masks: Sequence[str] = ()
    ) -> None:
        """Draw a rounded trapezoid from a to b, both (t, 2), of these half widths at the ends."""
        patch = self.patch(np.stack([a, b]), max(widths))
        (ax, ay), (bx, by) = points(a), points(b)
        first, last = each(widths[0]), each(widths[1])
        ux, uy = bx - ax, by - ay
        length = np.sqrt(np.maximum(ux * ux + uy * uy, 1e-6))
        ux, uy = ux / length, uy / length
        dx, dy = patch.x - ax, patch.y - ay
        along, across = dx * ux + dy * uy, dy * ux - dx * uy
        half = first + (last - first) * (along / length).clip(0, 1)
        corner = 0.6 * np.minimum(first, last)
        out_across = np.abs(across) - half + corner
        out_along = np.abs(along - length / 2) - length / 2 + corner
        x, y = np.maximum(out_across, 0), np.maximum(out_along, 0)
        distance = np.sqrt(x * x + y * y) + np.minimum(np.maximum(out_across, out_along), 0) - corner
        self.paint(patch, distance, color, shade=round_shade(-uy * across / half, ux * across / half), masks=masks)

    def polygon(self, corners: np.ndarray, color: Color, *, opacity: Numbers = 1.0, masks: Sequence[str] = ()) -> None:
        """Draw a flat convex polygon; its corners (n, t, 2) go round clockwise."""
        patch = self.patch(corners, 1.0)
        plane = away = None  # signed distance from the nearest edge made endless, and distance from the nearest edge
        for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):
            (ax, ay), (bx, by) = points(a), points(b)
            ux, uy = bx - ax, by - ay
            dx, dy = patch.x - ax, patch.y - ay
            square = np.maximum(ux * ux + uy * uy, 1e-6)
            side = (uy * dx - ux * dy) / np.sqrt(square)
            along = ((dx * ux + dy * uy) / square).clip(0, 1)
            dx, dy = dx - along * ux, dy - along * uy
            edge = np.sqrt(dx * dx + dy * dy)
            plane = side if plane is None else np.maximum(plane, side)
            away = edge if away is None else np.minimum(away, edge)
        self.paint(patch, np.where(plane < 0, plane, np.maximum(plane, away)), color, opacity=opacity, masks=masks)

    def ellipse(
        self,
        center: np.ndarray,
        radii: tuple[Numbers, Numbers],
        color: Color,
        *,
        opacity: Numbers = 1.0,
        masks: Sequence[str] = (),
    ) -> None:
        """Draw an upright ellipse around each center (t, 2), shaded like a ball."""
        patch = self.patch(center, float(max(np.max(radii[0]), np.max(radii[1]))))
        (cx, cy), rx, ry = points(center), each(radii[0]), each(radii[1])
        nx, ny = (patch.x - cx) / rx, (patch.y - cy) / ry
        distance = ellipse_distance(nx, ny, rx, ry)
        self.paint(patch, distance, color, shade=round_shade(nx, ny), opacity=opacity, masks=masks)

    def shadow(self, center: np.ndarray, radii: tuple[Numbers, Numbers], depth: Numbers) -> None:
        """Darken a soft ellipse around each center (t, 2) by `depth`, 0 .. 1; it ends at twice the radii."""
        patch = self.patch(center, 2 * float(max(np.max(radii[0]), np.max(radii[1]))))
        (cx, cy), rx, ry = points(center), each(radii[0]), each(radii[1])
        nx, ny = (patch.x - cx) / rx, (patch.y - cy) / ry
        fall = np.maximum(1 - (nx * nx + ny * ny) / 4, 0)
        self.blend(patch, each(depth) * (fall * fall * fall), (0.0, 0.0, 0.0))

    def film(self) -> np.ndarray:
        """The frames, uint8 (t, h, w, 3)."""
        frames = np.empty((*self.pixels.shape[1:], 3), np.uint8)
        for channel, plane in enumerate(self.pixels):
            frames[..., channel] = _bytes(plane)
        return frames

    def mask(self, name: str) -> np.ndarray:
        """A mask, uint8 (t, h, w): how much of each pixel is covered, in 255ths."""
        return _bytes(255 * self.masks[name])


def snap(values: Numbers) -> np.ndarray:
    """Round to 1 / GRID, as float32."""
    return (np.round(np.multiply(values, GRID)) / GRID).astype(np.float32)


def each(values: Numbers) -> Numbers:
    """Numbers over time (t,) as (t, 1, 1), to meet pixels, and one for all as it is; rounded to the grid."""
    if isinstance(values, np.ndarray):
        return snap(values)[:, None, None]
    return round(values * GRID) / GRID


def points(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates x and y of points (t, 2), each as (t, 1, 1)."""
    on_grid = snap(values)[:, None, None]
    return on_grid[..., 0], on_grid[..., 1]


def ellipse_distance(nx: np.ndarray, ny: np.ndarray, rx: Numbers, ry: Numbers) -> np.ndarray:
    """About the signed distance from an ellipse, exact on its edge, for points given as shares of its radii."""
    reach = np.sqrt(nx * nx + ny * ny)
    mx, my = nx / rx, ny / ry
    return reach * (reach - 1) / np.sqrt(np.maximum(mx * mx + my * my, 1e-9))


def rounded(nx: np.ndarray, ny: np.ndarray, square: Numbers) -> np.ndarray:
    """How far a point is from the middle of a round or angular shape, 1 on its edge.

    Args:
        nx, ny: the point, as shares of the radii.
        square: 0 for an ellipse, 1 for a rectangle.
    """
    xx, yy = nx * nx, ny * ny
    return np.sqrt(np.maximum(xx + yy - square * np.minimum(xx, 1) * np.minimum(yy, 1), 0))


def round_shade(nx: np.ndarray, ny: np.ndarray) -> np.ndarray:
    """Brightness of a round body with this slope, lit from LIGHT and darker towards its edge."""
    lit = nx * (0.16 * LIGHT[0]) + ny * (0.16 * LIGHT[1])
    return 1 + lit - 0.14 * np.minimum(nx * nx + ny * ny, 1)


def _bytes(values: np.ndarray) -> np.ndarray:
    """Rounded to 0 .. 255."""
    return (values + 0.5).clip(0, 255).astype(np.uint8)
