"""A folder becomes a list of videos: files, folders of frames and strips, told apart by content."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from vg_video.data.bair import read_episode
from vg_video.data.codec import stream_video
from vg_video.data.containers import is_image, video_container
from vg_video.data.stills import frame_files, image_size, natural_key, read_strip, stream_frames, strip_length

WIDEST_FRAME = 4  # equally large pictures from 4:1 on are strips, below that the frames of one video


@dataclass(frozen=True)
class VideoSource:
    """One video on disk: a video file, a folder of frames, a horizontal strip, or an episode in a file of records."""

    path: Path
    kind: Literal["file", "frames", "strip", "record"]
    label: str | None = None
    span: tuple[int, int] | None = None  # of a part of a longer video: its first frame and the one after its last
    number: int = 0  # of the episode in a file of records

    @property
    def part(self) -> str:
        """Which part of what lies at `path` this is: "[12:60]", "#3", or nothing for all of it."""
        if self.span:
            return f"[{self.span[0]}:{self.span[1]}]"
        return f"#{self.number}" if self.kind == "record" else ""

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames, uint8 RGB (h, w, 3); ValueError when the video is damaged or ends before its part does."""
        if not self.span:
            yield from self._all_frames()
            return
        count = 0
        for count, frame in enumerate(islice(self._all_frames(), self.span[1]), start=1):
            if count > self.span[0]:
                yield frame
        self.bounds(count)

    def bounds(self, length: int) -> tuple[int, int]:
        """Tell first frame and the one after the last in a video of `length` frames; ValueError when it ends before."""
        first, end = self.span or (0, length)
        if end > length:
            raise ValueError(f"{self.path}: {length} frames; frames {first} to {end - 1} are wanted")
        return first, end

    def digest(self) -> str:
        """Sha256 of the content: of the file, of the frames' digests in order, or of the episode's frames.

        Parts of one video share it.
        """
        if self.kind == "record":
            return hashlib.sha256(read_episode(self.path, self.number).tobytes()).hexdigest()
        if self.kind != "frames":
            return _file_digest(self.path)
        parts = [_file_digest(path) for path in frame_files(self.path)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _all_frames(self) -> Iterator[np.ndarray]:
        """The frames of the whole video."""
        match self.kind:
            case "file":
                return stream_video(self.path)
            case "frames":
                return stream_frames(self.path)
            case "strip":
                return iter(read_strip(self.path))
            case "record":
                return iter(read_episode(self.path, self.number))


class Scan(NamedTuple):
    """What a folder holds: its videos in natural order, and the other files, each with the reason it is none.

    `classes` names all labels that there can be, where that is known; empty, they are those of the videos.
    """

    sources: tuple[VideoSource, ...]
    ignored: tuple[tuple[Path, str], ...]
    classes: tuple[str, ...] = ()


def scan_folder(root: Path | str) -> Scan:
    """Find the videos in a folder and below it; hidden files and folders are passed over.

    A file is told by its content. Pictures are told by the folder they lie in: equally large ones, less than 4:1, are
    the frames of one video; any other whose width is 2, 3, ... times its height is a strip; the rest is ignored.
    The label of a video is the name of the sub-folder of `root` that it lies in. Labels are for all or none: when a
    video lies in no sub-folder (a folder of frames directly in `root` does not), no video has a label.

    Raises:
        FileNotFoundError, NotADirectoryError: when there is no such folder.
        ValueError: when there is no video in it, with an example of what was found.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder")
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: is a file; a folder of videos is wanted")
    sources: list[VideoSource] = []
    ignored: list[tuple[Path, str]] = []
    for folder in _folders(root, frozenset()):
        _scan_one(folder, sources, ignored)
    if not sources:
        if not ignored:
            raise ValueError(f"{root}: no video in it (it is empty)")
        path, reason = ignored[0]
        raise ValueError(
            f"{root}: no video in it (none of its {len(ignored)} files is one, e.g. {path.name}: {reason})"
        )
    return Scan(_labelled(root, sources), tuple(ignored))


def _folders(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """The folder and all below it, parents first, in natural order; a link back to a parent is not followed."""
    real = folder.resolve()
    if real in above:
        return
    yield folder
    inside = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in sorted(inside, key=lambda path: natural_key(path.name)):
        yield from _folders(path, above | {real})


def _scan_one(folder: Path, sources: list[VideoSource], ignored: list[tuple[Path, str]]) -> None:
    """Sort the files directly in a folder into sources and ignored ones."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    pictures: dict[Path, tuple[int, int] | None] = {}  # None: a picture whose header is damaged
    for path in sorted(files, key=lambda path: natural_key(path.name)):
        if video_container(path):
            sources.append(VideoSource(path, "file"))
        elif is_image(path):
            try:
                pictures[path] = image_size(path)
            except ValueError:
                pictures[path] = None
        else:
            ignored.append((path, "neither a video nor a picture" if path.stat().st_size else "empty"))
    sizes = {size for size in pictures.values() if size}
    if len(pictures) > 1 and len(sizes) == 1 and all(w < WIDEST_FRAME * h for w, h in sizes):
        sources.append(VideoSource(folder, "frames"))
        return
    for path, size in pictures.items():
        if size is None or strip_length(*size):
            sources.append(VideoSource(path, "strip"))  # a damaged one says so when it is read
        else:
            ignored.append((path, f"a {size[0]}x{size[1]} picture: no strip, and not as large as its neighbors"))


def _labelled(root: Path, sources: list[VideoSource]) -> tuple[VideoSource, ...]:
    """The sources in natural order of their paths, labelled when each lies in a sub-folder."""
    parts = [source.path.relative_to(root).parts for source in sources]
    found = sorted(zip(parts, sources, strict=True), key=lambda pair: [natural_key(part) for part in pair[0]])
    if any(len(part) < 2 for part in parts):
        return tuple(source for _, source in found)
    return tuple(VideoSource(source.path, source.kind, part[0]) for part, source in found)


def _file_digest(path: Path) -> str:
    """Sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
