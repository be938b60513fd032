"""Training on a built-in set without a folder in between."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.synthetic.base import SyntheticSet

SHOWN = 64  # takes of each class of each identity that only `clip_at` shows
DRAWN = 2**24  # takes among which random clips are drawn


class SyntheticClips(ClipDataset):
    """The clips of a built-in set, drawn when they are asked for: goes wherever a `ClipDataset` goes.

    What a folder calls a video is here one class of one identity. `batches` and `clip` show another take of it each
    time; the takes that `clip_at` shows are never among them. Identities are looks in a scrambled order, so any range
    of them is a fair split:

        train = SyntheticClips(SyntheticFaces(), identities=range(800))
        test = SyntheticClips(SyntheticFaces(), identities=range(800, 1000))

    Attributes:
        source: the set.
        classes: names of the labels; empty in a set without classes.
        fingerprint: sha256 over all of the settings.

    Args:
        source: the set; it says how long and how large clips are.
        classes: those to show, in the order of their class numbers; None shows all.
        identities: those to show; None shows all.

    Raises:
        ValueError: when a class or an identity is not in the set, or none is asked for.
    """

    def __init__(
        self,
        source: SyntheticSet,
        *,
        classes: Sequence[str] | None = None,
        identities: Sequence[int] | None = None,
    ) -> None:
        self.source = source
        self.config = ClipConfig(frames=source.frames, resolution=source.resolution, steps=(1, 1))
        self.skipped = []
        self.classes = source.classes if classes is None else tuple(classes)
        self._identities = range(source.identities) if identities is None else identities
        unknown = [label for label in self.classes if label not in source.classes]
        if unknown or bool(self.classes) != bool(source.classes):
            raise ValueError(f"classes={classes}; some of {source.classes} are wanted")
        outside = [number for number in self._identities if not 0 <= number < source.identities]
        if outside or not self._identities:
            found = outside[:3] or "none"
            raise ValueError(f"identities: {found} asked for; some of 0 .. {source.identities - 1} are wanted")
        settings = f"{source} {self.classes} {[*self._identities]}"
        self.fingerprint = hashlib.sha256(settings.encode()).hexdigest()

    def __len__(self) -> int:
        """Return the number of classes times the number of identities."""
        return len(self._identities) * (len(self.classes) or 1)

    def starts(self, index: int) -> int:
        """Count the takes that `clip_at` shows."""
        return SHOWN

    def clip_at(self, index: int, start: int) -> tuple[Tensor, int | None]:
        """Show take `start` of one class of one identity; nothing is drawn.

        Returns:
            As `clip`.
        Raises:
            ValueError: when there is no such take.
        """
        if not 0 <= start < SHOWN:
            raise ValueError(f"start={start}; 0 .. {SHOWN - 1} is wanted")
        frames, label = self._take(index, start)
        return torch.from_numpy(frames).movedim(-1, 0), label

    def _cut(self, index: int, generator: torch.Generator) -> tuple[np.ndarray, int | None]:
        return self._take(index, SHOWN + int(torch.randint(DRAWN, (), generator=generator)))

    def _take(self, index: int, take: int) -> tuple[np.ndarray, int | None]:
        """The frames (t, h, w, 3) of one take, and the class number."""
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        place, number = divmod(index, len(self.classes) or 1)
        label = self.classes[number] if self.classes else None
        clip = self.source.clip(self.source.index(self._identities[place], label, take))
        return clip.frames, None if label is None else number
