"""The gallery: identities, cameras, metadata and vectors, kept in one safetensors file and searched by similarity."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vg_reid.files import atomic
from vg_reid.index import IndexKind, build_faiss, exact_search, faiss_search

FORMAT = "vg-reid/gallery 1"
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
    """Cosine similarities; -inf where an approximate index found fewer than k."""
    keys: Tensor
    """Keys of the entries; -1 where there is none."""
    pids: Tensor
    camids: Tensor


class Gallery:
    """A set of person vectors that can be searched, grown, shrunk, saved and loaded.

    Vectors are L2-normalized on entry, so scores are cosine similarities. Each entry has a key, an integer that is
    never given out twice. To update an entry, remove its key and add it again under the same key.

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
        self._next_key = 0
        self._vectors = torch.empty(0, dim, device=device)
        self._ids = torch.empty(0, 3, dtype=torch.long)  # columns: key, pid, camid
        self._metadata: list[Metadata] = []
        self._rows: dict[int, int] = {}  # row of each key
        self._indexes: dict[IndexKind, Any] = {}  # FAISS indexes of the present vectors, built when first asked for

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, key: int) -> bool:
        return key in self._rows

    @property
    def vectors(self) -> Tensor:
        """All vectors, (n, dim), in the order of `keys`."""
        return self._vectors

    @property
    def keys(self) -> Tensor:
        """All keys, (n,)."""
        return self._ids[:, 0]

    @property
    def pids(self) -> Tensor:
        """The identity of each entry, (n,), -1 where it is unknown."""
        return self._ids[:, 1]

    def entry(self, key: int) -> Entry:
        """Return what is stored under a key.

        Raises:
            ValueError: if there is no such key.
        """
        row = self._row(key)
        _, pid, camid = self._ids[row].tolist()
        return Entry(key, pid, camid, self._metadata[row])

    def entries(self) -> list[Entry]:
        """Return all entries in the order of `keys`."""
        known = zip(self._ids.tolist(), self._metadata, strict=True)
        return [Entry(key, pid, camid, item) for (key, pid, camid), item in known]

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
        n = len(unit)
        stored: list[Metadata] = [dict(item) for item in metadata] if metadata is not None else [{} for _ in range(n)]
        try:
            json.dumps(stored)  # to say it now and not at saving
        except TypeError as error:
            raise ValueError(f"metadata cannot be stored as JSON: {error}") from None
        new_keys = range(self._next_key, self._next_key + n) if keys is None else keys
        return self._append(unit, new_keys, pids, camids, stored)

    def remove(self, keys: Ids) -> None:
        """Remove entries; the order of the others stays.

        Raises:
            ValueError: if a key is not in the gallery; nothing is then removed.
        """
        rows = [self._row(key) for key in torch.as_tensor(keys).tolist()]
        keep = torch.ones(len(self), dtype=torch.bool)
        keep[rows] = False
        metadata = [item for item, kept in zip(self._metadata, keep.tolist(), strict=True) if kept]
        self._replace(self._vectors[keep.to(self._vectors.device)], self._ids[keep], metadata)

    def search(self, vectors: Tensor, k: int, *, index: IndexKind = "exact") -> SearchResult:
        """Find the k most similar entries of each vector.

        Args:
            vectors: queries, (q, dim).
            k: entries per query; at most as many as the gallery has are returned.
            index: "exact" needs PyTorch alone; its equal scores come in the order of the entries. "flat", "ivf" and
                "hnsw" need FAISS (vg-reid[cpu] or vg-reid[gpu]) and are built on the CPU at their first use.
        Raises:
            ValueError: if the gallery is empty, k < 1, queries do not fit, or FAISS is missing.
        """
        if not len(self):
            raise ValueError("the gallery is empty: wanted at least one entry to search")
        if k < 1:
            raise ValueError(f"k={k}, wanted at least 1")
        queries = self._checked(vectors)
        k = min(k, len(self))
        if index == "exact":
            scores, rows = exact_search(queries, self._vectors, k)
        else:
            if index not in self._indexes:
                self._indexes[index] = build_faiss(self._vectors, index)
            scores, rows = faiss_search(self._indexes[index], queries, k)
        rows = rows.cpu()
        ids = self._ids[rows.clamp(min=0)].masked_fill((rows < 0)[..., None], -1)
        return SearchResult(scores.cpu(), ids[..., 0], ids[..., 1], ids[..., 2])

    def save(self, path: str | Path) -> None:
        """Write the gallery to one file; whatever happens meanwhile, an older file there stays whole.

        Raises:
            OSError: if it cannot be written, for example on a full disk.
        """
        tensors = {
            "vectors": self._vectors.cpu().contiguous(),
            "ids": self._ids,
            "metadata": torch.frombuffer(bytearray(json.dumps(self._metadata).encode()), dtype=torch.uint8),
        }
        header = {"format": FORMAT, "source": self.source, "next_key": str(self._next_key)}
        with atomic(Path(path)) as staged:
            save_file(tensors, staged, metadata=header)

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "cpu") -> "Gallery":
        """Read a file of `save`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged or no gallery; the message names the file.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path} is no file: wanted a gallery, as `python -m vg_reid index` writes it")
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                if header.get("format") != FORMAT:
                    raise ValueError(f"its format is {header.get('format')!r}")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no iterator of its own
            gallery = cls(tensors["vectors"].shape[1], source=header["source"], device=device)
            if not torch.allclose(tensors["vectors"].norm(dim=1), torch.ones(()), atol=1e-3):
                raise ValueError("its vectors are not of length 1")
            metadata = json.loads(tensors["metadata"].numpy().tobytes())
            keys, pids, camids = tensors["ids"].unbind(dim=1)
            gallery._append(tensors["vectors"].to(device), keys, pids, camids, metadata)
            gallery._next_key = max(gallery._next_key, int(header["next_key"]))
        except (SafetensorError, KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no whole gallery file ({error}): wanted one written by Gallery.save") from None
        return gallery

    def _row(self, key: int) -> int:
        if key not in self._rows:
            raise ValueError(f"key {key} is not in the gallery of {len(self)} entries")
        return self._rows[key]

    def _checked(self, vectors: Tensor) -> Tensor:
        """Return vectors on the gallery's device with length 1."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ValueError(f"vectors of shape {tuple(vectors.shape)}, wanted (n, {self.dim})")
        vectors = vectors.detach().to(self._vectors)
        norms = vectors.norm(dim=1)
        if bad := (~torch.isfinite(norms) | (norms == 0)).nonzero().flatten().tolist():
            raise ValueError(f"vector {bad[0]} ({len(bad)} in all) is zero or not finite, wanted a direction")
        return F.normalize(vectors)

    def _append(self, unit: Tensor, keys: Ids, pids: Ids, camids: Ids, metadata: list[Metadata]) -> list[int]:
        n = len(unit)
        for name, values in (("keys", keys), ("pids", pids), ("camids", camids), ("metadata", metadata)):
            if len(values) != n:
                raise ValueError(f"{name} has {len(values)} items for {n} vectors, wanted as many")
        ids = torch.stack([torch.as_tensor(column).cpu().long() for column in (keys, pids, camids)], dim=1)
        self._check_keys(ids[:, 0].tolist())
        self._replace(torch.cat([self._vectors, unit]), torch.cat([self._ids, ids]), self._metadata + metadata)
        return ids[:, 0].tolist()

    def _check_keys(self, keys: list[int]) -> None:
        if taken := [key for key in keys if key in self._rows]:
            raise ValueError(f"key {taken[0]} ({len(taken)} in all) is already in the gallery, wanted new keys")
        if len(set(keys)) < len(keys):
            raise ValueError("a key is given twice, wanted each key once")
        if keys and min(keys) < 0:
            raise ValueError(f"key {min(keys)}, wanted keys >= 0")

    def _replace(self, vectors: Tensor, ids: Tensor, metadata: list[Metadata]) -> None:
        self._vectors, self._ids, self._metadata = vectors, ids, metadata
        self._rows = {key: row for row, key in enumerate(ids[:, 0].tolist())}
        self._next_key = max(self._next_key, max(self._rows, default=-1) + 1)
        self._indexes = {}
