"""Folders of clips or pictures: video files, folders of frames, horizontal strips, single pictures."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vg_metrics.codec import SUFFIXES, ShortClipError, Window, read_video

WIDEST_FRAME = 4  # equally large pictures from 4:1 on are strips, below that the frames of one clip
LOSSLESS = ("PNG", "BMP", "PPM", "TIFF")


@dataclass(frozen=True)
class Source:
    """One clip or picture on disk.

    Attributes:
        name: path in the folder without suffix: the same in two folders for paired clips.
        paths: the pictures of its frames in natural order, one strip, one video file, or one picture.
        strip: whether the one picture is a strip of square frames.
        lossless: whether the files keep every pixel: not JPEG, nor any video file.
    """

    name: str
    paths: tuple[Path, ...]
    strip: bool = False
    lossless: bool = False

    def read(self, window: Window = range) -> Tensor:
        """The frames (3, t, h, w), bytes, RGB, that a window asks for; all of them by default.

        Raises:
            ValueError: naming the file, if it is damaged, or frames differ in size.
            ShortClipError: if the window wants more frames than there are.
        """
        if self.paths[0].suffix.lower() in SUFFIXES:
            frames = read_video(self.paths[0], window)
        elif self.strip:
            frames = self._cut(read_picture(self.paths[0]), window)
        else:
            frames = np.stack([read_picture(self.paths[index]) for index in self._chosen(len(self.paths), window)])
        return torch.from_numpy(frames).permute(3, 0, 1, 2)

    def digest(self) -> str:
        """Sha256 of the contents, file after file."""
        total = hashlib.sha256()
        for path in self.paths:
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()

    def _cut(self, strip: np.ndarray, window: Window) -> np.ndarray:
        side = strip.shape[0]
        chosen = self._chosen(strip.shape[1] // side, window)
        return np.stack([strip[:, index * side : (index + 1) * side] for index in chosen])

    def _chosen(self, length: int, window: Window) -> range:
        chosen = window(length)
        if chosen is None:
            raise ShortClipError(self.paths[0], length)
        return chosen


@dataclass(frozen=True)
class Clips:
    """The clips or pictures of a folder, in natural order (2 before 10), not yet read.

    Attributes:
        root: the folder.
        sources: its clips or pictures.
        skipped: what is neither, with the reason.
    """

    root: Path
    sources: tuple[Source, ...]
    skipped: tuple[tuple[Path, str], ...]

    def __len__(self) -> int:
        return len(self.sources)

    def __iter__(self) -> Iterator[Source]:
        return iter(self.sources)

    def name(self, index: int) -> str:
        """Name of a clip: its path in the folder without suffix."""
        return self.sources[index].name


def load_clips(folder: str | Path) -> Clips:
    """Find the clips in a folder and below it; hidden files and folders are passed over.

    Video files are told by their suffix. Pictures are told by the folder they lie in: equally large ones, less than
    4:1, are the frames of one clip; any other whose width is a multiple of its height is a horizontal strip of square
    frames.

    Args:
        folder: holds .mp4, .mov, .avi, .mkv, .webm or .gif files, or PNG, JPEG or other pictures that Pillow reads.
    Raises:
        NotADirectoryError: if there is no such folder.
        ValueError: if there is no clip in it, with an example of what was found.
    """
    found: list[Source] = []
    skipped: list[tuple[Path, str]] = []
    root = Path(folder)
    for files in _folders(root):
        found += [Source(_name(path, root), (path,)) for path in files if path.suffix.lower() in SUFFIXES]
        pictures = _pictures([path for path in files if path.suffix.lower() not in SUFFIXES], skipped)
        sizes = {picture.size for picture in pictures}
        if len(pictures) > 1 and len(sizes) == 1 and all(width < WIDEST_FRAME * height for width, height in sizes):
            lossless = all(picture.lossless for picture in pictures)
            name = pictures[0].path.parent.relative_to(root).as_posix()
            found.append(Source(name, tuple(picture.path for picture in pictures), lossless=lossless))
            continue
        for picture in pictures:
            width, height = picture.size
            if width > height and width % height == 0:
                found.append(Source(_name(picture.path, root), (picture.path,), True, picture.lossless))
            else:
                reason = f"{width}x{height}: neither a strip of square frames nor equal to its neighbors"
                skipped.append((picture.path, reason))
    return _clips(root, found, skipped, "clip")


def load_pictures(folder: str | Path) -> Clips:
    """Find the pictures in a folder and below it, each a sample of its own; errors as `load_clips`."""
    found: list[Source] = []
    skipped: list[tuple[Path, str]] = []
    root = Path(folder)
    for files in _folders(root):
        found += [
            Source(_name(picture.path, root), (picture.path,), lossless=picture.lossless)
            for picture in _pictures(files, skipped)
        ]
    return _clips(root, found, skipped, "picture")


def fingerprint(contents: dict[str, str]) -> str:
    """Sha256 over the names and content digests of a set, in the order of the names."""
    total = hashlib.sha256()
    for name in sorted(contents):
        total.update(f"{name}\0{contents[name]}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def read_picture(path: Path) -> np.ndarray:
    """A picture as RGB (h, w, 3); ValueError naming the file if it is damaged."""
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is a damaged picture ({error})") from error


@dataclass(frozen=True)
class _Picture:
    path: Path
    size: tuple[int, int]  # width, height
    lossless: bool


def _folders(root: Path) -> Iterator[list[Path]]:
    """The files of the folder and of each one below it, without hidden ones."""
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder")
    for inner in sorted((root, *root.rglob("*/")), key=natural):
        if not any(part.startswith(".") for part in inner.relative_to(root).parts):
            yield [p for p in sorted(inner.iterdir(), key=natural) if p.is_file() and not p.name.startswith(".")]


def _pictures(files: Sequence[Path], skipped: list[tuple[Path, str]]) -> list[_Picture]:
    """The files that are pictures, by their content; the others are added to the skipped ones."""
    pictures = []
    for path in files:
        try:
            with Image.open(path) as picture:
                pictures.append(_Picture(path, picture.size, picture.format in LOSSLESS))
        except Image.DecompressionBombError:
            skipped.append((path, "too large"))
        except (OSError, SyntaxError):
            skipped.append((path, "no picture"))
    return pictures


def _clips(root: Path, found: list[Source], skipped: list[tuple[Path, str]], what: str) -> Clips:
    if not found:
        first = f"{len(skipped)} skipped, first {skipped[0][0].name}: {skipped[0][1]}" if skipped else "it is empty"
        raise ValueError(f"{root}: no {what} in it ({first})")
    return Clips(root, tuple(found), tuple(skipped))


def _name(path: Path, root: Path) -> str:
    return path.with_suffix("").relative_to(root).as_posix()


def natural(path: Path) -> list[tuple[int, str]]:
    """Sort key in which frame 2 comes before frame 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.as_posix())]
