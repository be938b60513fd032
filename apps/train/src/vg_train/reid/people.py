"""Person images as the trainings of chapter 6 take them, and how a trained E_id is scored on them."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vg_reid.data.layouts import digest
from vg_reid.data.people import People, read_people
from vg_reid.embedder import Embedder
from vg_reid.encoder import Encoder
from vg_reid.evaluate import evaluate

NO_SPLIT = "there are no training images: all images are trained on, so scores are of images that were seen"
FIGURES = ("map", "rank1", "rank5", "rank10", "minp")


def read_training(root: Path) -> People:
    """Read a folder whose training images, or all images where it has no split, can be trained on.

    Raises:
        FileNotFoundError, ValueError: as `read_people`.
    """
    people = read_people(root)
    if not people.train:
        people.train.extend(people.images)
        people.notes.append(NO_SPLIT)
    return people


def describe_data(people: People) -> dict[str, Any]:
    """What tells the training images from others, for config.json and the checkpoints."""
    return {"images": len(people.train), "fingerprint": digest(people.train)}


def scorer(people: People, encoder: Encoder) -> Callable[[], dict[str, float]] | None:
    """What scores E_id, as it is when called, on the test images; None where nothing can be scored."""
    if not has_matches(people):
        return None

    def score() -> dict[str, float]:
        found = asdict(evaluate(people, Embedder(encoder, device=next(encoder.parameters()).device)))
        return {name: found[name] for name in FIGURES}

    return score


def has_matches(people: People) -> bool:
    """Whether a query's identity is in the gallery under another camera; an unknown camera is like no other."""
    cameras: dict[int, set[int]] = {}
    for person in people.gallery:
        cameras.setdefault(person.pid, set()).add(person.camid)
    return any(query.pid > 0 and bool(cameras.get(query.pid, set()) - ({query.camid} - {-1})) for query in people.query)
