"""Clips of a built-in set for a probe: to learn from, to be examined with, and looks crossed with motions."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor
from vg_video.data.parallel import map_in_order
from vg_video.data.synthetic import SyntheticActions, SyntheticFaces, SyntheticRobot, SyntheticSet
from vg_video.data.transforms import to_float
from vg_video.seeds import seeded

from vg_train.probe.factors import Targets, Window, factors, targets

SetName = Literal["faces", "actions", "robot"]
Part = Literal["training", "held out"]
SETS: dict[str, type[SyntheticSet]] = {"faces": SyntheticFaces, "actions": SyntheticActions, "robot": SyntheticRobot}
MOST_FRAMES = 16  # of a clip that a probe looks at
RESOLUTION = 64  # pixels that it looks at
WORKERS = 2  # threads that draw clips


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How clips are cut out of videos of a built-in set: like those that the model was trained on."""

    set: SetName
    frames: int = 16  # of a clip
    steps: tuple[int, int] = (1, 1)  # least and largest time step, drawn for each clip
    length: int = 32  # frames of the videos

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))  # JSON knows lists only
        if self.frames < 2 or not 1 <= self.steps[0] <= self.steps[1]:
            raise ValueError(
                f"frames={self.frames}, steps={self.steps}; at least 2, and 1 or more in order, are wanted"
            )
        if self.length < (shortest := (self.frames - 1) * self.steps[0] + 1):
            raise ValueError(f"length={self.length}, wanted at least {shortest} for a clip of {self.frames} frames")

    def window(self, number: int) -> Window:
        """The frames of clip `number`: the time step is drawn among those that fit, then the start."""
        draw = seeded(number)
        fitting = [n for n in range(self.steps[0], self.steps[1] + 1) if (self.frames - 1) * n < self.length]
        step = fitting[int(torch.randint(len(fitting), (), generator=draw))]
        starts = self.length - (self.frames - 1) * step
        return Window(int(torch.randint(starts, (), generator=draw)), step, self.frames)


@dataclass(frozen=True)
class Examples:
    """Clips and what is known about them."""

    video: Tensor  # uint8 (n, 3, t, 64, 64), of the frames that a probe looks at
    targets: Targets  # by the names of factors, each with n rows

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[tuple[Tensor, Targets]]:
        """Yield videos (b, 3, t, 64, 64) in [-1, 1] and their targets, all of them in order, or in the given one."""
        order = torch.arange(len(self.video)) if order is None else order
        for some in order.split(size):
            yield to_float(self.video[some]), {name: rows[some] for name, rows in self.targets.items()}


class BuiltIn:
    """The clips of a built-in set, cut as the model's.

    The looks are divided by their numbers: the first third is for models (`vg-train synth` counts from 0), the second
    for the training of probes, the last for examining them. So no look is met twice.

    Attributes:
        cut: how clips are cut.
        classes: names of the labels.
        factors: what is known about each clip.
    """

    def __init__(self, cut: Cut) -> None:
        kind = SETS[cut.set]
        self.cut, self.classes = cut, kind.classes
        self.source = kind(frames=cut.length, resolution=RESOLUTION, identities=len(kind.looks))
        self.factors = factors(self.source)

    def examples(self, part: Part, count: int) -> Examples:
        """Draw clips 0 .. count - 1 of a part, each of another look, the labels in turns; with a progress bar."""

        def example(number: int) -> tuple[Tensor, Targets]:
            return self._example(self.source, self._index(part, number), self.cut.window(number))

        clips = map_in_order(example, range(count), WORKERS)
        return _together(list(track(clips, f"drawing clips, {part}", count, transient=True)))

    def first_frames(self, count: int, resolution: int) -> tuple[Tensor, Tensor]:
        """Draw the first frames of held-out clips 0 .. count - 1.

        Returns:
            Images (count, 3, resolution, resolution) in [-1, 1], and the numbers of their labels, (count,).
        """
        source = replace(self.source, frames=1, resolution=resolution)
        frames = np.stack([source.clip(self._index("held out", number)).frames[0] for number in range(count)])
        images = to_float(torch.from_numpy(frames).movedim(-1, 1))
        return images, torch.arange(count) % self._labels

    def crossed(self, looks: int, motions: int) -> Iterator[Examples]:
        """Draw clips of held-out looks, each with the same motions, the labels in turns.

        The number of a clip alone decides how it is played, and it shows look (number // labels) mod (identities): so
        with another number of identities the same is played by another look.

        Yields:
            For each look the clips of all motions.
        """
        for look in range(looks):
            identity, examples = self._identity("held out", look), []
            for number in range(motions):
                place = 3 * self.source.identities // 2 + number  # above 2 x identity
                source = replace(self.source, identities=place - identity)
                index = place * self._labels + number % self._labels
                examples.append(self._example(source, index, self.cut.window(number)))
            yield _together(examples)

    @property
    def _labels(self) -> int:
        """How many labels take turns; 1 in a set without any."""
        return max(len(self.classes), 1)

    def _identity(self, part: Part, look: int) -> int:
        """The number that a look of a part has in the set."""
        third = self.source.identities // 3
        return (1 if part == "training" else 2) * third + look

    def _index(self, part: Part, number: int) -> int:
        """The number that clip `number` of a part has in the set."""
        label = self.classes[number % self._labels] if self.classes else None
        return self.source.index(self._identity(part, number), label)

    def _example(self, source: SyntheticSet, index: int, window: Window) -> tuple[Tensor, Targets]:
        """What a probe sees of a window of clip `index`, uint8 (3, t, 64, 64), and what is known about that."""
        every = _every(window.frames)
        window = Window(window.start, window.step * every, -(-window.frames // every))
        clip = replace(source, frames=int(window.numbers[-1]) + 1).clip(index)
        return torch.from_numpy(clip.frames[window.numbers]).movedim(-1, 0), targets(source, clip, window)


def seen(video: Tensor) -> Tensor:
    """What a probe looks at: 64 pixels, and of more than 16 frames each second, third, ... only.

    Args:
        video: (b, 3, t, h, w).
    """
    video = video[:, :, :: _every(video.shape[2])]
    if video.shape[-2:] == (RESOLUTION, RESOLUTION):
        return video
    frames = F.interpolate(video.transpose(1, 2).flatten(0, 1), (RESOLUTION, RESOLUTION), mode="area")
    return frames.unflatten(0, (len(video), -1)).transpose(1, 2)


def _every(frames: int) -> int:
    return -(-frames // MOST_FRAMES)


def _together(examples: list[tuple[Tensor, Targets]]) -> Examples:
    videos, known = zip(*examples, strict=True)
    return Examples(torch.stack(videos), {name: torch.stack([one[name] for one in known]) for name in known[0]})
