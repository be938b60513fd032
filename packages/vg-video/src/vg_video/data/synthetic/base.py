"""Built-in videos without end: moving persons of known identity and action, the same on every machine."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vg_video.data.figures.body import draw_person, draw_room
from vg_video.data.figures.canvas import Canvas
from vg_video.data.figures.identities import IDENTITIES, identity_factors
from vg_video.data.figures.poses import ACTIONS, pose
from vg_video.data.files import write_atomically
from vg_video.data.stills import write_strip

WALK_MARGIN, STAND_MARGIN = 0.2, 0.4  # of the frame's width, on either side, that the feet keep clear of


@dataclass(frozen=True)
class FigureClip:
    """One built-in video and all that is known about it."""

    frames: np.ndarray  # uint8 (t, h, w, 3)
    identity: int
    action: str
    factors: dict[str, str | float]  # the look (of the identity) and how this clip is played


@dataclass(frozen=True)
class SyntheticFigures:
    """A set of videos without end; video number `index` is a pure function of (seed, index) and of the sizes.

    Index 0, 1, 2, ... shows every action of the first person, then of the next; after `identities` persons all are
    shown again, with other speeds, phases and places. The look is the identity's, the rest is drawn anew per video.
    """

    seed: int = 0
    frames: int = 32
    resolution: int = 64
    identities: int = 1000

    def __post_init__(self) -> None:
        if self.frames < 4 or self.resolution < 16:
            raise ValueError(f"frames={self.frames}, resolution={self.resolution}; at least 4 and 16 are wanted")
        if not 1 <= self.identities <= IDENTITIES:
            raise ValueError(f"identities={self.identities}; 1 .. {IDENTITIES} is wanted")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed={self.seed}; 0 .. 2^64 - 1 is wanted")

    def clip(self, index: int) -> FigureClip:
        """Draw video number `index`, from 0 up."""
        place, number = divmod(index, len(ACTIONS))
        identity, action = place % self.identities, tuple(ACTIONS)[number]
        look = identity_factors(identity, self.seed)
        draw = np.random.Generator(np.random.Philox(key=[self.seed, index])).random
        play = {
            "speed": 0.045 + 0.03 * draw(),  # cycles per frame: one takes 13 to 22 frames
            "phase": draw(),  # of the first frame, in cycles
            "size": 0.85 + 0.15 * draw(),  # of the movement
            "start": 2 * draw(),  # the place: 0 .. 1 left to right facing right, 1 .. 2 back again facing left
        }
        return FigureClip(self._render(action, look, play), identity, action, {**look, **play})

    def _render(self, action: str, look: dict[str, Any], play: dict[str, float]) -> np.ndarray:
        """The frames of one video, uint8 (t, h, w, 3)."""
        joints = pose(action, play["phase"] + play["speed"] * np.arange(self.frames), play["size"])
        margin = WALK_MARGIN if joints.travel.any() else STAND_MARGIN
        walked = (joints.travel - joints.travel[0]) * look["height"] / (1 - 2 * margin)
        lap = (play["start"] + walked) % 2  # who comes to a margin turns round
        canvas = Canvas(draw_room(look, self.resolution), self.frames)
        x = margin + (1 - 2 * margin) * (1 - np.abs(lap - 1))
        draw_person(canvas, joints, look, x, np.where(lap < 1, 1.0, -1.0))
        return canvas.pixels.round().clip(0, 255).astype(np.uint8)

    def write_folder(self, out: Path | str, count: int, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Write videos 0 .. count - 1 as lossless strips, one sub-folder per action, and what is known about them.

        The files are `<out>/<action>/<identity>_<index>.png`; `<out>/factors.json` tells identity, action and factors
        of each. `ClipDataset(out)` reads the folder, with the actions as labels.

        Args:
            out: the folder, made if needed.
            count: videos in all; every 8 show all actions of one more person.
            progress: called with (videos written, count).
        """
        out, known = Path(out), {}
        for index in range(count):
            clip = self.clip(index)
            name = f"{clip.action}/{clip.identity:04d}_{index:06d}.png"
            (out / clip.action).mkdir(parents=True, exist_ok=True)
            write_strip(out / name, clip.frames)
            known[name] = {"identity": clip.identity, "action": clip.action, **clip.factors}
            if progress:
                progress(index + 1, count)
        write_atomically(out / "factors.json", json.dumps(known, indent=1).encode())
