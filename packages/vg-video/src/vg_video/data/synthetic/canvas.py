"""A canvas for short films: soft-edged, shaded shapes from signed distances, drawn into all frames at once."""

import numpy as np

LIGHT = np.array([-0.55, -0.83], np.float32)  # towards the lamp, up and to the left


class Canvas:
    """Frames to draw on; coordinates are (x, y) in pixels, y down, and points may differ from frame to frame.

    Attributes:
        pixels: (t, h, w, 3) float32, 0 .. 255.
    """

    def __init__(self, background: np.ndarray, frames: int) -> None:
        """Start every frame with the background, (h, w, 3)."""
        self.pixels = np.repeat(background[None].astype(np.float32), frames, 0)

    def capsule(self, a: np.ndarray, b: np.ndarray, radii: tuple[float, float], color: np.ndarray) -> None:
        """Draw a round-ended, tapering limb from a to b, both (t, 2), shaded like a cylinder."""
        area, x, y = self._area(np.stack([a, b]), max(radii))
        axis = b - a
        along = _dot(x - _at(a, 0), y - _at(a, 1), axis) / _each(np.maximum((axis**2).sum(-1), 1e-6))
        along = along.clip(0, 1)
        dx, dy = x - _at(a, 0) - along * _at(axis, 0), y - _at(a, 1) - along * _at(axis, 1)
        radius = radii[0] + (radii[1] - radii[0]) * along
        self._fill(area, np.sqrt(dx * dx + dy * dy) - radius, dx / radius, dy / radius, color)

    def trunk(self, a: np.ndarray, b: np.ndarray, widths: tuple[float, float], color: np.ndarray) -> None:
        """Draw a rounded trapezoid from a to b, both (t, 2), of these half widths at the ends."""
        area, x, y = self._area(np.stack([a, b]), max(widths))
        axis = b - a
        length = _each(np.maximum(np.sqrt((axis**2).sum(-1)), 1e-6))
        ux, uy = _at(axis, 0) / length, _at(axis, 1) / length
        dx, dy = x - _at(a, 0), y - _at(a, 1)
        along, across = dx * ux + dy * uy, dy * ux - dx * uy
        half = widths[0] + (widths[1] - widths[0]) * (along / length).clip(0, 1)
        corner = 0.6 * min(widths)
        out_across = np.abs(across) - half + corner
        out_along = np.abs(along - length / 2) - length / 2 + corner
        outside = np.sqrt(np.maximum(out_across, 0) ** 2 + np.maximum(out_along, 0) ** 2)
        distance = outside + np.minimum(np.maximum(out_across, out_along), 0) - corner
        self._fill(area, distance, -uy * across / half, ux * across / half, color)

    def shadow(self, center: np.ndarray, radii: np.ndarray, depth: np.ndarray) -> None:
        """Darken a soft ellipse around each center (t, 2), of radii (t, 2), by depth (t,) in 0 .. 1."""
        area, x, y = self._area(center[None], 2.5 * float(radii.max()))
        fall = ((x - _at(center, 0)) / _at(radii, 0)) ** 2 + ((y - _at(center, 1)) / _at(radii, 1)) ** 2
        self.pixels[area] *= (1 - _each(depth) * np.exp(-fall))[..., None]

    def _area(self, points: np.ndarray, margin: float) -> tuple[tuple, np.ndarray, np.ndarray]:
        """The part of the frames around points (n, t, 2), and its pixels' coordinates x (1, 1, w) and y (1, h, 1)."""
        height, width = self.pixels.shape[1:3]
        low = np.floor(points.min((0, 1)) - margin - 1).astype(int).clip(0)
        high = np.ceil(points.max((0, 1)) + margin + 1).astype(int)
        columns, rows = slice(low[0], min(high[0], width)), slice(low[1], min(high[1], height))
        x = np.arange(width, dtype=np.float32)[columns] + 0.5
        y = np.arange(height, dtype=np.float32)[rows] + 0.5
        return (slice(None), rows, columns), x[None, None], y[None, :, None]

    def _fill(self, area: tuple, distance: np.ndarray, nx: np.ndarray, ny: np.ndarray, color: np.ndarray) -> None:
        """Blend a color in where the signed distance (in pixels) is below 0, lit by the surface's slope (nx, ny)."""
        cover = (0.5 - distance).clip(0, 1)[..., None]
        shade = 1 + 0.16 * (nx * LIGHT[0] + ny * LIGHT[1]) - 0.14 * np.minimum(nx * nx + ny * ny, 1)
        part = self.pixels[area]
        part += cover * (shade[..., None] * color.astype(np.float32) - part)


def _each(values: np.ndarray) -> np.ndarray:
    """Values over time (t,) as (t, 1, 1), to meet pixels."""
    return values.astype(np.float32)[:, None, None]


def _at(points: np.ndarray, axis: int) -> np.ndarray:
    """One coordinate of points (t, 2) as (t, 1, 1)."""
    return _each(points[:, axis])


def _dot(x: np.ndarray, y: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Scalar product of pixel offsets with vectors (t, 2)."""
    return x * _at(vector, 0) + y * _at(vector, 1)
