"""Draws what a face expresses itself with: eyes, brows, nose and mouth."""

from collections.abc import Mapping

import numpy as np

from vg_video.data.synthetic.canvas import Numbers, Patch, each
from vg_video.data.synthetic.faces.expressions import Rig
from vg_video.data.synthetic.faces.head import HEAD, Head, lens, oval
from vg_video.data.synthetic.faces.looks import EYES
from vg_video.data.synthetic.looks import Value, blend, rgb

MOUTH = "mouth"  # the mask
EYE, BROW, NOSE, LIPS = (0.345, -0.02), (0.35, -0.335), (0.0, 0.29), (0.0, 0.585)  # places (u, v)
DEPTH = 0.86  # of the face's surface, out of the picture; the tip of the nose is at 1
DARK, WHITE = rgb("#2a1c18"), rgb("#f8f5f0")


class Features:
    """Eyes, brows, nose and mouth of a head.

    Args:
        head: where they are.
        look: as FACES has it.
        rig: what they do.
        lids: how open the eyes are, (t,): 0 in a blink.
        gaze: of the eyes, to the right, (t,), -1 .. 1.
    """

    def __init__(self, head: Head, look: Mapping[str, Value], rig: Rig, lids: np.ndarray, gaze: np.ndarray) -> None:
        self.head, self.canvas, self.look, self.rig = head, head.canvas, look, rig
        self.lids, self.gaze = lids, gaze
        self.skin = rgb(look["skin"])

    def draw(self) -> None:
        """Draw all of them."""
        for side in (-1, 1):
            self._eye(side)
            self._brow(side)
        self._nose()
        self._mouth()

    def _eye(self, side: int) -> None:
        """An eyeball behind its lids; `side` is 1 for the right one in the picture."""
        shape, rig, head = EYES[str(self.look["eyes"])], self.rig, self.head
        patch, u, v = head.spot(side * EYE[0], EYE[1], DEPTH, (0.33, 0.27))
        x, y = u / each(head.narrowed(side * EYE[0], DEPTH)), v + u * (side * shape.tilt / shape.width)
        low = shape.height * (0.36 - 0.45 * rig.squint)
        top = low - shape.height * np.clip(1 + rig.lids - 0.45 * rig.squint, 0.3, 1.4) * self.lids
        socket = np.maximum(1 - (x * x * 9 + (y + 0.04) * (y + 0.04) * 13), 0)
        self.canvas.blend(patch, 0.30 * socket, blend(self.skin, rgb("#5a2a20"), 0.5))
        opening = lens(x, y, shape.width, top, low, 0.35)
        self.head.paint(patch, opening, WHITE, shade=(1 + 2.2 * (y - 0.02)).clip(0.72, 1))
        ix, iy = x - each(0.05 * self.gaze), y - each(0.02 - 0.06 * rig.lids)
        away = np.sqrt(ix * ix + iy * iy)
        shade = (1.0 + 4 * iy).clip(0.6, 1.4) * (0.1 + (away - 0.045) * 36).clip(0.15, 1)  # dark in the pupil
        self.head.paint(patch, np.maximum(away - 0.115, opening), rgb(self.look["iris"]), shade=shade)
        gx, gy = ix + 0.04, iy + 0.045
        self.head.paint(patch, np.maximum(np.sqrt(gx * gx + gy * gy) - 0.032, opening), (255.0, 255.0, 255.0))
        lash = lens(x, y, 1.07 * shape.width, top - 0.042, top + 0.006, 0.35)
        self.head.paint(patch, lash, blend(DARK, self.skin, 0.1))

    def _brow(self, side: int) -> None:
        rig, head = self.rig, self.head
        inward = BROW[0] - rig.brow_knit
        patch, u, v = head.spot(side * inward, BROW[1], DEPTH, (0.24, 0.24))
        s = u * (side / 0.2) / each(head.narrowed(side * BROW[0], DEPTH))  # -1 at the nose, 1 at the temple
        inner, outer = each(rig.brow_inner), each(rig.brow_outer)
        height = (inner + outer + (outer - inner) * s) / 2 + 0.045 * (1 - s * s)
        thick = 0.042 * float(self.look["brows"]) * (1 - 0.3 * s)
        distance = np.maximum(np.abs(v + height) - thick, 0.2 * (np.abs(s) - 1))
        hair = rgb(self.look["hair"])
        self.head.paint(patch, distance, blend(hair, DARK, 0.35), opacity=0.92)

    def _nose(self) -> None:
        wide, head = 0.115 * float(self.look["nose"]), self.head
        shadow, light = blend(self.skin, rgb("#6b2f22"), 0.42), blend(self.skin, (255.0, 244.0, 230.0), 0.45)
        patch, u, v = head.spot(NOSE[0], NOSE[1] - 0.55 * self.rig.wrinkle, 0.98, (0.2, 0.4))

        def glow(x: np.ndarray, y: np.ndarray, rx: float, ry: float) -> np.ndarray:
            return np.maximum(1 - x * x * (1 / rx**2) - y * y * (1 / ry**2), 0)

        self.canvas.blend(patch, 0.4 * glow(u - 0.055, v + 0.1, 0.055, 0.29), shadow)  # of the bridge
        head.paint(patch, lens(u, v - 0.06, 1.25 * wide, 0.005, 0.062), shadow, opacity=0.85)
        self.canvas.blend(patch, glow(u, v - 0.005, wide, 0.1), self.skin)
        self.canvas.blend(patch, 0.8 * glow(u + 0.025, v + 0.02, 0.6 * wide, 0.07), light)
        head.paint(patch, oval(np.abs(u) - 0.55 * wide, v - 0.082, 0.03, 0.018), DARK, opacity=0.55)

    def _mouth(self) -> None:
        """Lips, and between them teeth, tongue and the dark."""
        rig, head = self.rig, self.head
        patch, u, v = head.spot(LIPS[0], LIPS[1] + 0.35 * rig.jaw - 0.3 * rig.wrinkle, 0.9, (0.45, 0.38))
        width = 0.275 + rig.width
        curve = 0.028 + rig.curve
        x = u / each(head.narrowed(0, 0.9))
        y = v + x * each(rig.sneer / width) * np.where(x > 0, 1, 0.2) + each(0.62 * curve)
        thick = float(self.look["lips"]) * (1 - 0.65 * rig.thin)
        top, low = curve - rig.upper, curve + rig.lower
        rose = blend(self.skin, rgb("#a8323c"), 0.5)
        lips = lens(x, y, 1.05 * width + 0.01, top - 0.05 * thick, low + 0.07 * thick, rig.boxy)
        self.head.paint(patch, lips, rose, shade=(1.0 + 0.9 * (y - each(low))).clip(0.86, 1.08), masks=(HEAD, MOUTH))
        inside = lens(x, y, width, top - 0.013, low + 0.013, rig.boxy)
        self.head.paint(patch, inside, rgb("#4b1519"), masks=(HEAD, MOUTH))
        self._inside_mouth(patch, x, y, inside, top, low)

    def _inside_mouth(
        self, patch: Patch, x: np.ndarray, y: np.ndarray, inside: np.ndarray, top: Numbers, low: Numbers
    ) -> None:
        """Tongue and teeth, which come to be seen as the mouth opens."""
        opening = low - top
        opacity = np.clip(opening / 0.05 - 0.2, 0, 1)
        tongue = np.maximum(inside, oval(x, y - each(low), 0.17, 0.075))
        self.head.paint(patch, tongue, rgb("#c2575c"), opacity=opacity, masks=(HEAD, MOUTH))
        edge = each(top + self.rig.teeth * opening + 0.01)
        self.head.paint(patch, np.maximum(inside + 0.012, y - edge), WHITE, opacity=opacity, masks=(HEAD, MOUTH))
