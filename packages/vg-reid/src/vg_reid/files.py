"""Files that are either the old one or the whole new one, whatever stops the process; and those of numpy."""

import os
import pickle
import secrets
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

# What PyTorch, pickle, numpy and safetensors raise where a file is damaged: each by the byte that it stumbles over.
DAMAGE = (
    *(RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError, OverflowError),
    *(struct.error, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, SafetensorError),
)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a fresh path in the folder of `path`; the file written there replaces `path` when the block ends well.

    Raises:
        OSError: if the folder cannot be written or the disk is full; `path` is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        with _disk_errors(path):
            yield staged
        _replace(staged, path)
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder; when the block ends well its files replace their namesakes in `folder`, one after another.

    Raises:
        OSError: if the folder cannot be written or the disk is full; its files are then as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".saving.", dir=folder) as name:
        with _disk_errors(folder):
            yield Path(name)
        for staged in sorted(Path(name).iterdir(), reverse=True):  # model.safetensors before config.json
            _replace(staged, folder / staged.name)


def require_suffix(path: Path, suffix: str) -> None:
    """Refuse an output file of another kind before the work that leads to it.

    Raises:
        ValueError: if the suffix of `path` is another.
    """
    if path.suffix != suffix:
        raise ValueError(f"{path} ends in {path.suffix!r}, wanted {suffix!r}")


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a .npz file by their names; nothing pickled is ever loaded.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged or no archive of plain arrays; whoever knows what it is for names the file.
    """
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is no .npz archive, or not all of one")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(str(error)) from None


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Raise what safetensors says about a full disk as the OSError that it is."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(f"{path} could not be written: {error}") from None


def _replace(staged: Path, path: Path) -> None:
    with staged.open("rb+") as file:
        os.fsync(file.fileno())
    staged.replace(path)
