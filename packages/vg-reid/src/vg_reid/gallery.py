"""The gallery: identities, cameras, metadata and vectors, searched by similarity while it grows and shrinks."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vg_reid.gallery_file import read_gallery, write_gallery
from vg_reid.index import Built, IndexChoice, IndexKind, build_index, choose_index
from vg_reid.index_cache import IndexCache
from vg_reid.rerank import rerank as reranked
from vg_reid.rows import Rows, Texts, check_keys
from vg_reid.view import View

Ids = Sequence[int] | Tensor
Metadata = Mapping[str, Any]


class Entry(NamedTuple):
    """One person image of a gallery."""

    key: int
    pid: int
    """Identity; -1 where it is unknown."""
    camid: int
    """Camera; -1 where it is unknown."""
    metadata: Metadata
    """What the caller stored with it, as JSON has it: a path, a name, a time."""


class SearchResult(NamedTuple):
    """The k most similar entries of each query, best first; all fields are (q, k), on the CPU."""

    scores: Tensor
    """Cosine similarities."""
    keys: Tensor
    pids: Tensor
    camids: Tensor


class Gallery:
    """A set of person vectors that can be searched, grown, shrunk, saved and loaded.

    Vectors are L2-normalized on entry, so scores are cosine similarities. Each entry has a key, an integer that is
    never given out twice. To update an entry, remove its key and add it again under the same key.

    Any thread may call anything at any time: a search, a save or `entries` sees the gallery as it was when it began,
    and a change is seen as a whole or not at all.

    Args:
        dim: length of the vectors.
        source: what made the vectors (`Embedder.name`); kept in the file, empty where it does not matter.
        device: where the vectors lie and exact search runs.
    """

    def __init__(self, dim: int, *, source: str = "", device: str | torch.device = "cpu") -> None:
        if dim < 1:
            raise ValueError(f"dim={dim}, wanted at least 1")
        self.dim = dim
        self.source = source
        self.device = torch.device(device)
        self._view = _view_of(Rows(torch.empty(0, dim, device=device), torch.empty(0, 3).long(), Texts.of([])), 0)
        self._changing = Lock()  # held by whoever makes the next view
        self._building = Lock()  # held by whoever builds an index

    def __len__(self) -> int:
        return self._view.count

    def __contains__(self, key: int) -> bool:
        return self._view.row(key) is not None

    @property
    def vectors(self) -> Tensor:
        """All vectors, (n, dim), in the order of `keys`; those of a file just loaded are read as they are used."""
        return self._view.vectors()

    @property
    def keys(self) -> Tensor:
        """All keys, (n,)."""
        return self._view.ids()[:, 0]

    @property
    def pids(self) -> Tensor:
        """The identity of each entry, (n,), -1 where it is unknown."""
        return self._view.ids()[:, 1]

    @property
    def camids(self) -> Tensor:
        """The camera of each entry, (n,), -1 where it is unknown."""
        return self._view.ids()[:, 2]

    @property
    def names(self) -> Mapping[str, int]:
        """The identity behind each name, where the metadata has a "name"."""
        return self._view.names

    def entry(self, key: int) -> Entry:
        """Return what is stored under a key.

        Raises:
            ValueError: if there is no such key.
        """
        view = self._view
        row = _row(view, key)
        _, pid, camid = view.rows.ids.gather(torch.tensor([row]))[0].tolist()
        return Entry(key, pid, camid, view.metadata(row))

    def entries(self) -> list[Entry]:
        """Return all entries in the order of `keys`."""
        view = self._view
        known = zip(view.ids().tolist(), view.numbers().tolist(), strict=True)
        return [Entry(key, pid, camid, view.metadata(row)) for (key, pid, camid), row in known]

    def add(
        self,
        vectors: Tensor,
        pids: Ids,
        camids: Ids,
        metadata: Sequence[Metadata] | None = None,
        *,
        keys: Ids | None = None,
    ) -> list[int]:
        """Add entries.

        Args:
            vectors: (n, dim), finite, none of length 0.
            pids: n identities, -1 for unknown.
            camids: n cameras, -1 for unknown.
            metadata: n mappings that JSON can hold.
            keys: n keys >= 0 that are not in the gallery; without them the next free ones are used.
        Returns:
            The keys of the entries.
        Raises:
            ValueError: if sizes disagree, a vector is not usable, or a key is taken; nothing is then added.
        """
        unit = self._checked(vectors)
        texts = [b"{}"] * len(unit) if metadata is None else [_json(item) for item in metadata]
        with self._changing:
            view = self._view
            new = range(view.next_key, view.next_key + len(unit)) if keys is None else keys
            for name, values in (("keys", new), ("pids", pids), ("camids", camids), ("metadata", texts)):
                if len(values) != len(unit):
                    raise ValueError(f"{name} has {len(values)} items for {len(unit)} vectors, wanted as many")
            ids = torch.stack([torch.as_tensor(column).cpu().long() for column in (new, pids, camids)], dim=1)
            if keys is not None:
                check_keys(ids[:, 0])
                _check_free(ids[:, 0].tolist(), view)
            view.rows.append(unit, ids, texts)
            alive = torch.cat([view.alive, torch.ones(len(unit), dtype=torch.bool)])
            next_key = max(view.next_key, int(ids[:, 0].max()) + 1) if len(ids) else view.next_key
            self._view = View(view.rows, view.n + len(unit), alive, view.count + len(unit), next_key)
        return ids[:, 0].tolist()

    def remove(self, keys: Ids) -> None:
        """Remove entries; the order of the others stays. The disk is as it was until `save`.

        Raises:
            ValueError: if a key is not in the gallery; nothing is then removed.
        """
        with self._changing:
            view = self._view
            alive = view.alive.clone()
            rows = [_row(view, key) for key in torch.as_tensor(keys).tolist()]
            alive[torch.tensor(rows, dtype=torch.long)] = False
            left = View(view.rows, view.n, alive, int(alive.sum()), view.next_key)
            self._view = left if 2 * left.count >= left.n else _compact(left)

    def search(self, vectors: Tensor, k: int, *, index: IndexChoice = "exact") -> SearchResult:
        """Find the k most similar entries of each vector.

        An approximate index only names candidates: scores are always those of the stored vectors, entries added since
        it was built are searched exactly beside it, removed ones are never found, and a query for which it names too
        few is searched exactly. It is built at its first use and after many changes; see `build`. Where the cache that
        `load` was given cannot be written, a warning says so.

        Args:
            vectors: queries, (q, dim).
            k: entries per query; at most as many as the gallery has are returned.
            index: "exact" needs PyTorch alone; its equal scores come in the order of the entries. "flat", "ivf",
                "hnsw", "pq" and "ivfpq" need FAISS (vg-reid[cpu] or vg-reid[gpu]). "auto" chooses by the number of
                entries, as `vg_reid.index.choose_index` says.
        Raises:
            ValueError: if the gallery is empty, k < 1, queries do not fit, FAISS is missing, or there are too few
                entries for the index.
        """
        view = self._view
        scores, rows = self._search(view, vectors, k, index)
        ids = view.rows.ids.gather(rows)
        return SearchResult(scores, ids[..., 0], ids[..., 1], ids[..., 2])

    def rank(
        self, vector: Tensor, k: int, *, index: IndexChoice = "exact", rerank: int = 0
    ) -> list[tuple[Entry, float]]:
        """Find the k most similar entries of one vector, with all that is known of them and their similarities.

        Args:
            vector: the query, (dim,).
            k: entries wanted.
            index: as in `search`.
            rerank: so many of the best, at least k, come in the order of `vg_reid.rerank.rerank` among each other; 0
                leaves them as they are.
        Raises:
            ValueError: as `search`, or if rerank < 0.
        """
        if rerank < 0:
            raise ValueError(f"rerank={rerank}, wanted a number of entries, or 0")
        view = self._view
        scores, rows = self._search(view, vector[None], max(k, rerank) if k > 0 else k, index)
        if rerank:
            distances = reranked(self._checked(vector[None]), view.rows.vectors.gather(rows[0]))
            order = distances.argsort(dim=1, stable=True)
            scores, rows = scores.gather(1, order), rows.gather(1, order)
        ids = view.rows.ids.gather(rows[0, :k]).tolist()
        return [
            (Entry(key, pid, camid, view.metadata(row)), score)
            for (key, pid, camid), row, score in zip(ids, rows[0, :k].tolist(), scores[0, :k].tolist(), strict=True)
        ]

    def build(self, index: IndexKind) -> None:
        """Build an approximate index now, so that no search waits for it; `search` itself goes on meanwhile.

        Raises:
            ValueError: if the gallery is empty or too small for it, FAISS is missing, or others may write in the cache
                that `load` was given.
            OSError: if it cannot be written to that cache; searches use it all the same.
        """
        if not self:
            raise ValueError("the gallery is empty: wanted at least one entry to build an index of")
        if index != "exact":
            self._index(self._view, index, must_keep=True)

    def save(self, path: str | Path) -> None:
        """Write the gallery to one file; whatever happens meanwhile, an older file there stays whole.

        Raises:
            OSError: if it cannot be written, for example on a full disk.
        """
        write_gallery(Path(path), self._view, self.dim, self.source)

    @classmethod
    def load(
        cls, path: str | Path, *, device: str | torch.device = "cpu", index_cache: str | Path | None = None
    ) -> "Gallery":
        """Open a file of `save`. On the CPU its vectors stay on disk and are mapped into memory as they are read.

        Args:
            path: the file. It may be replaced while it is in use, as `save` does, but not changed in place.
            device: where the vectors lie.
            index_cache: a folder of the user's alone to keep approximate indexes in, such as
                `vg_reid.index_cache.user_cache()`; without it they are built again in each process, as where it cannot
                be used.
        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged or no gallery; the message names the file.
        """
        path = Path(path)
        opened = read_gallery(path)
        vectors, ids, texts = opened.tensors
        gallery = cls(opened.dim, source=opened.source, device=device)
        cache = None
        if index_cache is not None:
            cache = IndexCache(Path(index_cache), path.resolve(), opened.state, *vectors.shape)
        gallery._view = _view_of(Rows(vectors.to(device), ids, texts, cache), opened.next_key)
        return gallery

    def _search(self, view: View, vectors: Tensor, k: int, index: IndexChoice) -> tuple[Tensor, Tensor]:
        """Scores and rows of the k best entries of a view, (q, k), on the CPU."""
        if not view.count:
            raise ValueError("the gallery is empty: wanted at least one entry to search")
        if k < 1:
            raise ValueError(f"k={k}, wanted at least 1")
        queries, k = self._checked(vectors), min(k, view.count)
        kind = choose_index(view.count, self.device)[0] if index == "auto" else index
        if kind == "exact":
            scores, rows = view.search(queries, k)
        else:
            scores, rows = view.search_near(queries, k, self._index(view, kind))
        return scores.cpu(), rows

    def _index(self, view: View, kind: IndexKind, *, must_keep: bool = False) -> Built:
        """Return an index of the rows of a view, but for few at their end; a new one goes to the cache, if it can."""
        if (built := _fresh(view, kind)) is not None:
            return built
        with self._building:
            if (built := _fresh(view, kind)) is not None:  # another thread has built it
                return built
            cache = view.rows.cache
            if cache is not None and (built := cache.load(kind)) is not None and _covers(built, view):
                view.rows.indexes[kind] = built
                return built
            view.rows.indexes[kind] = built = build_index(list(view.rows.vectors.parts(view.n)), kind)
            if cache is not None and cache.entries == view.n:
                try:
                    cache.save(kind, built)
                except (OSError, ValueError) as error:
                    if must_keep:
                        raise
                    warnings.warn(f"the index is not kept in {cache.folder}: {error}", stacklevel=4)
            return built

    def _checked(self, vectors: Tensor) -> Tensor:
        """Return vectors on the gallery's device with length 1."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ValueError(f"vectors of shape {tuple(vectors.shape)}, wanted (n, {self.dim})")
        vectors = vectors.detach().to(self.device, torch.float32)
        norms = vectors.norm(dim=1)
        if bad := (~torch.isfinite(norms) | (norms == 0)).nonzero().flatten().tolist():
            raise ValueError(f"vector {bad[0]} ({len(bad)} in all) is zero or not finite, wanted a direction")
        return F.normalize(vectors)


def _view_of(rows: Rows, next_key: int) -> View:
    return View(rows, rows.first, torch.ones(rows.first, dtype=torch.bool), rows.first, next_key)


def _compact(view: View) -> View:
    """Leave the removed rows behind: a copy of the others, which are at most as many."""
    return _view_of(Rows(view.vectors(), view.ids(), Texts.of(list(view.texts()))), view.next_key)


def _fresh(view: View, kind: IndexKind) -> Built | None:
    built = view.rows.indexes.get(kind)
    return built if built is not None and _covers(built, view) else None


def _covers(built: Built, view: View) -> bool:
    """Whether so few rows came after an index, an eighth, that they can be searched exactly beside it."""
    return view.n - built.rows <= max(1000, built.rows // 8)


def _row(view: View, key: int) -> int:
    row = view.row(key)
    if row is None:
        raise ValueError(f"key {key} is not in the gallery of {view.count} entries")
    return row


def _check_free(keys: list[int], view: View) -> None:
    if taken := [key for key in keys if view.row(key) is not None]:
        raise ValueError(f"key {taken[0]} ({len(taken)} in all) is already in the gallery, wanted new keys")


def _json(item: Metadata) -> bytes:
    try:
        return json.dumps(dict(item)).encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"metadata cannot be stored as JSON: {error}") from None
