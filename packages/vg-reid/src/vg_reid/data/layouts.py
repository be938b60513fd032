"""How photos of persons lie on disk: folders and names of Market-1501, one folder a person, or no labels at all."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
MARKET_NAME = re.compile(r"(-?\d+)_c(\d+)")  # 0002_c1s1_000451_03.jpg: person 2 on camera 1
DUKE_NAME = re.compile(r"\d+_c\d+_f\d+")  # 0001_c2_f0046182.jpg: person 1 on camera 2, frame 46182
MARKET_PARTS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}


class Person(NamedTuple):
    """One image of one person."""

    path: Path
    pid: int
    """Identity; -1 where it is unknown, 0 for Market-1501's distractors."""
    camid: int
    """Camera, counted from 0; -1 where it is unknown."""


class Found(NamedTuple):
    """What one layout made of image files."""

    persons: list[Person]
    names: dict[int, str]
    """Names of the identities, where the folder gives names instead of numbers."""
    notes: list[str]
    """One line for each thing that the user should know."""


def digest(persons: Iterable[Person]) -> str:
    """Tell sets of images apart by their paths below the folder that holds them all, wherever it lies."""
    paths = [person.path.absolute() for person in persons]
    top = os.path.commonpath([path.parent for path in paths]) if paths else ""
    names = [path.relative_to(top).as_posix() for path in paths]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def find_images(folder: Path) -> list[Path]:
    """List the image files below a folder, sorted by path; hidden files and folders do not count.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it has no images; the message says what it has.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: wanted a folder of person images")
    hidden = re.compile(r"(^|/)\.")
    files = [p for p in folder.rglob("*") if p.is_file() and not hidden.search(p.relative_to(folder).as_posix())]
    images = sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        counts = Counter(path.suffix or "no suffix" for path in files)
        seen = ", ".join(f"{n} x {suffix}" for suffix, n in counts.most_common(3)) or "nothing"
        raise ValueError(f"{folder} has no images (it holds {seen}), wanted {', '.join(IMAGE_SUFFIXES)}")
    return images


def parse_market_name(path: Path) -> Person | None:
    """Read identity and camera from a Market-1501 file name, None if it is no such name."""
    match = MARKET_NAME.match(path.name)
    return Person(path, int(match[1]), int(match[2]) - 1) if match else None


def read_market_names(images: Iterable[Path]) -> Found:
    """Read images that are all named as in Market-1501; junk (identity -1) is dropped, distractors (0) stay."""
    persons, odd = [], []
    for path in images:
        person = parse_market_name(path)
        if person is None:
            odd.append(path)
        else:
            persons.append(person)
    if odd:
        raise ValueError(
            f"{odd[0]} ({len(odd)} files in all) is not named as in Market-1501, wanted 0002_c1s1_000451_03.jpg"
        )
    kept = [person for person in persons if person.pid != -1]
    junk = len(persons) - len(kept)
    notes = [f"{junk} junk images (identity -1) dropped"] if junk else []
    if distractors := sum(person.pid == 0 for person in kept):
        notes.append(f"{distractors} distractors (identity 0) kept, never as queries")
    return Found(kept, {}, notes)


def read_identity_folders(root: Path, images: Iterable[Path]) -> Found:
    """Read `<identity>/<camera>_*.jpg`; where no camera can be told from the names it is unknown (-1)."""
    folders = {path: path.relative_to(root).parts[0] for path in images}
    pids = {name: pid for pid, name in enumerate(sorted(set(folders.values())), start=1)}
    prefixes = {path: path.stem.split("_")[0] if "_" in path.stem else "" for path in folders}
    cameras = {name: camid for camid, name in enumerate(sorted(set(prefixes.values()) - {""}))}
    notes = []
    if len(cameras) == 1:
        notes.append(f"all names begin with {next(iter(cameras))!r}: that is taken for no camera")
        cameras = {}
    persons = [Person(path, pids[folders[path]], cameras.get(prefixes[path], -1)) for path in folders]
    if unknown := sum(person.camid == -1 for person in persons):
        notes.append(
            f"{unknown} images of unknown camera (names are not <camera>_*): "
            "none of their matches is left out as of the same camera"
        )
    return Found(persons, {pid: name for name, pid in pids.items()}, notes)


def read_unlabelled(images: Iterable[Path]) -> Found:
    """Read images about which nothing is known: they can be embedded, indexed and searched, not scored."""
    persons = [Person(path, -1, -1) for path in images]
    return Found(persons, {}, [f"{len(persons)} images without identities: to be searched, not to be scored"])
