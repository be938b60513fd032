"""A folder of person images as training, query and gallery images, with a split where it has none."""

import random
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from vg_reid.data.layouts import (
    DUKE_NAME,
    MARKET_PARTS,
    Person,
    find_images,
    parse_market_name,
    read_identity_folders,
    read_market_names,
    read_unlabelled,
)
from vg_reid.data.lists import has_lists, read_lists

__all__ = ["People", "Person", "read_people"]

WITHDRAWN = (
    "DukeMTMC-reID was withdrawn by its authors in 2019: its persons never agreed to be in it. Do not pass it on, "
    "and report on it only where a comparison cannot do without"
)


@dataclass(frozen=True, kw_only=True)
class People:
    """The person images of a folder."""

    root: Path
    layout: str
    """What the folder was taken for, in words."""
    split: str
    """Where queries and gallery come from, in words."""
    official_split: bool
    train: list[Person] = field(default_factory=list)
    query: list[Person] = field(default_factory=list)
    gallery: list[Person] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    """Names of the identities, where the folder gives names instead of numbers."""
    notes: list[str] = field(default_factory=list)
    """What was dropped or assumed, one line each."""
    missing: list[str] = field(default_factory=list)
    """Which lists name images that are not there and were left out, one line each."""

    @property
    def images(self) -> list[Person]:
        """All images, by path."""
        return sorted([*self.train, *self.query, *self.gallery])

    def describe(self) -> list[str]:
        """Say in lines what was read: layout, split, counts, notes, lists with missing images."""
        counts = []
        for name in ("train", "query", "gallery"):
            persons = getattr(self, name)
            if persons:
                identities = len({person.pid for person in persons} - {-1})
                cameras = len({person.camid for person in persons} - {-1})
                counts.append(f"{name}: {len(persons)} images, {identities} identities, {cameras} cameras")
        return [f"{self.root}: {self.layout}", f"split: {self.split}", *counts, *self.notes, *self.missing]


def read_people(root: str | Path, *, seed: int = 0, merge_val: bool = True, allow_missing: bool = False) -> People:
    """Read a folder of person images, telling by its content how it is laid out.

    The first of these that fits, at `root` or one level below:

    * MSMT17, version 1 or 2: its four lists beside its two folders of images.
    * Lists of your own: query.txt, gallery.txt and, if there is one, train.txt, with lines `path identity camera`.
    * Market-1501 or DukeMTMC-reID: folders `bounding_box_train`, `query` and `bounding_box_test`.
    * Images named as in Market-1501, anywhere below `root`.
    * One folder a person: `<identity>/<camera>_*.jpg`.
    * Images without labels, directly in `root`: all of them are gallery.

    A labelled folder without a split gets one: of each identity one image per camera is query, the rest is gallery.

    Args:
        root: the folder.
        seed: chooses the queries of a folder without a split.
        merge_val: MSMT17's list_val.txt is for training too, as in the thesis (6.4.1).
        allow_missing: leave out images that a list names and the folder lacks, and say so in `People.missing`.
    Raises:
        FileNotFoundError: if there is no such folder, or a list is missing.
        ValueError: if it has no images, they lie in no way that is known, or images of a list are missing.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: wanted a folder of person images")
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        if has_lists(folder):
            return _read_listed(root, folder, merge_val, allow_missing)
        if any((folder / MARKET_PARTS[part]).is_dir() for part in ("query", "gallery")):
            return _read_market(root, folder)
    return _read_without_split(root, seed)


def split_by_camera(persons: list[Person], seed: int) -> tuple[list[Person], list[Person]]:
    """Draw one query of each identity and camera; the rest, and all distractors (identity 0), are gallery."""
    draw = random.Random(seed)
    query = []
    by_camera = sorted(persons, key=lambda person: (person.pid, person.camid, person.path))
    for (pid, _), group in groupby(by_camera, key=lambda person: (person.pid, person.camid)):
        if pid > 0:
            query.append(draw.choice(list(group)))
    chosen = set(query)
    return sorted(query), sorted(person for person in persons if person not in chosen)


def _read_without_split(root: Path, seed: int) -> People:
    images = find_images(root)
    if all(parse_market_name(path) for path in images):
        layout, found = "images named as in Market-1501", read_market_names(images)
    elif all(path.parent != root for path in images):
        layout, found = "one folder a person", read_identity_folders(root, images)
    elif all(path.parent == root for path in images):
        found = read_unlabelled(images)
        return People(
            root=root,
            layout="images without labels",
            split="none, all images are gallery",
            official_split=False,
            gallery=found.persons,
            notes=found.notes,
        )
    else:
        loose = [path for path in images if path.parent == root]
        raise ValueError(
            f"{root} has {len(loose)} images beside its folders ({loose[0].name}), wanted all in folders or none"
        )
    query, gallery = split_by_camera(found.persons, seed)
    return People(
        root=root,
        layout=layout,
        split=f"of each identity one image per camera is query, the rest gallery (seed {seed})",
        official_split=False,
        query=query,
        gallery=gallery,
        names=found.names,
        notes=found.notes,
    )


def _read_listed(root: Path, folder: Path, merge_val: bool, allow_missing: bool) -> People:
    listed = read_lists(folder, merge_val=merge_val, allow_missing=allow_missing)
    return People(
        root=root,
        layout=listed.layout,
        split="as in the lists",
        official_split=True,
        train=listed.parts["train"],
        query=listed.parts["query"],
        gallery=listed.parts["gallery"],
        names=listed.names,
        notes=listed.notes,
        missing=listed.missing,
    )


def _read_market(root: Path, market: Path) -> People:
    for part in ("query", "gallery"):
        if not (market / MARKET_PARTS[part]).is_dir():
            raise ValueError(
                f"{market} has no folder {MARKET_PARTS[part]}, wanted {' and '.join(MARKET_PARTS.values())}"
            )
    parts: dict[str, list[Person]] = {}
    notes: list[str] = []
    for name, folder in MARKET_PARTS.items():
        parts[name] = []
        if (market / folder).is_dir():
            found = read_market_names(find_images(market / folder))
            parts[name] = found.persons
            notes += [f"{folder}: {note}" for note in found.notes]
    duke = all(DUKE_NAME.match(person.path.name) for person in parts["query"])
    return People(
        root=root,
        layout="DukeMTMC-reID" if duke else "Market-1501",
        split=f"as in {MARKET_PARTS['query']} and {MARKET_PARTS['gallery']}",
        official_split=True,
        train=parts["train"],
        query=parts["query"],
        gallery=parts["gallery"],
        notes=[WITHDRAWN, *notes] if duke else notes,
    )
