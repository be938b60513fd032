"""The set of faces: portraits of known persons whose expression comes and goes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vg_video.data.synthetic.base import SyntheticSet, Tracks
from vg_video.data.synthetic.canvas import Canvas
from vg_video.data.synthetic.faces.clothes import Clothes, draw_backdrop
from vg_video.data.synthetic.faces.expressions import EXPRESSIONS, rig
from vg_video.data.synthetic.faces.features import LIPS, MOUTH, Features
from vg_video.data.synthetic.faces.head import HEAD, Head
from vg_video.data.synthetic.faces.looks import FACES
from vg_video.data.synthetic.faces.portrait import Portrait
from vg_video.data.synthetic.faces.timing import course, draw_motion
from vg_video.data.synthetic.looks import Value

TALL = 0.30  # half the height of a head, in heights of the frame


@dataclass(frozen=True)
class SyntheticFaces(SyntheticSet):
    """Portraits that show the six expressions of MUG (3.4.1), each with onset, apex and offset.

    The first frame is at rest, and 16 frames hold a whole expression; longer clips repeat it. A clip has the masks
    `head` and `mouth` (lips and what is between them), the motion factors of `draw_motion`, and the tracks
    `intensity` of the expression (t,), 0 .. 1, `eyes` (t,), 1 open and 0 in a blink, `head` and `mouth` (t, 2), the
    centers, and `yaw`, `pitch`, `roll` (t,).
    """

    classes = tuple(EXPRESSIONS)
    looks = FACES

    def _motion(self, draw: Callable[[], float]) -> dict[str, float]:
        return draw_motion(draw)

    def _film(
        self, label: str | None, appearance: Mapping[str, Value], motion: Mapping[str, float]
    ) -> tuple[Canvas, Tracks]:
        way = course(motion, self.frames)
        parts = rig(str(label), way.intensity)
        canvas = Canvas(draw_backdrop(appearance, self.resolution), self.frames, [HEAD, MOUTH])
        rest = np.array([motion["x"], motion["y"]])
        center = self.resolution * (rest + np.stack([way.x, way.y], -1))
        angles = (way.yaw, way.pitch + parts.nod, way.roll)
        head = Head(canvas, center, TALL * motion["size"] * self.resolution, angles)
        features = Features(head, appearance, parts, way.lids, way.gaze)
        Portrait(head, appearance, features, Clothes(head, appearance, motion["x"])).draw()
        return canvas, {
            "intensity": way.intensity,
            "eyes": way.lids,
            "head": center / self.resolution,
            "mouth": head.place(*LIPS, 0.9) / self.resolution,
            "yaw": angles[0],
            "pitch": angles[1],
            "roll": angles[2],
        }
