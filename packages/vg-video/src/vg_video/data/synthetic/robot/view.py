"""The camera over the table: places in space become places in the picture."""

from collections.abc import Mapping

import numpy as np

from vg_video.data.synthetic.looks import Value, blend, rgb
from vg_video.data.synthetic.rooms import grid, tint

WIDTH = 0.40  # of one unit at the front, in widths of the picture
HEIGHT = 0.60  # of an upright unit, against one that lies across
TOP, DROP = -0.60, 1.47  # where the table would end far away, and how far below that its front is
NEAR, SHRINK = 1.25, 0.25  # how fast things get smaller towards the back
TABLE = 1.2  # half its width and depth
BLACK = (18.0, 16.0, 22.0)


def size_at(y: np.ndarray) -> np.ndarray:
    """How large something looks at this depth of the table, 1 at the front."""
    return 1 / (NEAR - SHRINK * y)


def project(x: np.ndarray, y: np.ndarray, z: np.ndarray | float) -> np.ndarray:
    """Turn places over the table (z: above it) into places in the picture, (..., 2), in widths of it."""
    size = size_at(y)
    return np.stack([0.5 + WIDTH * size * x, TOP + DROP * size - WIDTH * HEIGHT * size * z], -1)


def draw_table(look: Mapping[str, Value], resolution: int) -> np.ndarray:
    """Draw the table before a wall: (3, resolution, resolution), 0 .. 255."""
    x, y = grid(resolution)
    size = np.maximum((y - TOP) / DROP, 0.1)
    across, depth = (x - 0.5) / (WIDTH * size), (NEAR - 1 / size) / SHRINK
    wall = tint(rgb(look["wall"]), 1.05 - 0.55 * ((x - 0.35) ** 2 + (y - 0.1) ** 2))
    light = 1.06 - 0.07 * ((across + 0.5) ** 2 + (depth + 0.2) ** 2) * 0.7
    top = tint(rgb(look["table"]), light * _boards(str(look["boards"]), across, depth))
    back, front = (TOP + DROP / (NEAR - SHRINK * end) for end in (-TABLE, TABLE))
    inside = np.minimum((TABLE - np.abs(across)) * WIDTH * size, y - back) * resolution
    rim = (1 - np.abs(inside - 0.8) / 1.2).clip(0, 1) * 0.18
    edge = tint(blend(rgb(look["table"]), BLACK, 0.45), 1.0 - 0.8 * (y - front).clip(0, 1))
    edge_share = ((y - front) * resolution + 0.5).clip(0, 1)
    top = top * (1 - rim) + (edge - top) * edge_share
    return (wall + (top - wall) * (inside + 0.5).clip(0, 1)).clip(0, 255)


def _boards(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brightness of the table, about 1."""
    if name == "planks":
        board = np.floor(x * 2.5)
        seam = (1 - np.abs(x * 2.5 - np.round(x * 2.5)) / 0.05).clip(0, 1)
        return 1 - 0.16 * seam + 0.06 * (((5 * board) % 3) - 1)
    if name == "squares":
        return 1 + 0.05 * (2 * ((np.floor(x * 2.5) + np.floor(y * 2.5)) % 2) - 1)
    return np.ones_like(x)
