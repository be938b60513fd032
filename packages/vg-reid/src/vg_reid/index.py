"""Nearest neighbors by inner product: exact in PyTorch on any device, approximate through FAISS."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor

IndexKind = Literal["exact", "flat", "ivf", "hnsw", "pq", "ivfpq"]
IndexChoice = Literal["auto", "exact", "flat", "ivf", "hnsw", "pq", "ivfpq"]

EXACT_UP_TO = 50_000  # one query reads 100 MB of vectors of length 512
PQ_UP_TO = 5_000_000  # one query reads 320 MB of codes
FEWEST = 1_000  # entries below which codes and cells cannot be learned
QUERIES_PER_BLOCK = 256
ROWS_PER_BLOCK = 65536  # with the above 64 MB of scores at a time, whatever the size of the gallery


class Built(NamedTuple):
    """An approximate index of the first rows of a gallery."""

    faiss: Any
    rows: int


def exact_search(queries: Tensor, vectors: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k largest inner products of each query, exactly; equal scores come in the order of the rows.

    Args:
        queries: (q, d).
        vectors: (n, d), n >= k, on the same device.
        k: at least 1.
    Returns:
        Scores, (q, k), descending, and the rows of `vectors` they belong to, (q, k), on the CPU.
    """
    return search_parts(queries, [(0, vectors)], k)


def search_parts(
    queries: Tensor, parts: Sequence[tuple[int, Tensor]], k: int, hidden: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Search vectors that lie in several pieces, as `exact_search` does in one.

    Args:
        queries: (q, d).
        parts: pieces (m, d), each with the number of its first row, in ascending order.
        k: at least 1; fewer are returned where the pieces have fewer rows.
        hidden: rows that are not to be found, (n,), bool: their score is -inf.
    """
    found = [_search_block(block, parts, k, hidden) for block in queries.split(QUERIES_PER_BLOCK)]
    scores, rows = zip(*found, strict=True)
    return torch.cat(scores), torch.cat(rows).cpu()


def _search_block(
    queries: Tensor, parts: Sequence[tuple[int, Tensor]], k: int, hidden: Tensor | None
) -> tuple[Tensor, Tensor]:
    best = queries.new_empty(len(queries), 0)
    rows = torch.empty(len(queries), 0, dtype=torch.long, device=queries.device)
    pieces = ((first, piece) for start, part in parts for first, piece in _pieces(start, part))
    for start, piece in pieces:
        scores = queries @ piece.T
        if hidden is not None:
            scores.masked_fill_(hidden[start : start + len(piece)].to(scores.device), -torch.inf)
        scores, columns = stable_topk(scores, min(k, len(piece)))
        best, rows = torch.cat([best, scores], dim=1), torch.cat([rows, columns + start], dim=1)
        best, columns = stable_topk(best, min(k, best.shape[1]))
        rows = rows.gather(1, columns)
    return best, rows


def _pieces(start: int, part: Tensor) -> list[tuple[int, Tensor]]:
    return [(start + number * ROWS_PER_BLOCK, piece) for number, piece in enumerate(part.split(ROWS_PER_BLOCK))]


def stable_topk(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Like `scores.topk(k)` along dimension 1, but among equal scores the lowest columns win and come first."""
    values, columns = scores.topk(k, dim=1)
    tied = (scores >= values[:, -1:]).sum(dim=1) > k  # topk had to choose among equals at its edge
    if tied.any():
        columns[tied] = scores[tied].sort(dim=1, descending=True, stable=True).indices[:, :k]
    columns = columns.sort(dim=1).values
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, order)


def choose_index(entries: int, device: str | torch.device = "cpu") -> tuple[IndexKind, str]:
    """Choose how to search by the number of entries, as index="auto" does: the kind, and the rule in words."""
    if torch.device(device).type != "cpu":
        return "exact", f"index: exact, on {device}"
    if entries > EXACT_UP_TO and find_spec("faiss") is None:
        return "exact", "index: exact, as FAISS is not installed (vg-reid[cpu] or vg-reid[gpu])"
    kind: IndexKind = "exact" if entries <= EXACT_UP_TO else "pq" if entries <= PQ_UP_TO else "ivfpq"
    rule = f"exact up to {EXACT_UP_TO}, pq up to {PQ_UP_TO}, then ivfpq"
    return kind, f"index: {kind}, for {entries} entries ({rule})"


def recipe(kind: IndexKind, entries: int, dim: int) -> str:
    """Return what FAISS's factory builds for a kind.

    Vectors are kept as codes of 8 bits a number ("ivf", "hnsw"), or of 4 bits for up to 4 numbers ("pq", "ivfpq"):
    enough to name candidates. Only "flat" keeps them whole.

    Raises:
        ValueError: for an unknown kind, or one that needs more entries to learn from.
    """
    if kind not in get_args(IndexKind) or kind == "exact":
        raise ValueError(f"index={kind!r}, wanted one of {', '.join(get_args(IndexChoice))}")
    if kind == "flat":
        return "Flat"
    if kind == "hnsw":
        return "HNSW32,SQ8"
    if entries < FEWEST:
        raise ValueError(
            f"index={kind!r} for {entries} entries, wanted at least {FEWEST}: 'exact' and 'auto' take any number"
        )
    products = f"PQ{dim // next(width for width in (4, 3, 2, 1) if dim % width == 0)}x4fs"
    return {"pq": products, "ivf": f"IVF{_cells(entries)},SQ8", "ivfpq": f"IVF{_cells(entries)},{products}"}[kind]


def build_index(parts: Sequence[tuple[int, Tensor]], kind: IndexKind) -> Built:
    """Build a FAISS inner-product index over the pieces of vectors, on the CPU.

    Raises:
        ValueError: as `recipe`, or where FAISS is not installed.
    """
    rows, dim = sum(len(part) for _, part in parts), parts[0][1].shape[1]
    made = recipe(kind, rows, dim)
    faiss = import_faiss(kind)
    index = faiss.index_factory(dim, made, faiss.METRIC_INNER_PRODUCT)
    if kind == "hnsw":
        index.hnsw.efConstruction, index.hnsw.efSearch = 100, 256
    if kind in ("ivf", "ivfpq"):
        index.nprobe = max(8, _cells(rows) // 16)
    if not index.is_trained:
        index.train(_sample(parts, rows, max(20_000, 64 * _cells(rows)) if kind in ("ivf", "ivfpq") else 20_000))
    for _, part in parts:
        for piece in part.split(ROWS_PER_BLOCK):
            index.add(piece.cpu().numpy())
    return Built(index, rows)


def search_index(built: Built, queries: Tensor, k: int) -> Tensor:
    """Name k candidates for each query: rows, (q, k), on the CPU, in any order, -1 where there are fewer."""
    _, rows = built.faiss.search(queries.cpu().numpy(), k)
    return torch.from_numpy(rows)


def import_faiss(kind: str) -> Any:
    """Import FAISS, or say which two extras bring it."""
    try:
        import faiss
    except ImportError:
        raise ValueError(
            f"index={kind!r} needs FAISS: install vg-reid[cpu] or vg-reid[gpu], never both; index='exact' needs neither"
        ) from None
    return faiss


def _cells(entries: int) -> int:
    return max(1, min(int(4 * entries**0.5), entries // 39))  # FAISS wants 39 training vectors a cell


def _sample(parts: Sequence[tuple[int, Tensor]], rows: int, count: int) -> Any:
    """Vectors to learn from, spread evenly over all."""
    step = max(1, rows // count)
    return torch.cat([part[::step] for _, part in parts]).cpu().numpy()
