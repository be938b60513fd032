"""One state of a gallery, which never changes: what a reader sees from the beginning of its work to the end."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vg_reid.index import Built, search_index, search_parts, stable_topk
from vg_reid.rows import Rows

CANDIDATES = 128  # entries at least that an approximate index names for each query, to be scored exactly
QUERIES_AT_ONCE = 64  # with the above 16 MB of vectors of length 512


@dataclass(frozen=True)
class View:
    """The entries of a gallery at one moment: those of the first n rows that are not removed."""

    rows: Rows
    n: int
    alive: Tensor
    """Which rows are entries, (n,), bool, on the CPU."""
    count: int
    """Entries."""
    next_key: int

    def numbers(self) -> Tensor:
        """Row numbers of the entries, (count,)."""
        return self.alive.nonzero().flatten()

    def row(self, key: int) -> int | None:
        """Find the row of a key; None where it is no entry."""
        row = self.rows.row(key)
        return row if row is not None and row < self.n and self.alive[row] else None

    def vectors(self) -> Tensor:
        """All vectors, (count, d): the stored ones where they lie in one piece, else a copy."""
        if self.count < self.n:
            return self.rows.vectors.gather(self.numbers())
        parts = [part for _, part in self.rows.vectors.parts(self.n)]
        return parts[0] if len(parts) == 1 else self.rows.vectors.gather(self.numbers())

    def ids(self) -> Tensor:
        """Key, identity and camera of each entry, (count, 3)."""
        return self.rows.ids.gather(self.numbers())

    def metadata(self, row: int) -> dict[str, Any]:
        """Read the metadata of a row.

        Raises:
            ValueError: if the file that it comes from is damaged there.
        """
        try:
            found = json.loads(self.rows.text(row))
        except ValueError as error:
            raise ValueError(f"{self.rows.file}: the metadata of row {row} is damaged: {error}") from None
        if not isinstance(found, dict):
            raise ValueError(f"{self.rows.file}: the metadata of row {row} is {found!r}, wanted a JSON object")
        return found

    @cached_property
    def names(self) -> dict[str, int]:
        """Names of identities, where the metadata has them."""
        named = (row for row in self.numbers().tolist() if b'"name"' in self.rows.text(row))
        found = {row: self.metadata(row).get("name") for row in named}
        pids = self.rows.ids.gather(torch.tensor(list(found), dtype=torch.long))[:, 1].tolist()
        return {str(name): pid for name, pid in zip(found.values(), pids, strict=True) if name is not None}

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Find the k best rows of each query exactly: scores and rows, (q, k), k at most `count`."""
        hidden = None if self.count == self.n else ~self.alive
        return search_parts(queries, list(self.rows.vectors.parts(self.n)), k, hidden)

    def search_near(self, queries: Tensor, k: int, built: Built) -> tuple[Tensor, Tensor]:
        """Find the k best of what an index names and of the rows that came after it, by their exact scores.

        Queries for which that is fewer than k are searched exactly.
        """
        found = [self._search_near(block, k, built) for block in queries.split(QUERIES_AT_ONCE)]
        scores, rows = (torch.cat(part) for part in zip(*found, strict=True))
        if (short := scores.isneginf().any(dim=1)).any():
            scores[short], rows[short.cpu()] = self.search(queries[short], k)
        return scores, rows

    def _search_near(self, queries: Tensor, k: int, built: Built) -> tuple[Tensor, Tensor]:
        wanted = max(CANDIDATES, 4 * k) * self.n // self.count  # some of them are removed
        rows = search_index(built, queries, min(wanted, built.rows)).sort(dim=1).values
        known = (rows >= 0) & (rows < self.n)
        rows = rows.masked_fill(~known, 0)
        known &= self.alive[rows]
        scores = torch.bmm(self.rows.vectors.gather(rows).to(queries), queries[..., None])[..., 0]
        scores = scores.masked_fill(~known.to(scores.device), -torch.inf)
        late = list(self.rows.vectors.parts(self.n, built.rows))
        if late:
            late_scores, late_rows = search_parts(queries, late, k, ~self.alive)
            scores, rows = torch.cat([scores, late_scores], dim=1), torch.cat([rows, late_rows], dim=1)
        if (lacking := k - scores.shape[1]) > 0:
            scores = torch.nn.functional.pad(scores, (0, lacking), value=-torch.inf)
            rows = torch.nn.functional.pad(rows, (0, lacking))
        scores, columns = stable_topk(scores, k)
        return scores, rows.gather(1, columns.cpu())

    def texts(self) -> Iterator[bytes]:
        """Give the metadata of each entry as JSON."""
        return (self.rows.text(row) for row in self.numbers().tolist())
