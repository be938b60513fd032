"""The person half of the demo: photos of synthetic persons, embedded, ranked and scored."""

from dataclasses import asdict
from pathlib import Path

import torch
from vg_metrics.functional import reid_ranking
from vg_reid import Embedder, Gallery
from vg_reid.data.people import People, read_people
from vg_reid.data.synthetic import write_persons
from vg_reid.encoder import EncoderConfig, random_encoder
from vg_reid.evaluate import evaluate
from vg_reid.search import rank_photo

from vg_train.files import write_json

CAMERAS, PER_CAMERA = 4, 2
SHOWN, MATCHES = 4, 8  # rankings drawn, and matches in each


def rank_persons(photos: Path, out: Path, identities: int, seed: int) -> None:
    """Write photos, rank each query among the gallery with an untrained encoder, and keep scores and pictures.

    Args:
        photos: folder for the photos, in Market-1501's layout; half of the identities are query and gallery.
        out: folder for encoder/, gallery.safetensors, scores.json and ranking_*.png.
        identities: persons, at least 4.
        seed: of the looks, and of the encoder's weights.
    Raises:
        ValueError: if there are too few persons.
    """
    write_persons(photos, identities, CAMERAS, PER_CAMERA, seed)
    people = read_people(photos)
    encoder = random_encoder(EncoderConfig(backbone="tiny"), seed)
    encoder.save_pretrained(out / "encoder")
    embedder = Embedder(encoder)
    scores = asdict(evaluate(people, embedder))
    write_json(out / "scores.json", {"encoder": scores, "chance": _chance(people, seed)})

    gallery = Gallery(embedder.dim, source=embedder.name)
    paths = [person.path for person in people.gallery]
    gallery.add(
        embedder.embed(paths),
        [person.pid for person in people.gallery],
        [person.camid for person in people.gallery],
        [{"path": str(path.resolve())} for path in paths],
    )
    gallery.save(out / "gallery.safetensors")
    shown = [people.query[i * len(people.query) // SHOWN].path for i in range(SHOWN)]
    for i, (photo, vector) in enumerate(zip(shown, embedder.embed(shown), strict=True)):
        rank_photo(gallery, photo, vector, MATCHES, cross_camera=True).picture().save(out / f"ranking_{i}.png")


def _chance(people: People, seed: int) -> dict[str, float]:
    """The same scores for a gallery in random order."""
    query, gallery = people.query, people.gallery
    ranking = reid_ranking(
        torch.rand(len(query), len(gallery), generator=torch.Generator().manual_seed(seed)),
        [person.pid for person in query],
        [person.pid for person in gallery],
        [person.camid for person in query],
        [person.camid for person in gallery],
    )
    return {"map": ranking.map} | {f"rank{rank}": share for rank, share in ranking.rank.items()}
