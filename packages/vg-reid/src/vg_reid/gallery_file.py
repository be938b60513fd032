"""The gallery file: one safetensors file, written row after row and opened without reading the vectors."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vg_reid.files import atomic
from vg_reid.index import ROWS_PER_BLOCK
from vg_reid.rows import Texts, check_keys
from vg_reid.view import View

FORMAT = "vg-reid/gallery 2"
CHECKED = 8  # vectors whose length is looked at when a file is opened: each may bring 2 MB into memory
TYPES = {torch.int64: "I64", torch.float32: "F32", torch.uint8: "U8"}


class Opened(NamedTuple):
    """A gallery file; its vectors and metadata are still on disk."""

    tensors: tuple[Tensor, Tensor, Texts]
    """Vectors, (n, dim), ids, (n, 3), and metadata."""
    dim: int
    source: str
    next_key: int
    state: str
    """What tells this file from another one in its place: size, time and inode."""


class _Tensor(NamedTuple):
    """A tensor to be written, in pieces."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    pieces: Iterable[Tensor]


def write_gallery(path: Path, view: View, dim: int, source: str) -> None:
    """Write the entries of a view; an older file there is replaced as a whole, when all is on disk.

    Raises:
        OSError: if it cannot be written, for example on a full disk.
    """
    texts = Texts.of(list(view.texts()))
    tensors = {
        "ids": _Tensor(torch.int64, (view.count, 3), [view.ids()]),
        "ends": _Tensor(torch.int64, (view.count,), [texts.ends]),
        "vectors": _Tensor(torch.float32, (view.count, dim), _vectors(view)),
        "metadata": _Tensor(torch.uint8, (len(texts.data),), [texts.data]),
    }
    header = {"format": FORMAT, "source": source, "next_key": str(view.next_key)}
    with atomic(path) as staged:
        _write_safetensors(staged, tensors, header)


def read_gallery(path: Path) -> Opened:
    """Open a file of `write_gallery`; ids are read, vectors and metadata are mapped into memory.

    Where another file takes its place meanwhile, that one is opened.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged or no gallery; the message names the file.
    """
    while True:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is no file: wanted a gallery, as `python -m vg_reid index` writes it")
        state = _state(path)
        opened = _open(path, state)
        if _state(path) == state:
            return opened


def _state(path: Path) -> str:
    seen = path.stat()
    return f"{seen.st_size} {seen.st_mtime_ns} {seen.st_ino}"


def _open(path: Path, state: str) -> Opened:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(f"its format is {header.get('format')!r}, wanted {FORMAT!r}")
            vectors, ids, ends, data = (file.get_tensor(name) for name in ("vectors", "ids", "ends", "metadata"))
        _check(vectors, ids, ends, data)
        next_key = max(int(header["next_key"]), int(ids[:, 0].max()) + 1 if len(ids) else 0)
        return Opened((vectors, ids, Texts(data, ends, str(path))), vectors.shape[1], header["source"], next_key, state)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is no whole gallery file ({error}): wanted one written by Gallery.save") from None


def _check(vectors: Tensor, ids: Tensor, ends: Tensor, data: Tensor) -> None:
    types = [tensor.dtype for tensor in (vectors, ids, ends, data)]
    if types != [torch.float32, torch.int64, torch.int64, torch.uint8]:
        raise ValueError(f"its tensors are {types}")
    if vectors.ndim != 2 or vectors.shape[1] < 1 or data.ndim != 1:
        raise ValueError(f"its vectors are {tuple(vectors.shape)} and its metadata {tuple(data.shape)}")
    n = len(vectors)
    if ids.shape != (n, 3) or ends.shape != (n,):
        raise ValueError(f"its ids are {tuple(ids.shape)} and its ends {tuple(ends.shape)} for {n} vectors")
    if n and not (int(ends[0]) >= 0 and bool((ends[1:] >= ends[:-1]).all()) and int(ends[-1]) <= len(data)):
        raise ValueError("its metadata is cut otherwise than it is long")
    some = vectors[:: max(1, n // CHECKED)]
    if not torch.allclose(some.norm(dim=1), torch.ones(()), atol=1e-3):
        raise ValueError("its vectors are not of length 1")
    check_keys(ids[:, 0])


def _vectors(view: View) -> Iterator[Tensor]:
    for start, part in view.rows.vectors.parts(view.n):
        for number, piece in enumerate(part.split(ROWS_PER_BLOCK)):
            first = start + number * ROWS_PER_BLOCK
            alive = view.alive[first : first + len(piece)]
            yield piece.cpu() if alive.all() else piece.cpu()[alive]


def _write_safetensors(path: Path, tensors: Mapping[str, _Tensor], metadata: dict[str, str]) -> None:
    """Write the safetensors format piece by piece: length of the header, header as JSON, the tensors as they lie."""
    header: dict[str, object] = {"__metadata__": metadata}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.dtype.itemsize * torch.Size(tensor.shape).numel()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # numbers of 8 bytes begin at multiples of 8
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            for piece in tensor.pieces:
                file.write(piece.contiguous().numpy().data)
