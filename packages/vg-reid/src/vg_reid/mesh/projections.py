"""Projections of bodies as a set of files in the layout of the official code: read as training reads them.

`<root>/train/render/<photo>` is the body as the photo shows it, `<root>/train/render_45/<photo>` turned by 45 degrees,
and so on; `<root>/test` likewise. A projection has its photo's file name; folders of the photo may stay before it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vg_reid.data.layouts import Person, find_images
from vg_reid.data.transforms import read_image
from vg_reid.mesh.rotate import AZIMUTHS

Part = Literal["train", "test"]

MEMORY_LIMIT = 4 << 30  # bytes; Market-1501's training images at 8 azimuths are 3.4 GB at 256x128


class Projections:
    """The projections of a set of photos, as tensors.

    A projection is read when it is first asked for, and kept as bytes (height x width of them) until `memory_limit` is
    reached; those beyond it are decoded every time. Grey and color files of any size are taken: they are turned to
    grey, resized bicubically and mapped to [-1, 1].

    Args:
        root: folder with `train` and `test`.
        part: which of the two.
        persons: the photos, in the order that indices mean.
        azimuths: the turns that are needed, degrees.
        height: pixels.
        width: pixels.
        allow_missing: give empty projections (-1 all over) where there are none, and list the photos in `missing`.
        memory_limit: bytes of pixels to keep.
    Raises:
        FileNotFoundError: if there is no such folder, or nothing of the part in it.
        ValueError: if projections are missing that may not be; the message counts and names them.
    """

    def __init__(
        self,
        root: str | Path,
        part: Part,
        persons: Sequence[Person],
        *,
        azimuths: Sequence[int] = AZIMUTHS,
        height: int = 256,
        width: int = 128,
        allow_missing: bool = False,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self.azimuths = tuple(azimuths)
        self.height, self.width = height, width
        self._room = memory_limit // (height * width)
        self._kept: dict[tuple[int, int], Tensor] = {}
        if not (Path(root) / part).is_dir():
            raise FileNotFoundError(
                f"{Path(root) / part} is no folder: wanted projections, as `python -m vg_reid project` writes them"
            )
        folders = {turn: azimuth_folder(Path(root), part, turn) for turn in (0, *azimuths)}
        names = {turn: _names(folder) for turn, folder in folders.items()}
        self._files: list[dict[int, Path] | None] = []
        missing = []
        for person in persons:
            found = {turn: _find(person.path, folders[turn], names[turn]) for turn in folders}
            files = {turn: path for turn, path in found.items() if path is not None}
            whole = len(files) == len(found)
            self._files.append(files if whole else None)
            if not whole:
                missing.append(person.path)
        self.missing: tuple[Path, ...] = tuple(missing)
        """Photos without all of their projections."""
        if missing and not (allow_missing and len(missing) < len(persons)):
            raise ValueError(
                f"{Path(root) / part} lacks projections of {len(missing)} of {len(persons)} photos, at some of the "
                f"azimuths {(0, *azimuths)}: {', '.join(path.name for path in missing[:5])}"
                f"{' ...' if len(missing) > 5 else ''}"
            )

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._files)

    @property
    def available(self) -> Tensor:
        """Indices of the photos with all of their projections, int64."""
        return torch.tensor([index for index, files in enumerate(self._files) if files is not None])

    def original(self, indices: Sequence[int]) -> Tensor:
        """Return s_ori: the bodies as the photos show them.

        Args:
            indices: which photos.
        Returns:
            (b, 1, h, w) in [-1, 1].
        Raises:
            ValueError: if a file cannot be decoded; the message names it.
            IndexError: if an index is out of range.
        """
        return self.rotated(indices, [0] * len(indices))

    def rotated(self, indices: Sequence[int], azimuths: Sequence[int]) -> Tensor:
        """Return s_new: the bodies turned, each by its own angle (6.3.1).

        Args:
            indices: which photos.
            azimuths: as many degrees, of those that were asked for at the start, or 0.
        Returns:
            (b, 1, h, w) in [-1, 1].
        Raises:
            ValueError: as `original` does, or if an azimuth is another.
            IndexError: if an index is out of range.
        """
        wrong = set(azimuths) - {0, *self.azimuths}
        if wrong or len(indices) != len(azimuths):
            raise ValueError(f"azimuths {list(azimuths)} of {len(indices)} photos, wanted one each of {self.azimuths}")
        pixels = torch.stack([self._pixels(index, turn) for index, turn in zip(indices, azimuths, strict=True)])
        return pixels[:, None].float() / 127.5 - 1

    def _pixels(self, index: int, turn: int) -> Tensor:
        """Return one projection, (h, w) bytes."""
        kept = self._kept.get((index, turn))
        if kept is not None:
            return kept
        files = self._files[index]
        if files is None:
            return torch.zeros(self.height, self.width, dtype=torch.uint8)
        grey = read_image(files[turn]).convert("L").resize((self.width, self.height), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(grey))
        if len(self._kept) < self._room:
            self._kept[index, turn] = pixels
        return pixels


def azimuth_folder(root: Path, part: Part, azimuth: int) -> Path:
    """Return the folder of the projections that are turned by so many degrees; 0 are those as in the photos."""
    return root / part / (f"render_{azimuth}" if azimuth else "render")


def projection_names(photos: Sequence[Path]) -> list[Path]:
    """Name the projections of photos: by the file name, with as many folders before it as tell all of them apart.

    Raises:
        ValueError: if a photo is there twice.
    """
    for depth in range(1, max((len(photo.parts) for photo in photos), default=0) + 1):
        names = [Path(*photo.parts[-depth:]) for photo in photos]
        if len(set(names)) == len(names) and not any(name.is_absolute() for name in names):
            return names
    if photos:
        raise ValueError(f"{len(photos)} photos, but {len(set(photos))} different ones, wanted each once")
    return []


def _names(folder: Path) -> set[Path]:
    """Return the projections in a folder, relative to it; none without one."""
    return {path.relative_to(folder) for path in find_images(folder)} if folder.is_dir() else set()


def _find(photo: Path, folder: Path, names: set[Path]) -> Path | None:
    """Find the projection whose path ends as the photo's does, in as many folders as possible."""
    for depth in range(min(4, len(photo.parts)), 0, -1):
        name = Path(*photo.parts[-depth:])
        if name in names:
            return folder / name
    return None
