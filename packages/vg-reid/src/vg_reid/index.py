"""Nearest neighbors by inner product: exact in PyTorch on any device, approximate through FAISS."""

from typing import Any, Literal

import torch
from torch import Tensor

IndexKind = Literal["exact", "flat", "ivf", "hnsw"]

QUERIES_PER_BLOCK = 256
ROWS_PER_BLOCK = 65536  # with the above 64 MB of scores at a time, whatever the size of the gallery


def exact_search(queries: Tensor, vectors: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k largest inner products of each query, exactly; equal scores come in the order of the rows.

    Args:
        queries: (q, d).
        vectors: (n, d), n >= k, on the same device.
        k: at least 1.
    Returns:
        Scores, (q, k), descending, and the rows of `vectors` they belong to, (q, k).
    """
    found = [_search_block(block, vectors, k) for block in queries.split(QUERIES_PER_BLOCK)]
    scores, rows = zip(*found, strict=True)
    return torch.cat(scores), torch.cat(rows)


def _search_block(queries: Tensor, vectors: Tensor, k: int) -> tuple[Tensor, Tensor]:
    best = queries.new_empty(len(queries), 0)
    rows = torch.empty(len(queries), 0, dtype=torch.long, device=queries.device)
    for start in range(0, len(vectors), ROWS_PER_BLOCK):
        block = vectors[start : start + ROWS_PER_BLOCK]
        scores, columns = stable_topk(queries @ block.T, min(k, len(block)))
        best, rows = torch.cat([best, scores], dim=1), torch.cat([rows, columns + start], dim=1)
        best, columns = stable_topk(best, min(k, best.shape[1]))
        rows = rows.gather(1, columns)
    return best, rows


def stable_topk(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Like `scores.topk(k)` along dimension 1, but among equal scores the lowest columns win and come first."""
    values, columns = scores.topk(k, dim=1)
    tied = (scores >= values[:, -1:]).sum(dim=1) > k  # topk had to choose among equals at its edge
    if tied.any():
        columns[tied] = scores[tied].sort(dim=1, descending=True, stable=True).indices[:, :k]
    columns = columns.sort(dim=1).values
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, order)


def build_faiss(vectors: Tensor, kind: IndexKind) -> Any:
    """Build a FAISS inner-product index over (n, d) vectors, on the CPU.

    Raises:
        ValueError: for an unknown kind, or where FAISS is not installed.
    """
    if kind not in ("flat", "ivf", "hnsw"):
        raise ValueError(f"index={kind!r}, wanted 'exact', 'flat', 'ivf' or 'hnsw'")
    try:
        import faiss
    except ImportError:
        raise ValueError(
            f"index={kind!r} needs FAISS: install vg-reid[cpu] or vg-reid[gpu], never both; index='exact' needs neither"
        ) from None
    n, dim = vectors.shape
    rows = vectors.cpu().numpy()
    index: Any
    if kind == "flat":
        index = faiss.IndexFlatIP(dim)
    elif kind == "hnsw":
        index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 200, 128
    else:
        cells = max(1, min(int(4 * n**0.5), n // 39))  # FAISS wants 39 training vectors a cell
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, cells, faiss.METRIC_INNER_PRODUCT)
        index.nprobe = min(cells, max(8, cells // 8))
        index.train(rows)
    index.add(rows)
    return index


def faiss_search(index: Any, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Search an index of `build_faiss`; where it finds fewer than k, the score is -inf and the row -1."""
    scores, rows = index.search(queries.cpu().numpy(), k)
    scores, rows = torch.from_numpy(scores), torch.from_numpy(rows)
    return scores.masked_fill(rows < 0, -torch.inf), rows
