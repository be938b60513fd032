"""Person images named by list files: MSMT17 as its authors give it, and lists of one's own."""

import re
from pathlib import Path
from typing import NamedTuple

from vg_reid.data.layouts import Person

LISTS = {"train": "train.txt", "query": "query.txt", "gallery": "gallery.txt"}
MSMT17_LISTS = {
    "train": "list_train.txt",
    "val": "list_val.txt",
    "query": "list_query.txt",
    "gallery": "list_gallery.txt",
}
MSMT17_FOLDERS = {"v1": ("train", "test"), "v2": ("mask_train_v2", "mask_test_v2")}
MSMT17_TRAIN_IDENTITIES = 1041
MSMT17_NAME = re.compile(r"[^_]+_[^_]+_(\d+)_")  # 0000_000_01_0303morning_0008_0.jpg: camera 1


class Listed(NamedTuple):
    """What the lists of a folder name."""

    layout: str
    parts: dict[str, list[Person]]
    """Images of train, query and gallery."""
    names: dict[int, str]
    notes: list[str]
    missing: list[str]
    """Which lists name images that are not there, one line each."""


def has_lists(folder: Path) -> bool:
    """Tell whether a folder has lists of queries and gallery, its own or MSMT17's."""
    return any((folder / lists[part]).is_file() for lists in (LISTS, MSMT17_LISTS) for part in ("query", "gallery"))


def read_lists(folder: Path, *, merge_val: bool, allow_missing: bool) -> Listed:
    """Read a folder of which `has_lists` is true."""
    if any((folder / name).is_file() for name in MSMT17_LISTS.values()):
        return read_msmt17(folder, merge_val=merge_val, allow_missing=allow_missing)
    return read_own_lists(folder, allow_missing=allow_missing)


def read_msmt17(folder: Path, *, merge_val: bool, allow_missing: bool) -> Listed:
    """Read MSMT17 version 1 or 2.

    The third field of a file name is the camera. The lists count training and test identities from 0 each: here the
    training ones are 1 to 1041 and the test ones follow, so that no two persons share a number and none is 0.

    Args:
        folder: holds the four lists beside `train` and `test`, or `mask_train_v2` and `mask_test_v2`.
        merge_val: put the images of list_val.txt to those for training.
        allow_missing: leave out images that a list names and the folder lacks.
    Raises:
        ValueError: if the folder is not complete, or a list or a file name is not as published.
    """
    version = next((v for v, names in MSMT17_FOLDERS.items() if all((folder / n).is_dir() for n in names)), None)
    if version is None:
        wanted = " or ".join(" and ".join(names) for names in MSMT17_FOLDERS.values())
        raise ValueError(f"{folder} has lists of MSMT17 without its images, wanted the folders {wanted}")
    train, test = (folder / name for name in MSMT17_FOLDERS[version])
    listed: dict[str, list[Person]] = {}
    missing = []
    for part, name in MSMT17_LISTS.items():
        images, first = (train, 1) if part in ("train", "val") else (test, 1 + MSMT17_TRAIN_IDENTITIES)
        rows = read_rows(folder / name, images, fields=(2,))
        persons = [Person(images / path, first + int(pid), _msmt17_camera(folder / name, path)) for path, pid in rows]
        listed[part], lacking = _existing(persons, folder / name, allow_missing)
        missing += lacking
    val = listed.pop("val")
    if merge_val:
        listed["train"] = sorted(listed["train"] + val)
        note = f"{len(val)} images of list_val.txt are among those for training"
    else:
        note = f"{len(val)} images of list_val.txt are left out"
    return Listed(f"MSMT17 {version}", listed, {}, [note], missing)


def read_own_lists(folder: Path, *, allow_missing: bool) -> Listed:
    """Read train.txt, query.txt and gallery.txt; the first may be missing.

    A line is `path identity` or `path identity camera`, separated by tabs or blanks; paths are relative to the folder.
    Identities that are numbers keep them; names are numbered from 1. Cameras are numbered from 0 in the order of their
    names, and are unknown (-1) where a line has none.
    """
    rows = {
        part: read_rows(folder / name, folder, fields=(2, 3))
        for part, name in LISTS.items()
        if part != "train" or (folder / name).is_file()
    }
    lines = [row for part in rows.values() for row in part]
    labels, cameras = {row[1] for row in lines}, {row[2] for row in lines if len(row) == 3}
    numbered = all(re.fullmatch(r"-?\d+", label) for label in labels)
    pids = {label: int(label) if numbered else pid for pid, label in enumerate(sorted(labels), start=1)}
    camids = {camera: camid for camid, camera in enumerate(sorted(cameras, key=lambda name: (len(name), name)))}
    parts: dict[str, list[Person]] = {"train": []}
    notes, missing = [], []
    for part, listed in rows.items():
        persons = [Person(folder / row[0], pids[row[1]], camids[row[2]] if row[2:] else -1) for row in listed]
        parts[part], lacking = _existing(persons, folder / LISTS[part], allow_missing)
        missing += lacking
    if unknown := sum(len(row) == 2 for row in lines):
        notes.append(f"{unknown} lines without a camera: none of their matches is left out as of the same camera")
    return Listed("lists", parts, {} if numbered else {pid: name for name, pid in pids.items()}, notes, missing)


def read_rows(file: Path, images: Path, *, fields: tuple[int, ...]) -> list[tuple[str, ...]]:
    """Read the fields of each line of a list.

    Args:
        file: the list.
        images: folder that its paths are relative to, for the message.
        fields: numbers of fields that a line may have.
    Raises:
        FileNotFoundError: if there is no such list.
        ValueError: if a line has another number of fields, or there are none.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing, wanted a list of the images in {images}")
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        row = tuple(line.split("\t") if "\t" in line else line.split())
        if not row:
            continue
        if len(row) not in fields:
            wanted = " or ".join(str(count) for count in fields)
            raise ValueError(f"{file}, line {number} has {len(row)} fields ({line[:60]!r}), wanted {wanted}")
        rows.append(row)
    if not rows:
        raise ValueError(f"{file} is empty, wanted a line for each image")
    return rows


def _msmt17_camera(file: Path, path: str) -> int:
    match = MSMT17_NAME.match(path.rsplit("/", 1)[-1])
    if match is None:
        raise ValueError(f"{file} names {path}, wanted a name such as 0000/0000_000_01_0303morning_0008_0.jpg")
    return int(match[1]) - 1


def _existing(persons: list[Person], file: Path, allow_missing: bool) -> tuple[list[Person], list[str]]:
    """Sort the images by path and leave out those that are not there, if that is allowed."""
    there = sorted(person for person in persons if person.path.is_file())
    if len(there) == len(persons):
        return there, []
    first = next(person.path for person in persons if not person.path.is_file())
    found = f"{file.name} names {len(persons) - len(there)} images that are not there, the first is {first}"
    if not allow_missing:
        raise ValueError(f"{found}; wanted all {len(persons)}")
    return there, [f"{found}: left out"]
