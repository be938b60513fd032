"""Draws what is behind and below a face: the wall, the shoulders, what they wear, and the neck."""

from collections.abc import Mapping

import numpy as np

from vg_video.data.synthetic.canvas import each, ellipse_distance, points, rounded
from vg_video.data.synthetic.faces.head import Head
from vg_video.data.synthetic.looks import Color, Value, blend, rgb
from vg_video.data.synthetic.rooms import grid, pattern, tint, wave

WIDE, TALL = 0.41, 0.26  # of the shoulders, half, in heights of the frame
NECK = 0.118  # half width
THROAT = 0.815  # where the neck comes out of the shirt, below the upper edge
SHADE = rgb("#5e2a1f")


def draw_backdrop(look: Mapping[str, Value], resolution: int) -> np.ndarray:
    """Draw the wall behind: (3, resolution, resolution), 0 .. 255."""
    x, y = grid(resolution)
    light = 1.06 - 0.5 * ((x - 0.3) ** 2 + (y - 0.2) ** 2)
    if look["backdrop"] == "sun":  # a disc behind the head
        distance = np.sqrt((x - 0.5) ** 2 + (y - 0.45) ** 2) - 0.43
        light = light + 0.10 * (0.5 - distance * resolution).clip(0, 1)
    else:
        light = light * pattern(str(look["backdrop"]), x, y)
    return tint(rgb(look["wall"]), light).clip(0, 255)


class Clothes:
    """Shoulders in a shirt, and the neck that comes out of it; sizes are in heights of the frame.

    Args:
        head: whom they carry.
        look: as FACES has it.
        x: where they stand, from the left edge.
    """

    def __init__(self, head: Head, look: Mapping[str, Value], x: float) -> None:
        self.head, self.canvas, self.look = head, head.canvas, look
        self.resolution = self.canvas.resolution
        self.skin, self.shirt = rgb(look["skin"]), rgb(look["shirt"])
        self.throat = np.array([[x, THROAT]]) * self.resolution
        corners = self.throat + self.resolution * np.array([[-WIDE, -0.16], [WIDE, 1 - THROAT]])
        self.patch = self.canvas.patch(corners, 1.0)
        left, top = points(self.throat)
        self.x, self.y = (self.patch.x - left) / self.resolution, (self.patch.y - top) / self.resolution

    def draw(self) -> None:
        """Draw shirt, neck and collar."""
        top, dark = self.look["top"], blend(self.shirt, (20.0, 16.0, 24.0), 0.30)
        if top == "hood":
            self._oval(0.23, 0.115, -0.01, blend(self.shirt, (20.0, 16.0, 24.0), 0.12))
            self._oval(0.175, 0.085, -0.02, blend(self.shirt, (20.0, 16.0, 24.0), 0.55))
        self._shirt()
        if top in ("crew", "stripes"):
            self._oval(NECK + 0.024, 0.089, 0.0, dark)
        if top == "hood":
            self._oval(NECK + 0.05, 0.115, 0.01, dark)
        if top in ("v-neck", "collar"):
            self._fill(self._wedge(0.155), dark)
        self._neck()
        if top in ("v-neck", "collar"):
            self._fill(self._wedge(0.135), self.skin)
        if top == "collar":
            self._flaps()

    def _shirt(self) -> None:
        nx, ny = self.x / WIDE, np.minimum((self.y - TALL - 0.005) / TALL, 0)
        distance = (rounded(nx, ny, 0.5) - 1) * TALL
        light = 1.05 - 0.6 * (self.x + 0.12) * (self.x + 0.12) - 0.3 * np.maximum(self.y, 0)
        if self.look["top"] == "stripes":
            light = light * (1 - 0.30 * (wave(self.y * 10) * 5).clip(0, 1))
        self._fill(distance, self.shirt, light)

    def _neck(self) -> None:
        """From the jaw into the shirt, in the shade of the chin."""
        radius = NECK * self.resolution
        high = self.head.place(0.0, 0.5, -0.1)
        low = np.broadcast_to(self.throat - [0.0, 0.04 * self.resolution], high.shape)
        self.canvas.capsule(high, low, (0.95 * radius, radius), blend(self.skin, SHADE, 0.16))
        chin = self.head.place(0.0, 0.98, 0.0)
        self.canvas.shadow(chin, (0.085 * self.resolution, 0.045 * self.resolution), 0.28)

    def _wedge(self, depth: float) -> np.ndarray:
        """About the signed distance from a V below the neck."""
        return np.maximum(0.8 * np.abs(self.x) + 0.6 * (self.y - depth), -0.02 - self.y)

    def _flaps(self) -> None:
        """The two halves of a collar."""
        x, y = np.abs(self.x), self.y
        inner = 0.085 - 0.8 * x - 0.6 * (y + 0.01)
        outer = 0.86 * x + 0.5 * y - 0.155
        lower = 0.55 * y - 0.84 * x + 0.035
        flap = np.maximum(np.maximum(inner, outer), np.maximum(lower, -0.075 - y))
        self._fill(flap - 0.008, blend(self.shirt, (20.0, 16.0, 24.0), 0.35))
        self._fill(flap, blend(self.shirt, (255.0, 255.0, 255.0), 0.22))

    def _oval(self, rx: float, ry: float, below: float, color: Color) -> None:
        nx, ny = self.x / rx, (self.y - below) / ry
        self._fill(ellipse_distance(nx, ny, rx, ry), color)

    def _fill(self, distance: np.ndarray, color: Color, shade: np.ndarray | None = None) -> None:
        self.canvas.paint(self.patch, distance * each(float(self.resolution)), color, shade=shade)
