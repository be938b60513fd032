"""Person features of vg-reid in an index of one's own: FAISS where it is installed, else one matrix product.

Run `python examples/own_index.py [FOLDER [MODEL]]`. FOLDER holds photos as Market-1501 does, or one folder a person;
without one they are drawn. MODEL is a model folder; without one the small backbone gets random weights.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from vg_reid import Embedder
from vg_reid.data.people import read_people
from vg_reid.data.synthetic import write_persons
from vg_reid.encoder import EncoderConfig, random_encoder


def nearest(gallery: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k largest cosine similarities of each query and their rows, both (q, k); all vectors have length 1."""
    try:
        import faiss
    except ImportError:
        scores = queries @ gallery.T
        rows = np.argsort(-scores, axis=1)[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows
    index = faiss.IndexHNSWFlat(gallery.shape[1], 32, faiss.METRIC_INNER_PRODUCT)  # or any other index of theirs
    index.add(gallery)
    return index.search(queries, k)


def main(folder: Path, model: str | None) -> None:
    people = read_people(folder)
    print(*people.describe(), sep="\n")
    tiny = EncoderConfig(backbone="tiny", embedding_dim=128)
    embedder = Embedder.from_folder(model) if model else Embedder(random_encoder(tiny))
    gallery, queries = (
        embedder.embed([person.path for person in part]).numpy() for part in (people.gallery, people.query)
    )
    scores, rows = nearest(gallery, queries, k=3)
    for query, row, score in zip(people.query, rows, scores, strict=True):
        found = ", ".join(f"person {people.gallery[i].pid} ({s:.3f})" for i, s in zip(row, score, strict=True))
        print(f"{query.path.name}  person {query.pid}: {found}")
    hits = sum(people.gallery[row[0]].pid == query.pid for query, row in zip(people.query, rows, strict=True))
    print(f"{embedder.name}: {hits} of {len(people.query)} photos find their person first, also under the same camera")


if len(sys.argv) > 1:
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
else:
    with tempfile.TemporaryDirectory() as drawn:
        main(write_persons(drawn, identities=8, cameras=2, per_camera=2, seed=0), None)
