"""Backgrounds: walls with a pattern, lit from the upper left."""

import numpy as np

from vg_video.data.synthetic.looks import Color

PATTERNS = ("plain", "bricks", "panels", "tiles")


def grid(resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """The centers of all pixels as x and y, 0 .. 1, each (h, w)."""
    y, x = (np.mgrid[:resolution, :resolution] + 0.5) / resolution
    return x, y


def tint(color: Color, light: np.ndarray) -> np.ndarray:
    """A picture (3, h, w) of one color and this brightness (h, w)."""
    return np.stack([value * light for value in color])


def pattern(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brightness of a wall, about 1, at these places; `name` is one of PATTERNS."""
    if name == "bricks":
        row = np.floor(y * 10)
        along = x * 5 + 0.5 * (row % 2)
        joint = np.maximum(_line(y * 10, 0.07), _line(along, 0.04))
        return 1 - 0.13 * joint + 0.05 * (((3 * np.floor(along) + 7 * row) % 5) / 4 - 0.5)
    if name == "panels":
        return 1 - 0.14 * _line(x * 4 + 0.5, 0.03) - 0.04 * (np.floor(x * 4 + 0.5) % 2)
    if name == "tiles":
        return 1 + 0.05 * wave(4 * x) * wave(4 * y)
    return np.ones_like(x)


def wave(cycles: np.ndarray) -> np.ndarray:
    """About a sine, -1 .. 1, made of parabolas: the same on every machine."""
    part = cycles - np.floor(cycles) - 0.5
    return part * (16 * np.abs(part) - 8)


def _line(position: np.ndarray, width: float) -> np.ndarray:
    """1 at the whole numbers, falling to 0 at twice this width beside them."""
    return (2 - np.abs(position - np.round(position)) / width).clip(0, 1)
