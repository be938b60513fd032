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

    window: tuple[slice, slice]  # rows and columns
    x: np.ndarray  # (1, 1, w), pixels from the left edge
    y: np.ndarray  # (1, h, 1), pixels from the upper edge

    def rows(self, rows: slice) -> "Patch":
        """Some of its rows."""
        lines, columns = self.window
        part = slice(lines.start + rows.start, lines.start + rows.stop)
        return Patch((part, columns), self.x, self.y[:, rows])


class Canvas:
    """Frames to draw on; coordinates are (x, y) in pixels, y down, and points may differ from frame to frame.

    Attributes:
        pixels: (3, t, h, w) float32, 0 .. 255.
        masks: by name, the share of each pixel that is covered by the shapes of this name and by nothing in front of
            them, (t, h, w), 0 .. 1.
        resolution: pixels of a frame, height and width.
    """

    def __init__(self, background: np.ndarray, frames: int, masks: Sequence[str] = ()) -> None:
        """Start every frame with the background, (3, h, w), and the masks empty."""
        self.resolution = background.shape[-1]
        self._layers = np.zeros((3 + len(masks), frames, *background.shape[1:]), np.float32)  # colors, then masks
        self._layers[:3] = background[:, None]
        self._used = 3  # layers: masks behind them are still empty
        self._names = tuple(masks)
        self.pixels, self.masks = self._layers[:3], dict(zip(masks, self._layers[3:], strict=True))

    def patch(self, around: np.ndarray, margin: float) -> Patch:
        """Pick the part of the frames that is at most `margin` away from any of the points `around`, (..., 2)."""
        corners = snap(around).reshape(-1, 2)
        low = np.floor(corners.min(0) - margin - 1).astype(int).clip(0)
        high = np.ceil(corners.max(0) + margin + 1).astype(int).clip(0)
        columns, rows = slice(low[0], high[0]), slice(low[1], high[1])
        centers = np.arange(self.resolution, dtype=np.float32) + 0.5
        x, y = centers[columns], centers[rows]
        return Patch((rows, columns), x[None, None], y[None, :, None])

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
            cover = cover * each(opacity)
        part = self._layers[: self._used, :, *patch.window]
        part *= 1 - cover
        part[:3] += (cover if shade is None else cover * shade) * _ink(color)
        for name in masks:
            self.masks[name][:, *patch.window] += cover
            self._used = max(self._used, 4 + self._names.index(name))

    def blend(self, patch: Patch, share: np.ndarray, color: Color) -> None:
        """Mix a color in by shares 0 .. 1, (t, h, w) of the patch; the masks stay as they are."""
        part = self.pixels[..., *patch.window]
        part += share * (_ink(color) - part)

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
        x, y = np.moveaxis(snap(corners)[..., None, None], 2, 0)
        planes: list[np.ndarray] = []  # signed distances from the edges made endless
        edges: list[np.ndarray] = []  # distances from the edges
        for i in range(len(corners)):
            ux, uy = x[i] - x[i - 1], y[i] - y[i - 1]
            dx, dy = patch.x - x[i - 1], patch.y - y[i - 1]
            square = np.maximum(ux * ux + uy * uy, 1e-6)
            planes.append((uy * dx - ux * dy) / np.sqrt(square))
            along = ((dx * ux + dy * uy) / square).clip(0, 1)
            dx, dy = dx - along * ux, dy - along * uy
            edges.append(np.sqrt(dx * dx + dy * dy))
        plane: np.ndarray = np.maximum.reduce(planes)
        edge: np.ndarray = np.minimum.reduce(edges)
        self.paint(patch, np.where(plane < 0, plane, np.maximum(plane, edge)), color, opacity=opacity, masks=masks)

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
        nx: x of the point, as a share of the radius.
        ny: y of the point, likewise.
        square: 0 for an ellipse, 1 for a rectangle.
    """
    xx, yy = nx * nx, ny * ny
    return np.sqrt(np.maximum(xx + yy - square * np.minimum(xx, 1) * np.minimum(yy, 1), 0))


def round_shade(nx: np.ndarray, ny: np.ndarray) -> np.ndarray:
    """Brightness of a round body with this slope, lit from LIGHT and darker towards its edge."""
    lit = nx * (0.16 * LIGHT[0]) + ny * (0.16 * LIGHT[1])
    return 1 + lit - 0.14 * np.minimum(nx * nx + ny * ny, 1)


def _ink(color: Color) -> np.ndarray:
    """A color to meet pixels, (3, 1, 1, 1)."""
    return np.array(color, np.float32)[:, None, None, None]


def _bytes(values: np.ndarray) -> np.ndarray:
    """Rounded to 0 .. 255."""
    return (values + 0.5).clip(0, 255).astype(np.uint8)
