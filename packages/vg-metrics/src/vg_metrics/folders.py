"""Folders of clips as pictures: the frames of a clip in a sub-folder, or one horizontal strip a clip."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

WIDEST_FRAME = 4  # equally large pictures from 4:1 on are strips, below that the frames of one clip


@dataclass(frozen=True)
class Clips:
    """The clips of a folder; each is read when it is asked for, `clips[3]` or `for clip in clips`.

    Attributes:
        root: the folder.
        sources: the pictures of each clip: its frames in natural order, or one strip.
        skipped: what is no clip or a too short one, with the reason.
        frames: central frames that are read of each clip; None for all.
    """

    root: Path
    sources: tuple[tuple[Path, ...], ...]
    skipped: tuple[tuple[Path, str], ...]
    frames: int | None

    def __len__(self) -> int:
        return len(self.sources)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Tensor:
        """Clip (3, t, h, w), bytes, RGB; ValueError naming the file if a picture is damaged."""
        source = self.sources[index]
        length = _length(source)
        count = self.frames or length
        chosen = range(length // 2 - count // 2, length // 2 - count // 2 + count)
        if len(source) > 1:
            pictures = [_read(source[i]) for i in chosen]
        else:
            strip = _read(source[0])
            side = strip.shape[0]
            pictures = [strip[:, i * side : (i + 1) * side] for i in chosen]
        return torch.from_numpy(np.stack(pictures)).permute(3, 0, 1, 2)

    def name(self, index: int) -> str:
        """Path of a clip in the folder without suffix: the same in two folders for paired clips."""
        source = self.sources[index]
        path = source[0].with_suffix("") if len(source) == 1 else source[0].parent
        return path.relative_to(self.root).as_posix()


def load_clips(folder: str | Path, *, frames: int | None = 16) -> Clips:
    """Find the clips in a folder and below it; hidden files and folders are passed over.

    Pictures are told by the folder they lie in: equally large ones, less than 4:1, are the frames of one clip; any
    other whose width is a multiple of its height is a horizontal strip of square frames.

    Args:
        folder: holds PNG, JPEG or other pictures that Pillow reads.
        frames: central frames to take of each clip, shorter ones are skipped and listed; None takes all frames.
    Returns:
        The clips, in natural order (2 before 10), not yet read.
    Raises:
        NotADirectoryError: if there is no such folder.
        ValueError: if there is no clip in it, with an example of what was found.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder")
    found: list[tuple[Path, ...]] = []
    skipped: list[tuple[Path, str]] = []
    for inner in sorted((root, *root.rglob("*/")), key=_natural):
        if not any(part.startswith(".") for part in inner.relative_to(root).parts):
            _scan(inner, found, skipped)
    sources = []
    for source in found:
        if frames and _length(source) < frames:
            skipped.append((source[0], f"{_length(source)} frames, wanted at least {frames}"))
        else:
            sources.append(source)
    if not sources:
        first = f"{len(skipped)} skipped, first {skipped[0][0].name}: {skipped[0][1]}" if skipped else "it is empty"
        raise ValueError(f"{root}: no clip in it ({first})")
    return Clips(root, tuple(sources), tuple(skipped), frames)


def _scan(folder: Path, found: list[tuple[Path, ...]], skipped: list[tuple[Path, str]]) -> None:
    """Sort the pictures that lie directly in a folder into clips."""
    sizes: dict[Path, tuple[int, int]] = {}
    for path in sorted(folder.iterdir(), key=_natural):
        if path.is_file() and not path.name.startswith("."):
            try:
                with Image.open(path) as picture:
                    sizes[path] = picture.size
            except (OSError, Image.DecompressionBombError) as error:
                reason = "too large" if isinstance(error, Image.DecompressionBombError) else "no picture"
                skipped.append((path, reason))
    shapes = set(sizes.values())
    if len(sizes) > 1 and len(shapes) == 1 and all(width < WIDEST_FRAME * height for width, height in shapes):
        found.append(tuple(sizes))
        return
    for path, (width, height) in sizes.items():
        if width > height and width % height == 0:
            found.append((path,))
        else:
            skipped.append((path, f"{width}x{height}: neither a strip of square frames nor equal to its neighbors"))


def _length(source: Sequence[Path]) -> int:
    if len(source) > 1:
        return len(source)
    with Image.open(source[0]) as strip:
        return strip.width // strip.height


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is a damaged picture ({error})") from error


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key in which frame 2 comes before frame 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.as_posix())]
