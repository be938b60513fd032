"""What all built-in sets of videos share: numbered clips, of which everything is known, and folders of them."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from vg_video.data.files import write_atomically
from vg_video.data.stills import write_strip
from vg_video.data.synthetic.canvas import Canvas
from vg_video.data.synthetic.looks import Looks, Value

SHORTEST = 4  # frames of a strip; a picture of fewer could be taken for a frame
Tracks = dict[str, np.ndarray]


@dataclass(frozen=True)
class SyntheticClip:
    """One built-in video and all that is known about it.

    Positions are in widths of the frame, x from its left and y from its upper edge; angles are in degrees.

    Attributes:
        frames: uint8 (t, h, w, 3).
        label: name of its class; None in a set without classes.
        identity: number of the look.
        appearance: the look: the same in all clips of the identity.
        motion: how this clip is played: drawn anew for each.
        tracks: what changes over time, by name: float32, the first axis is t.
        masks: how much of each pixel something covers, by its name, in 255ths: uint8 (t, h, w).
    """

    frames: np.ndarray
    label: str | None
    identity: int
    appearance: dict[str, Value]
    motion: dict[str, float]
    tracks: Tracks
    masks: dict[str, np.ndarray]

    @property
    def factors(self) -> dict[str, Value]:
        """Appearance and motion in one: what the clip is a function of, together with its label."""
        return {**self.appearance, **self.motion}


@dataclass(frozen=True)
class SyntheticSet(ABC):
    """A set of videos without end; clip number `index` is a pure function of (seed, index) and of the sizes.

    Index 0, 1, 2, ... shows every class of the first identity, then of the next; after `identities` identities all
    are shown again in another take. The look is the identity's, the rest is drawn anew for each clip. A longer clip
    begins like a shorter one. All values, pixels included, are the same on every machine.

    Args:
        seed: of everything drawn, 0 .. 2^64 - 1.
        frames: of a clip.
        resolution: pixels, height and width.
        identities: how many different looks take turns.

    Raises:
        ValueError: when a setting is out of range.
    """

    seed: int = 0
    frames: int = 16
    resolution: int = 64
    identities: int = 1000

    classes: ClassVar[tuple[str, ...]] = ()
    looks: ClassVar[Looks]

    def __post_init__(self) -> None:
        if self.frames < 1 or self.resolution < 16:
            raise ValueError(f"frames={self.frames}, resolution={self.resolution}; at least 1 and 16 are wanted")
        if not 1 <= self.identities <= len(self.looks):
            raise ValueError(f"identities={self.identities}; 1 .. {len(self.looks)} is wanted")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed={self.seed}; 0 .. 2^64 - 1 is wanted")

    def index(self, identity: int, label: str | None = None, take: int = 0) -> int:
        """Tell the number of the clip that shows a class of an identity for the `take`-th time, counted from 0.

        Raises:
            ValueError: when there is no such identity, class or take.
        """
        if not 0 <= identity < self.identities or take < 0:
            raise ValueError(f"identity={identity}, take={take}; 0 .. {self.identities - 1}, and 0 or more, are wanted")
        if label not in (self.classes or (None,)):
            raise ValueError(f"label={label!r}; {', '.join(self.classes) or None} is wanted")
        place = take * self.identities + identity
        return place if label is None else place * len(self.classes) + self.classes.index(label)

    def clip(self, index: int) -> SyntheticClip:
        """Draw clip number `index`.

        Raises:
            ValueError: when `index` is not in 0 .. 2^64 - 1.
        """
        if not 0 <= index < 2**64:
            raise ValueError(f"index={index}; 0 .. 2^64 - 1 is wanted")
        place, number = divmod(index, len(self.classes) or 1)
        identity, label = place % self.identities, self.classes[number] if self.classes else None
        draw = np.random.Generator(np.random.Philox(key=np.array([self.seed, index], np.uint64))).random
        appearance = self.looks.look(identity, self.seed)
        motion = self._motion(draw)
        canvas, tracks = self._film(label, appearance, motion)
        return SyntheticClip(
            frames=canvas.film(),
            label=label,
            identity=identity,
            appearance=appearance,
            motion=motion,
            tracks={name: np.round(values, 5).astype(np.float32) for name, values in tracks.items()},
            masks={name: canvas.mask(name) for name in canvas.masks},
        )

    def write_folder(self, out: Path | str, count: int, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Write clips 0 .. count - 1 as lossless strips, one sub-folder per class, and what is known about them.

        The files are `<out>/<label>/<identity>_<index>.png`, without sub-folder in a set without classes;
        `<out>/factors.json` tells identity, label and factors of each. `ClipDataset(out)` reads the folder.

        Args:
            out: the folder, made if needed.
            count: clips in all.
            progress: called with (clips written, count).
        Raises:
            ValueError: when the clips are too short to be told from pictures, or `count` is below 1.
        """
        if self.frames < SHORTEST or count < 1:
            raise ValueError(f"frames={self.frames}, count={count}; at least {SHORTEST} and 1 are wanted for a folder")
        out, known = Path(out), dict[str, Mapping[str, Value | None]]()
        for index in range(count):
            clip = self.clip(index)
            folder = out / (clip.label or "")
            path = folder / f"{clip.identity:04d}_{index:06d}.png"
            folder.mkdir(parents=True, exist_ok=True)
            write_strip(path, clip.frames)
            name = path.relative_to(out).as_posix()
            known[name] = {"identity": clip.identity, "label": clip.label, **clip.factors}
            if progress:
                progress(index + 1, count)
        write_atomically(out / "factors.json", json.dumps(known, indent=1).encode())

    @abstractmethod
    def _motion(self, draw: Callable[[], float]) -> dict[str, float]:
        """How a clip is played; `draw` gives numbers in [0, 1), always the same ones for a clip."""

    @abstractmethod
    def _film(
        self, label: str | None, appearance: Mapping[str, Value], motion: Mapping[str, float]
    ) -> tuple[Canvas, Tracks]:
        """Draw a clip: a pure function of its label and factors, and of the sizes."""
