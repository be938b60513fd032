"""Decoded videos: scaled once, then kept in memory, or on disk as raw frames that end with a checksum."""

import dataclasses
import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vg_video.data.files import write_atomically
from vg_video.data.folder import VideoSource
from vg_video.data.limits import stack_frames
from vg_video.data.transforms import Fit, fit_frame

SMALLEST_SIDE = 8  # pixels; a smaller video has nothing to learn from
_LAYOUT = 1  # of the stored files; part of their names
_DIGEST_BYTES = hashlib.sha256().digest_size


class DecodedVideo(NamedTuple):
    """A video at the size in which clips are cut from it."""

    source: VideoSource
    digest: str  # of the source's content
    shape: tuple[int, int, int, int]  # (t, resolution, resolution, 3)
    frames: np.ndarray | Path  # uint8, or the file that holds them
    first: int = 0  # frame of that file with which this video begins

    def pick(self, indices: np.ndarray) -> np.ndarray:
        """Copy the frames of these numbers; from disk only they are read."""
        # Mapped anew each time: a mapping that is kept also keeps a file open, and datasets have thousands of videos.
        # Raw frames, not .npy: numpy parses that header with `ast`, which fails at random in threads of Python 3.11.
        if isinstance(self.frames, Path):
            offset = self.first * math.prod(self.shape[1:])
            return np.asarray(np.memmap(self.frames, np.uint8, "r", offset, self.shape)[indices])
        return self.frames[indices]


def decode(source: VideoSource, resolution: int, fit: Fit, cache: Path | None) -> DecodedVideo:
    """Decode a video and scale its frames, or find them in `cache`, where a damaged file is made anew.

    The file's name there is a hash of the source's content and of the settings, so a renamed video is found again and a
    changed one is not. It holds uint8 (t, resolution, resolution, 3) and then the sha256 of that. Parts of one video
    share a file with all its frames, so that it is decoded once.

    Raises:
        ValueError: naming the source, when it is damaged, too large or too small.
    """
    digest = source.digest()
    if cache is None:
        frames = _scaled(source, resolution, fit)
        return DecodedVideo(source, digest, (len(frames), resolution, resolution, 3), frames)
    key = hashlib.sha256(f"{_LAYOUT} {digest} {source.kind} {resolution} {fit}".encode()).hexdigest()
    path = cache / f"{key}.rgb"
    if not _is_whole(path):
        data = _scaled(dataclasses.replace(source, span=None), resolution, fit).tobytes()
        write_atomically(path, data + hashlib.sha256(data).digest())
    first, end = source.bounds((path.stat().st_size - _DIGEST_BYTES) // (resolution * resolution * 3))
    return DecodedVideo(source, digest, (end - first, resolution, resolution, 3), path, first)


def _scaled(source: VideoSource, resolution: int, fit: Fit) -> np.ndarray:
    """All frames of a source, scaled one by one while they are decoded."""

    def scaled(frame: np.ndarray) -> np.ndarray:
        height, width = frame.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            raise ValueError(f"{source.path}: {width}x{height} pixels; at least {SMALLEST_SIDE} a side are wanted")
        return fit_frame(frame, resolution, fit)

    return stack_frames(source.path, map(scaled, source.frames()))


def _is_whole(path: Path) -> bool:
    """Whether a stored video is there and its checksum is right."""
    if not path.is_file() or path.stat().st_size <= _DIGEST_BYTES:
        return False
    data = np.memmap(path, np.uint8, "r")
    return hashlib.sha256(data[:-_DIGEST_BYTES].data).digest() == data[-_DIGEST_BYTES:].tobytes()
