"""Weizmann actions (3.4.1, 4.4.2): `<person>_<action>.avi`, as the ten archives of the download unpack, or strips.

Lena runs, skips and walks twice (`lena_run1.avi`, `lena_run2.avi`): 93 files, of which 3.4.1 counts 90. The strips are
those that come with MoCoGAN: `<0 | 1 | 3 | 4>/<number>.jpg`, a clip's frames side by side.
"""

from dataclasses import replace
from pathlib import Path

from vg_video.data.layouts.find import find_videos
from vg_video.data.layouts.listing import Listing, Missing, Video, split_subjects

PERSONS = ("daria", "denis", "eli", "ido", "ira", "lena", "lyova", "moshe", "shahar")
ACTIONS = ("bend", "jack", "jump", "pjump", "run", "side", "skip", "walk", "wave1", "wave2")
LENA_TWICE = ("run", "skip", "walk")
TRAIN, TEST = 6, 3  # subjects (3.4.1)
PATTERN = rf"(?:^|/)(?P<name>(?P<subject>{'|'.join(PERSONS)})_(?P<label>{'|'.join(ACTIONS)})(?P<take>[12]?))(?![^/.])"
STRIP_ACTIONS = {"1": "wave2", "0": "wave1", "3": "jack", "4": "bend"}  # in the order in which strips are numbered
STRIPS_PER_PERSON = 2 * len(STRIP_ACTIONS)
STRIP_PATTERN = r"(?:^|/)(?P<name>(?P<folder>[0134])/(?P<number>\d{8}))(?![^/.])"


def read_weizmann(root: Path | str, *, seed: int = 0) -> Listing:
    """Read the videos of the download, one of each action by each person; of Lena's pairs the first.

    Args:
        root: the folder that the archives were unpacked in, with or without a folder for each action.
        seed: of the split into 6 and 3 persons.
    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: see `read_layout`.
    """
    sides = split_subjects(PERSONS, TRAIN, TEST, seed)
    found = find_videos(root, PATTERN)
    wanted = [_name(person, action) for action in ACTIONS for person in PERSONS]
    return Listing(
        "Weizmann",
        Path(root),
        tuple(
            Video(name, replace(source, label=match["label"]), match["subject"], sides[match["subject"]], damage)
            for name, (match, source, damage) in found.items()
            if name in wanted
        ),
        tuple(Missing(f"{name}.avi", sides[name.split("_")[0]]) for name in wanted if name not in found),
        {"videos": 90, "subjects": 9, "classes": 10, "train subjects": TRAIN, "test subjects": TEST},
    )


def read_weizmann_strips(root: Path | str, *, seed: int = 0) -> Listing:
    """Read the strips of 36 videos: one or both arms waved, jumping jacks and bends of nine persons.

    Strip n shows person n // 8. Its label is the action's name in the download, its subject the person's number. Odd
    numbers, of which MoCoGAN's folder has as many, are left out.

    Args:
        root: the folder that holds 0, 1, 3 and 4.
        seed: of the split into 6 and 3 persons.
    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: see `read_layout`.
    """
    sides = split_subjects(map(str, range(len(PERSONS))), TRAIN, TEST, seed)
    found = find_videos(root, STRIP_PATTERN)
    wanted = {
        f"{folder}/{STRIPS_PER_PERSON * person + 2 * place:08}": (str(person), action)
        for person in range(len(PERSONS))
        for place, (folder, action) in enumerate(STRIP_ACTIONS.items())
    }
    return Listing(
        "Weizmann, as strips",
        Path(root),
        tuple(
            Video(name, replace(found[name].source, label=action), person, sides[person], found[name].damage)
            for name, (person, action) in wanted.items()
            if name in found
        ),
        tuple(Missing(f"{name}.jpg", sides[person]) for name, (person, _) in wanted.items() if name not in found),
        {"videos": len(wanted), "subjects": 9, "classes": 4, "train subjects": TRAIN, "test subjects": TEST},
    )


def _name(person: str, action: str) -> str:
    """The name of the video of an action by a person."""
    return f"{person}_{action}" + ("1" if person == "lena" and action in LENA_TWICE else "")
