"""A gallery of persons with about 17 images each: how long it takes to fill, save, open, index and search.

    python packages/vg-reid/bench gallery                                  50,000 by every index, a million by pq
    python packages/vg-reid/bench/gallery.py --count 200000 --kinds pq     another size

Each index is built, kept in a cache and searched in a process of its own, one query after another. Recall is the share
of the exact ten best that it finds. Memory is the resident one; it counts pages of the file that are mapped.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from measure import Cost, alone, cost
from torch import Tensor
from torch.nn import functional as F
from vg_reid.gallery import Gallery
from vg_reid.index import IndexKind, choose_index

WIDTH, QUERIES, K = 512, 500, 10
AT_ONCE = 50_000  # images drawn and added at a time

Row = dict[str, object]


def rows(tiny: bool) -> Iterator[Row]:
    """The measurements, small ones or those of the issue's sizes."""
    if tiny:
        yield from measured(3000, get_args(IndexKind))
        return
    yield from measured(50_000, get_args(IndexKind))
    yield from measured(1_000_000, ("exact", "pq"))


def measured(count: int, kinds: Sequence[IndexKind]) -> Iterator[Row]:
    """Fill a gallery of some size, then search it by each kind of index."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield {"count": count, "what": "fill and save", **alone(fill, count, folder)}
        yield {"count": count, "what": "open", **alone(open_file, folder)}
        wanted = alone(exact_best, folder)
        for kind in kinds:
            yield {"count": count, "what": kind, **alone(search, folder, kind, wanted)}
        yield {"count": count, "what": "auto", "rule": choose_index(count)[1]}


def fill(count: int, folder: Path) -> Row:
    """Write a gallery of c[label] + 0.8 noise of length 1, and queries drawn the same way."""
    rng = torch.Generator().manual_seed(0)
    centers = torch.randn(max(1, count // 17), WIDTH, generator=rng)

    def draw(n: int) -> tuple[Tensor, Tensor]:
        labels = torch.randint(len(centers), (n,), generator=rng)
        return F.normalize(centers[labels] + 0.8 * torch.randn(n, WIDTH, generator=rng)), labels

    torch.save(draw(QUERIES)[0], folder / "queries.pt")
    gallery, seconds = Gallery(WIDTH), 0.0
    for start in range(0, count, AT_ONCE):
        vectors, labels = draw(min(AT_ONCE, count - start))
        begin = time.perf_counter()
        gallery.add(vectors, labels, torch.zeros_like(labels))
        seconds += time.perf_counter() - begin
    _, saving = cost(gallery.save, folder / "gallery")
    size = (folder / "gallery").stat().st_size / 1e6
    return {"add_s": round(seconds, 2), "save_s": round(saving.seconds, 2), "file_MB": round(size, 1)}


def open_file(folder: Path) -> Row:
    """Open the gallery."""
    _, opening = cost(Gallery.load, folder / "gallery")
    return figures("open", opening)


def exact_best(folder: Path) -> Tensor:
    """Keys of the best entries of each query, exactly."""
    queries = torch.load(folder / "queries.pt", weights_only=True)
    return Gallery.load(folder / "gallery").search(queries, K).keys


def search(folder: Path, kind: IndexKind, wanted: Tensor) -> Row:
    """Build an index and search by it; then open gallery and index again, as the next process does."""
    queries = torch.load(folder / "queries.pt", weights_only=True)
    gallery = Gallery.load(folder / "gallery", index_cache=folder / "cache")
    _, building = cost(gallery.build, kind)
    found, milliseconds = [], []
    for query in queries.split(1):
        begin = time.perf_counter()
        found.append(gallery.search(query, K, index=kind).keys)
        milliseconds.append(1e3 * (time.perf_counter() - begin))
    recall = (wanted[:, :, None] == torch.cat(found)[:, None, :]).any(dim=2).double().mean().item()
    cached = sum(path.stat().st_size for path in (folder / "cache").glob(f"*-{kind}-*"))
    _, again = cost(Gallery.load(folder / "gallery", index_cache=folder / "cache").build, kind)
    steady = sorted(milliseconds[len(milliseconds) // 10 :])  # the first ones read the vectors from disk
    return {
        **figures("build", building),
        "index_MB": round(cached / 1e6, 1),
        "reopen_s": round(again.seconds, 2),
        "recall@10": round(recall, 4),
        "median_ms": round(statistics.median(steady), 2),
        "p95_ms": round(steady[int(0.95 * len(steady))], 2),
        "worst_ms": round(max(milliseconds), 2),
    }


def figures(what: str, found: Cost) -> dict[str, Any]:
    """What a call took."""
    return {f"{what}_s": round(found.seconds, 2), f"{what}_MB": round(found.megabytes, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50_000, help="images (default 50000)")
    parser.add_argument("--kinds", nargs="+", choices=get_args(IndexKind), default=["exact", "pq"], help="indexes")
    options = parser.parse_args()
    for row in measured(options.count, options.kinds):
        print("   ".join(f"{name} {value}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
