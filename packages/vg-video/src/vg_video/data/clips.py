"""Random clips out of a folder of videos; a batch is a pure function of the seed and its number."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from vg_video.data.decoded import DecodedVideo, decode
from vg_video.data.folder import Scan, VideoSource, scan_folder
from vg_video.data.limits import MAX_BYTES
from vg_video.data.parallel import map_in_order
from vg_video.data.stills import natural_key
from vg_video.data.transforms import Fit, to_float
from vg_video.seeds import seeded


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """How clips are cut out of videos; the defaults are those of 4.4.2."""

    frames: int = 16  # of a clip
    resolution: int = 64  # pixels, height and width
    steps: tuple[int, int] = (1, 4)  # least and largest time step between two frames of a clip (4.4.2)
    fit: Fit = "crop"  # shorter side to the resolution, then the center; or as `transforms.fit_frame` says
    short: Literal["skip", "error", "loop"] = "skip"  # a video shorter than a clip is left out, refused, or repeated
    flip: bool = False  # mirror half of the clips, as 4.4.2 does for Weizmann
    double: bool = False  # show each video twice an epoch, as it is and mirrored, as 3.4.1 does for Weizmann

    def __post_init__(self) -> None:
        if self.frames < 1 or self.resolution < 1:
            raise ValueError(f"frames={self.frames}, resolution={self.resolution}; both must be at least 1")
        if not 1 <= self.steps[0] <= self.steps[1]:
            raise ValueError(f"steps={self.steps}; (least, largest) with 1 <= least <= largest is wanted")
        if self.fit not in get_args(Fit):
            raise ValueError(f"fit={self.fit!r}; one of {', '.join(get_args(Fit))} is wanted")
        if self.short not in ("skip", "error", "loop"):
            raise ValueError(f"short={self.short!r}; 'skip', 'error' or 'loop' is wanted")
        if self.flip and self.double:
            raise ValueError("flip=True, double=True: the doubled set is mirrored already; one of the two is wanted")

    @property
    def span(self) -> int:
        """The fewest frames a video must have for one clip at the least time step."""
        return (self.frames - 1) * self.steps[0] + 1


@dataclass(frozen=True)
class Batch:
    """Clips of one training step."""

    index: int  # number of the step
    video: Tensor  # (b, 3, t, h, w) in [-1, 1]
    label: Tensor | None  # (b,) class numbers, or None without labels


class ClipDataset:
    """The clips of a folder of videos, all decoded once, when it is made.

    Videos are scaled while they are decoded, on a thread per core, and kept as uint8: in memory, or memory-mapped in
    `cache`, where the next run finds them again by content and settings, whatever the files are called by then.

    Attributes:
        classes: names of the labels in natural order; empty without labels.
        skipped: (path, reason) of what was left out: files that are no videos, too short ones, damaged ones.
        fingerprint: sha256 over the names and contents of the videos that are in use.

    Args:
        root: a folder as `scan_folder` reads it.
        config: how clips are cut.
        scan: which videos below `root` to use, such as a split of a dataset (`layouts.Listing.scan`); None: all.
        cache: a folder for decoded videos, made if needed; None keeps them in memory (up to 4 GiB).
        skip_corrupt: leave out, and list, videos that are damaged, too large or smaller than 8 x 8 pixels.
        progress: called with (videos done, videos in all).

    Raises:
        FileNotFoundError, NotADirectoryError: when there is no such folder.
        ValueError: naming the file, when a video cannot be used (see `skip_corrupt` and `ClipConfig.short`), or the
            folder, when no video is left.
    """

    def __init__(
        self,
        root: Path | str,
        config: ClipConfig | None = None,
        *,
        scan: Scan | None = None,
        cache: Path | str | None = None,
        skip_corrupt: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.config = config or ClipConfig()
        self._cache = Path(cache) if cache else None
        if self._cache:
            self._cache.mkdir(parents=True, exist_ok=True)
        scan = scan or scan_folder(root)
        self.skipped: list[tuple[Path, str]] = list(scan.ignored)
        self._videos = self._usable(scan.sources, skip_corrupt, progress)
        if not self._videos:
            example = "".join(f", e.g. {path.name}: {reason}" for path, reason in self.skipped[-1:])
            raise ValueError(f"{root}: none of its {len(scan.sources)} videos can be used{example}")
        labels = {video.source.label for video in self._videos if video.source.label is not None}
        self.classes = scan.classes or tuple(sorted(labels, key=natural_key))
        names = (
            f"{video.source.path.relative_to(root).as_posix()}{video.source.part} {video.digest}"
            for video in self._videos
        )
        self.fingerprint = hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()

    def __len__(self) -> int:
        """Return the number of videos; mirrored ones count when the set is doubled."""
        return len(self._videos) * (2 if self.config.double else 1)

    def clip(self, index: int, generator: torch.Generator) -> tuple[Tensor, int | None]:
        """Cut a random clip out of one video: start, time step and mirroring are drawn from `generator`.

        Returns:
            The clip, uint8 (3, t, h, w), and its class number (None without labels).
        """
        frames, label = self._cut(index, generator)
        return torch.from_numpy(frames).movedim(-1, 0), label

    def starts(self, index: int) -> int:
        """Count the frames of a video with which a clip at the least time step can begin: 0, 1, ... (`clip_at`)."""
        length = self._video(index).shape[0]
        return length if length < self.config.span else length - self.config.span + 1

    def clip_at(self, index: int, start: int) -> tuple[Tensor, int | None]:
        """Cut the clip out of one video that begins with frame `start`, at the least time step; nothing is drawn.

        Returns:
            As `clip`.
        Raises:
            ValueError: when no clip begins there.
        """
        if not 0 <= start < self.starts(index):
            raise ValueError(f"start={start}; 0 to {self.starts(index) - 1} is wanted for video {index}")
        video = self._video(index)
        frames = video.pick(_spaced(start, self.config.steps[0], self.config.frames, video.shape[0]))
        frames = np.ascontiguousarray(self._mirrored(index, frames))
        return torch.from_numpy(frames).movedim(-1, 0), self._class(video)

    def batches(
        self, batch_size: int, *, seed: int, start: int = 0, workers: int = 0, rank: int = 0, world_size: int = 1
    ) -> Iterator[Batch]:
        """Yield batches for ever, each a pure function of `seed` and its number; every epoch shows each video once.

        Args:
            batch_size: clips of a step over all ranks; each rank yields its `batch_size / world_size` of them.
            seed: not negative; one seed draws the same clips whatever the number of workers and ranks.
            start: number of the first batch, to go on after a pause.
            workers: threads that prepare batches ahead; 0 prepares each when it is asked for.
            rank: of this process.
            world_size: number of processes.
        Raises:
            ValueError: when the ranks cannot share `batch_size` evenly.
        """
        if batch_size < 1 or batch_size % world_size or not 0 <= rank < world_size:
            raise ValueError(f"batch_size={batch_size} for rank {rank} of {world_size}: not a multiple of the ranks")
        if start < 0 or workers < 0:
            raise ValueError(f"start={start}, workers={workers}; 0 or more is wanted")
        share = batch_size // world_size

        def batch(index: int) -> Batch:
            first = index * batch_size + rank * share
            return self._batch(index, range(first, first + share), seed)

        return map_in_order(batch, count(start), workers)

    def _batch(self, index: int, samples: range, seed: int) -> Batch:
        """The clips of these samples; sample n shows video n of the endless row of shuffled epochs."""
        order: dict[int, Tensor] = {}  # by epoch; a batch may reach over the end of one
        clips, labels = [], []
        for sample in samples:
            epoch, place = divmod(sample, len(self))
            if epoch not in order:
                order[epoch] = torch.randperm(len(self), generator=seeded(seed, 0, epoch))
            clip, label = self._cut(int(order[epoch][place]), seeded(seed, 1, sample))
            clips.append(clip)
            labels.append(label)
        video = to_float(torch.from_numpy(np.stack(clips)).movedim(-1, 1))
        return Batch(index, video, torch.tensor(labels) if self.classes else None)

    def _cut(self, index: int, generator: torch.Generator) -> tuple[np.ndarray, int | None]:
        """A random clip (t, h, w, 3) of a video and its class number."""
        video = self._video(index)
        frames = self._mirrored(index, video.pick(_frame_numbers(video.shape[0], self.config, generator)))
        if self.config.flip and torch.randint(2, (), generator=generator):
            frames = frames[:, :, ::-1]
        return np.ascontiguousarray(frames), self._class(video)

    def _video(self, index: int) -> DecodedVideo:
        """Video `index`; in a doubled set the mirrored ones come after all others."""
        if not 0 <= index < len(self):
            raise IndexError(f"video {index} of {len(self)}")
        return self._videos[index % len(self._videos)]

    def _mirrored(self, index: int, frames: np.ndarray) -> np.ndarray:
        """The frames of video `index`, mirrored if it is one of the mirrored ones."""
        return frames[:, :, ::-1] if index >= len(self._videos) else frames

    def _class(self, video: DecodedVideo) -> int | None:
        """The class number of a video, or None without labels."""
        label = video.source.label
        return None if label is None else self.classes.index(label)

    def _usable(
        self, sources: tuple[VideoSource, ...], skip_corrupt: bool, progress: Callable[[int, int], None] | None
    ) -> list[DecodedVideo]:
        """Decode all sources; those that cannot be used are refused, or listed as skipped."""

        def attempt(source: VideoSource) -> DecodedVideo | ValueError:
            try:
                return decode(source, self.config.resolution, self.config.fit, self._cache)
            except ValueError as error:
                return error

        videos: list[DecodedVideo] = []
        size = 0
        with closing(map_in_order(attempt, sources, os.cpu_count() or 1)) as attempts:
            for done, (source, video) in enumerate(zip(sources, attempts, strict=True), start=1):
                if isinstance(video, ValueError):
                    if not skip_corrupt:
                        raise video
                    self.skipped.append((source.path, str(video).removeprefix(f"{source.path}: ")))
                elif self._is_long_enough(video):
                    videos.append(video)
                    size += video.frames.nbytes if isinstance(video.frames, np.ndarray) else 0
                if size > MAX_BYTES:
                    raise ValueError(f"{source.path}: the decoded videos pass {MAX_BYTES} bytes: name a cache folder")
                if progress:
                    progress(done, len(sources))
        return videos

    def _is_long_enough(self, video: DecodedVideo) -> bool:
        """Whether a clip can be cut out of a video; if not, it is refused or listed as skipped."""
        if video.shape[0] >= self.config.span or self.config.short == "loop":
            return True
        path, reason = video.source.path, f"{video.shape[0]} frames; a clip needs {self.config.span}"
        if self.config.short == "error":
            raise ValueError(f"{path}: {reason}")
        self.skipped.append((path, reason))
        return False


def _frame_numbers(length: int, config: ClipConfig, generator: torch.Generator) -> np.ndarray:
    """Frames of a random clip: the time step is drawn among those that fit, then the start among those that fit it.

    A video too short for any of them is repeated from its first frame, at the least time step and from any start.
    """
    least, largest = config.steps
    fitting = [step for step in range(least, largest + 1) if (config.frames - 1) * step < length]
    step, starts = least, length
    if fitting:
        step = fitting[int(torch.randint(len(fitting), (), generator=generator))]
        starts = length - (config.frames - 1) * step
    start = int(torch.randint(starts, (), generator=generator))
    return _spaced(start, step, config.frames, length)


def _spaced(start: int, step: int, count: int, length: int) -> np.ndarray:
    """`count` frames, each `step` after the one before; after the last frame of the video comes the first."""
    return (start + step * np.arange(count)) % length
