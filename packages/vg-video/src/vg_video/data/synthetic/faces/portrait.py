"""Draws the head, its hair and extras, from back to front."""

from collections.abc import Mapping

import numpy as np

from vg_video.data.synthetic.canvas import Numbers, Patch, each, rounded
from vg_video.data.synthetic.faces.clothes import Clothes
from vg_video.data.synthetic.faces.features import DARK, DEPTH, EYE, LIPS, Features
from vg_video.data.synthetic.faces.head import Head, egg, oval
from vg_video.data.synthetic.faces.looks import HAIR, SHAPES
from vg_video.data.synthetic.looks import Value, blend, rgb
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
            head.paint(patch, oval(u, v, 0.33, 0.30), self.hair, shade=1 - 0.3 * u - 0.6 * v * v)
        if cut.behind:
            wide, top, end = cut.behind
            tall = (end - top) / 2
            patch, u, v = head.spot(0.0, (top + end) / 2, -0.25, (wide + 2 * cut.curls, tall + 2 * cut.curls))
            below = np.maximum(v / tall, 0)
            distance = (rounded(u / wide, v / tall, 0.72 * (below > 0)) - 1) * min(wide, tall)
            distance += cut.curls * wave(3.1 * u + 0.4) * wave(3.1 * v)
            shade = 1 - 0.08 * wave(4 * u) - 0.12 * below
            head.paint(patch, distance, blend(self.hair, DARK, 0.22), shade=shade)

    def _ears(self) -> None:
        v0, tall = EAR
        for side in (-1, 1):
            place = side * (self.bones.width - 0.02)
            patch, u, v = self.head.spot(place, v0, -0.1, (0.13, 0.19))
            hollow = (1 - 8 * oval(u - 0.012 * side, v, 0.055, 0.6 * tall)).clip(0.84, 1)
            self.head.paint(patch, oval(u, v, 0.11, tall), blend(self.skin, RED, 0.07), shade=hollow)
            if self.look["extra"] == "earrings":
                patch, u, v = self.head.spot(place + 0.02 * side, v0 + 1.35 * tall, -0.1, (0.08, 0.08))
                self.head.paint(patch, np.sqrt(u * u + v * v) - 0.06, GOLD, shade=1.1 - 5 * v)

    def _face(self) -> None:
        """Skin, with cheeks, freckles and beard."""
        u, v = self.u, self.v
        bright = 1.03 - 0.16 * ((u + 0.25) * (u + 0.25) + (v + 0.35) * (v + 0.35) * 0.7)
        self.head.paint(self.patch, self.outline, self.skin, shade=bright.clip(0.6, 1.1))
        self._cheeks()
        if self.look["extra"] == "freckles":
            for place in ((0.24, 0.24), (0.36, 0.19), (0.46, 0.27), (0.33, 0.32)):
                for side in (-1, 1):
                    spot, x, y = self.head.spot(side * place[0], place[1], DEPTH, (0.03, 0.03))
                    self.head.paint(spot, np.sqrt(x * x + y * y) - 0.022, blend(self.skin, rgb("#7a3f20"), 0.55))
        if self.look["extra"] == "beard":
            self._beard()

    def _cheeks(self) -> None:
        """Red, or pale, where they are inside the outline."""
        patch, u, v, outline = self._rows(-0.05, 0.65)
        x, y = np.abs(u - self._turned(0.8)) - 0.45, v - 0.30
        glow = np.maximum(1 - 10 * (x * x + y * y), 0) * (-8 * outline).clip(0, 1)
        base = 0.40 if self.look["extra"] == "blush" else 0.10
        share = np.clip(base + 0.28 * self.rig.flush, 0, 1)
        self.canvas.blend(patch, each(share) * glow, blend(self.skin, RED, 0.75))

    def _beard(self) -> None:
        """From ear to ear, but for the lips."""
        patch, u, v, outline = self._rows(-0.4, 1.3)
        right, down = (each(place) for place in self.head.turned(LIPS[0], LIPS[1] + 0.3 * self.rig.jaw, DEPTH))
        x, y = u - right, v - down
        q = (u - right / 2) / self.bones.width
        above = -0.14 - 0.62 * q * q - y
        hairy = np.maximum(np.maximum(outline, above), -oval(x, y - 0.01, 0.27, 0.14))
        beard = blend(self.hair, self.skin, 0.18)
        self.head.paint(patch, hairy, beard, shade=1 - 0.05 * wave(5 * u), opacity=0.93)

    def _hair_in_front(self) -> None:
        """The cap of hair down to the line where it begins."""
        cut = self.cut
        if cut.volume == 0:
            return
        patch, u, v, outline = self._rows(-1.5, max(cut.line + 1.27 * cut.sides + cut.sweep, 0))
        turned = u - self._turned(0.6)
        q = np.abs(turned / self.bones.width).clip(0, 1.06)
        line = cut.line + cut.sides * q * q * q * q + cut.sweep * np.abs(turned - cut.part)
        outline = outline - cut.volume
        if cut.curls:
            outline += cut.curls * wave(2.6 * u) * wave(2.6 * v + 0.3)
        light = np.maximum(1 - 9 * (v + 0.78) * (v + 0.78) - 2.5 * (u + 0.2) * (u + 0.2), 0)
        shine = 1 + 0.07 * wave(3.5 * turned) + 0.16 * light
        self.head.paint(patch, np.maximum(outline, v - line), self.hair, shade=shine)

    def _glasses(self) -> None:
        frame = blend(DARK, rgb(self.look["shirt"]), 0.25)
        for side in (-1, 1):
            patch, u, v = self.head.spot(side * EYE[0], EYE[1] + 0.01, 0.95, (0.29, 0.29))
            x = u / each(self.head.narrowed(side * EYE[0], DEPTH))
            ring = np.sqrt(x * x + v * v * 1.15) - 0.255
            self.canvas.blend(patch, 0.10 * (-20 * ring).clip(0, 1), (255.0, 255.0, 255.0))
            self.head.paint(patch, np.abs(ring) - 0.024, frame)
        patch, u, v = self.head.spot(0.0, EYE[1] - 0.03, 0.97, (0.11, 0.06))
        self.head.paint(patch, np.maximum(np.abs(u) - 0.09, np.abs(v + 0.6 * (0.01 - u * u)) - 0.022), frame)

    def _rows(self, high: float, low: float) -> tuple[Patch, np.ndarray, np.ndarray, np.ndarray]:
        """The part of the head between two heights v: where it is, u, v, and the distance from the skin's outline."""
        rows = np.flatnonzero(((self.v > high) & (self.v < low)).any((0, 2)))
        part = slice(rows[0], rows[-1] + 1) if len(rows) else slice(0, 0)
        return self.patch.rows(part), self.u[:, part], self.v[:, part], self.outline[:, part]

    def _turned(self, depth: float) -> Numbers:
        """How far the middle of the face at this depth is turned to the right, to meet pixels."""
        return each(self.head.turned(0.0, 0.0, depth)[0])
