"""What a gallery holds, row after row. Rows are only ever added, so whoever reads the first n is never disturbed."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vg_reid.index import Built
from vg_reid.index_cache import IndexCache

SPARE = 8192  # rows at most that a block may have room for beyond what is added to it now


class Growing:
    """A matrix that grows at its end without moving; one thread at a time may append, any may read.

    Args:
        first: the first rows, (n, d), kept as they are: they may be mapped from a file.
    """

    def __init__(self, first: Tensor) -> None:
        self._blocks = [first]
        self._starts = [0]
        self._used = len(first)

    def append(self, rows: Tensor) -> None:
        """Copy rows to the end, (m, d)."""
        room = self._starts[-1] + len(self._blocks[-1]) - self._used
        fitting, rest = rows[:room], rows[room:]
        begin = self._used - self._starts[-1]
        self._blocks[-1][begin : begin + len(fitting)] = fitting
        if len(rest):
            block = rows.new_empty(max(len(rest), min(self._used, SPARE)), rows.shape[1])
            block[: len(rest)] = rest
            self._starts.append(self._used + len(fitting))  # before the block: a reader pairs blocks with starts
            self._blocks.append(block)
        self._used += len(rows)

    def parts(self, stop: int, start: int = 0) -> Iterator[tuple[int, Tensor]]:
        """Give rows `start` to `stop` in pieces, each with the number of its first row; nothing is copied."""
        for block, first in zip(list(self._blocks), self._starts, strict=False):
            begin, end = max(start, first), min(stop, first + len(block))
            if begin < end:
                yield begin, block[begin - first : end - first]

    def gather(self, rows: Tensor) -> Tensor:
        """Copy some rows: numbers of any shape (...), on the CPU, to (..., d)."""
        if len(self._blocks) == 1:
            return self._blocks[0][rows.to(self._blocks[0].device)]
        blocks, flat = list(self._blocks), rows.flatten()
        starts = torch.tensor(self._starts[: len(blocks)])
        where = torch.bucketize(flat, starts, right=True) - 1
        found = blocks[0].new_empty(len(flat), blocks[0].shape[1])
        for number in where.unique().tolist():
            here = (where == number).nonzero().flatten()
            local = flat[here] - starts[number]
            found[here.to(found.device)] = blocks[number][local.to(found.device)]
        return found.view(*rows.shape, found.shape[1])


class Texts(NamedTuple):
    """Texts of rows one after another in two tensors, which may be mapped from a file."""

    data: Tensor
    """All texts as bytes, (bytes,), uint8."""
    ends: Tensor
    """Where each text ends, (n,), int64."""
    file: str = "the gallery"
    """Where they were read from."""

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> "Texts":
        """Join texts."""
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        return cls(torch.frombuffer(bytearray(b"".join(texts)) or bytearray(1), dtype=torch.uint8), torch.tensor(ends))

    def text(self, row: int) -> bytes:
        """Return the text of a row."""
        start = int(self.ends[row - 1]) if row else 0
        return self.data[start : int(self.ends[row])].numpy().tobytes()


def check_keys(keys: Tensor) -> None:
    """Raise ValueError where keys, (n,), cannot be those of one gallery."""
    ordered = keys.sort().values
    if (ordered[1:] == ordered[:-1]).any():
        raise ValueError("a key is given twice, wanted each key once")
    if len(keys) and ordered[0] < 0:
        raise ValueError(f"key {ordered[0]}, wanted keys >= 0")


class Rows:
    """Vectors, ids and metadata of a gallery by row number, those of removed entries included.

    Args:
        vectors: (n, d), of length 1.
        ids: key, identity and camera of each, (n, 3), int64, on the CPU.
        texts: metadata of each as JSON.
        cache: where approximate indexes of these rows are kept.
    """

    def __init__(self, vectors: Tensor, ids: Tensor, texts: Texts, cache: IndexCache | None = None) -> None:
        self.vectors, self.ids = Growing(vectors), Growing(ids)
        self.first = len(ids)
        self.cache = cache
        self.indexes: dict[str, Built] = {}  # of the rows up to some number, by their kind
        self._texts = texts
        self._more: list[bytes] = []
        self._added: dict[int, int] = {}
        keys = ids[:, 0].numpy()
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def append(self, vectors: Tensor, ids: Tensor, texts: Sequence[bytes]) -> None:
        """Add rows at the end; of two rows with one key the later one counts."""
        at = self.first + len(self._more)
        self.vectors.append(vectors)
        self.ids.append(ids)
        self._more += texts
        self._added.update(zip(ids[:, 0].tolist(), range(at, at + len(ids)), strict=True))

    def row(self, key: int) -> int | None:
        """Find the last row of a key."""
        if key in self._added:
            return self._added[key]
        place = int(np.searchsorted(self._sorted, key))
        found = place < len(self._sorted) and self._sorted[place] == key
        return int(self._order[place]) if found else None

    def text(self, row: int) -> bytes:
        """Return the metadata of a row as JSON."""
        return self._texts.text(row) if row < self.first else self._more[row - self.first]

    @property
    def file(self) -> str:
        """Where the first rows were read from."""
        return self._texts.file
