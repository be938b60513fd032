"""Draws the head, its hair and extras, from back to front."""

from collections.abc import Mapping

import numpy as np

from vg_video.data.synthetic.canvas import Patch, each, ellipse_distance, round_shade
from vg_video.data.synthetic.faces.clothes import Clothes
from vg_video.data.synthetic.faces.features import DARK, DEPTH, EYE, HEAD, Features
from vg_video.data.synthetic.faces.head import Head, egg
from vg_video.data.synthetic.faces.looks import HAIR, SHAPES
from vg_video.data.synthetic.looks import Color, Value, blend, rgb
from vg_video.data.synthetic.rooms import wave

EAR = (0.04, 0.17)  # v, and half height
GOLD, RED = rgb("#e3b84f"), rgb("#d8434a")


class Portrait:
    """A head with its hair over the clothes.

    Args:
        head: where it is.
        look: as FACES has it.
        features: its eyes, brows, nose and mouth.
        clothes: what is worn below it.
    """

    def __init__(self, head: Head, look: Mapping[str, Value], features: Features, clothes: Clothes) -> None:
        self.head, self.canvas, self.look = head, head.canvas, look
        self.features, self.clothes, self.rig = features, clothes, features.rig
        self.bones, self.cut = SHAPES[str(look["shape"])], HAIR[str(look["hair_style"])]
        self.skin, self.hair = rgb(look["skin"]), rgb(look["hair"])
        self.patch, self.u, v = head.spot(0.0, 0.03, 0.0, (1.0, 1.17))
        self.v = v + 0.03
        self.outline = egg(self.u, self.v, self.bones, self.rig.jaw)  # signed distance from that of the skin

    def draw(self) -> None:
        """Draw all."""
        self._hair_behind()
        self.clothes.draw()
        self._ears()
        self._face()
        self.features.draw()
        self._hair_in_front()
        if self.look["extra"] == "glasses":
            self._glasses()

    def _hair_behind(self) -> None:
        """What hangs, or stands, behind the head."""
        cut, head = self.cut, self.head
        if cut.bun:
            patch, u, v = head.spot(0.0, -1.12, -0.2, (0.35, 0.32))
            self._fill(
                patch, ellipse_distance(u / 0.33, v / 0.30, 0.33, 0.30), self.hair, round_shade(u / 0.33, v / 0.3)
            )
        if cut.behind:
            wide, top, end = cut.behind
            middle, tall = (top + end) / 2, (end - top) / 2
            patch, u, v = head.spot(0.0, middle, -0.25, (wide + 2 * cut.curls, tall + 2 * cut.curls))
            nx, ny = u / wide, v / tall
            xx, yy = nx * nx, ny * ny
            reach = np.sqrt(np.maximum(xx + yy - 0.72 * xx * yy * (ny > 0), 0))
            distance = (reach - 1) * min(wide, tall) + cut.curls * wave(3.1 * u + 0.4) * wave(3.1 * v)
            self._fill(patch, distance, blend(self.hair, DARK, 0.22), 1 - 0.08 * wave(4 * u) - 0.12 * (ny > 0) * ny)

    def _ears(self) -> None:
        v0, tall = EAR
        for side in (-1, 1):
            place = side * (self.bones.width - 0.02)
            patch, u, v = self.head.spot(place, v0, -0.1, (0.13, 0.19))
            nx, ny = u / 0.11, v / tall
            self._fill(patch, ellipse_distance(nx, ny, 0.11, tall), blend(self.skin, RED, 0.07))
            nx, ny = (u - 0.012 * side) / 0.055, v / (0.6 * tall)
            self._fill(patch, ellipse_distance(nx, ny, 0.055, 0.6 * tall), blend(self.skin, rgb("#7a3326"), 0.3))
            if self.look["extra"] == "earrings":
                patch, u, v = self.head.spot(place + 0.02 * side, v0 + 1.35 * tall, -0.1, (0.08, 0.08))
                self._fill(patch, np.sqrt(u * u + v * v) - 0.06, GOLD, 1.1 - 5 * v)

    def _face(self) -> None:
        """Skin, with cheeks, freckles and beard."""
        u, v, patch = self.u, self.v, self.patch
        distance = self.outline
        bright = 1.03 - 0.16 * ((u + 0.25) * (u + 0.25) + (v + 0.35) * (v + 0.35) * 0.7)
        self._fill(patch, distance, self.skin, bright.clip(0.6, 1.1))
        self._cheeks(distance)
        if self.look["extra"] == "freckles":
            for place in ((0.24, 0.24), (0.36, 0.19), (0.46, 0.27), (0.33, 0.32)):
                for side in (-1, 1):
                    spot, x, y = self.head.spot(side * place[0], place[1], DEPTH, (0.03, 0.03))
                    self._fill(spot, np.sqrt(x * x + y * y) - 0.022, blend(self.skin, rgb("#7a3f20"), 0.55))
        if self.look["extra"] == "beard":
            q = u / self.bones.width
            rim = v - 0.44 + 0.62 * q * q  # grows below this
            mouth = 0.16 - np.maximum(np.abs(u) - 0.16, np.abs(v - 0.6 - 0.3 * each(self.rig.jaw)))
            hairy = np.maximum(np.maximum(distance, -rim), np.minimum(mouth, 0.5))
            beard = blend(self.hair, self.skin, 0.18)
            self._fill(patch, hairy, beard, 1 - 0.05 * wave(5 * u), 0.93)

    def _cheeks(self, distance: np.ndarray) -> None:
        """Red, or pale, where they are inside the outline."""
        x, y = np.abs(self.u - each(0.8 * self.head.turn)) - 0.45, self.v - 0.30
        glow = np.maximum(1 - 10 * (x * x + y * y), 0) * (-8 * distance).clip(0, 1)
        base = 0.30 if self.look["extra"] == "blush" else 0.10
        share = np.clip(base + 0.28 * self.rig.flush, 0, 1)
        self.canvas.blend(self.patch, each(share) * glow, blend(self.skin, RED, 0.75))

    def _hair_in_front(self) -> None:
        """The cap of hair down to the line where it begins."""
        cut = self.cut
        if cut.volume == 0:
            return
        u, v = self.u, self.v
        turned = u - each(0.6 * self.head.turn)
        q = turned / self.bones.width
        line = cut.line + cut.sides * q * q * q * q + cut.sweep * np.abs(turned - cut.part)
        outline = self.outline - cut.volume
        if cut.curls:
            outline += cut.curls * wave(2.6 * u) * wave(2.6 * v + 0.3)
        shine = (
            1
            + 0.07 * wave(3.5 * turned)
            + 0.16 * np.maximum(1 - 9 * (v + 0.78) * (v + 0.78) - 2.5 * (u + 0.2) * (u + 0.2), 0)
        )
        self._fill(self.patch, np.maximum(outline, v - line), self.hair, shine)

    def _glasses(self) -> None:
        frame = blend(DARK, rgb(self.look["shirt"]), 0.25)
        for side in (-1, 1):
            patch, u, v = self.head.spot(side * EYE[0], EYE[1] + 0.01, 0.95, (0.29, 0.29))
            x = u / each(self.head.narrowed(side * EYE[0], DEPTH))
            ring = np.sqrt(x * x + v * v * 1.15) - 0.255
            self.canvas.blend(patch, 0.10 * (ring < 0), (255.0, 255.0, 255.0))
            self._fill(patch, np.abs(ring) - 0.024, frame)
        patch, u, v = self.head.spot(0.0, EYE[1] - 0.03, 0.97, (0.11, 0.06))
        self._fill(patch, np.maximum(np.abs(u) - 0.09, np.abs(v + 0.6 * (0.01 - u * u)) - 0.022), frame)

    def _fill(
        self, patch: Patch, distance: np.ndarray, color: Color, shade: np.ndarray | None = None, opacity: float = 1.0
    ) -> None:
        """Paint a part of the head whose distance is in half heights of it."""
        self.canvas.paint(patch, self.head.pixels(distance), color, shade=shade, opacity=opacity, masks=(HEAD,))
