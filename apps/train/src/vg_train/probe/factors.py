"""What can be told from a built-in clip: its label, how things look, how they move."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from vg_video.data.synthetic import SyntheticClip, SyntheticSet
from vg_video.data.synthetic.looks import Value, rgb

LABEL = "label"
Targets = dict[str, Tensor]


@dataclass(frozen=True)
class Factor:
    """Something that a probe reads from clips.

    Attributes:
        name: as the set has it; what changes over time is called `name(t)`.
        side: what it belongs to.
        size: how many names there are, or of how many numbers it consists.
        names: those of which it is one; empty if it is measured.
        moving: whether each frame has its own numbers.
    """

    name: str
    side: Literal["appearance", "motion"]
    size: int
    names: tuple[str, ...] = ()
    moving: bool = False


class Window(NamedTuple):
    """Which frames of a video make a clip."""

    start: int
    step: int
    frames: int

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the frames, in their order."""
        return self.start + self.step * np.arange(self.frames)


def factors(source: SyntheticSet) -> tuple[Factor, ...]:
    """List what a probe reads of a set, appearance first.

    These are the rows of its table of looks, the label, what else of the motion shows in any part of a clip, and the
    tracks. Where things are numbered (`color1`, `color2`, ...) nobody sees which is which: they make one factor.
    """
    clip, window = source.clip(0), Window(0, 1, 1)
    looks = [
        Factor(row.name, "appearance", len(row.choices), tuple(map(str, row.choices)))
        if row.is_a_name
        else Factor(row.name, "appearance", len(row.numbers()))
        for row in _rows(source, clip)
    ]
    labels = [Factor(LABEL, "motion", len(source.classes), source.classes)] if source.classes else []
    still = [Factor(name, "motion", len(numbers)) for name, numbers in _measures(clip, window).items()]
    curves = [Factor(name, "motion", len(rows[0]), moving=True) for name, rows in _curves(clip, window).items()]
    return (*looks, *labels, *still, *curves)


def targets(source: SyntheticSet, clip: SyntheticClip, window: Window) -> Targets:
    """Tell the factors of a part of a clip of a set.

    Returns:
        By name: the number of the name, (); or float32 numbers, (size,), and (frames, size) of what moves.
    """
    names = {row.name: row.choices.index(row.values[0]) for row in _rows(source, clip) if row.is_a_name}
    if clip.label is not None:
        names[LABEL] = source.classes.index(clip.label)
    numbers = {row.name: row.numbers() for row in _rows(source, clip) if not row.is_a_name}
    numbers |= _measures(clip, window) | _curves(clip, window)
    return {name: torch.tensor(value) for name, value in names.items()} | {
        name: torch.from_numpy(np.float32(value)) for name, value in numbers.items()
    }


class _Row(NamedTuple):
    """A row of a table of looks, or several that differ in their number only, and what a clip has of it."""

    name: str
    choices: tuple[Value, ...]
    values: list[Value]

    @property
    def is_color(self) -> bool:
        return all(str(choice).startswith("#") for choice in self.choices)

    @property
    def is_a_name(self) -> bool:
        return len(self.values) == 1 and isinstance(self.choices[0], str) and not self.is_color

    def numbers(self) -> np.ndarray:
        """The mean color, 0 .. 1, the share of each name, or the mean number."""
        if self.is_color:
            return np.mean([rgb(value) for value in self.values], 0) / 255
        if isinstance(self.choices[0], str):
            return np.mean([[value == choice for choice in self.choices] for value in self.values], 0)
        return np.mean([[float(value)] for value in self.values], 0)


def _rows(source: SyntheticSet, clip: SyntheticClip) -> list[_Row]:
    rows: dict[str, _Row] = {}
    for name, value in clip.appearance.items():
        plain = name.rstrip("0123456789")
        rows.setdefault(plain, _Row(plain, source.looks.factors[name], [])).values.append(value)
    return list(rows.values())


def _measures(clip: SyntheticClip, window: Window) -> dict[str, np.ndarray]:
    """What is drawn for a whole clip and shows in any part of it: sizes, and cycles of the movement (per frame)."""
    motion = clip.motion
    found = {"size": np.array([motion["size"]])} if "size" in motion else {}
    if "speed" in motion:
        angle = 2 * math.pi * (motion["phase"] + motion["speed"] * window.start)
        found["speed"] = np.array([motion["speed"] * window.step])
        found["phase"] = np.array([math.cos(angle), math.sin(angle)])
    return found


def _curves(clip: SyntheticClip, window: Window) -> dict[str, np.ndarray]:
    """The tracks in the frames of a window, (frames, size); of several things their mean place and its spread."""
    found = {}
    for name, track in clip.tracks.items():
        rows = track[window.numbers]
        if rows.ndim == 3:  # several things, and nobody sees which is which
            rows = np.concatenate([rows.mean(1), rows.std(1)], 1)
        found[f"{name}(t)"] = rows.reshape(window.frames, -1)
    return found
