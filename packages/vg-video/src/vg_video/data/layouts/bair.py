"""BAIR robot pushing (5.3.1): `softmotion30_44k/{train,test}/traj_<first>_to_<last>.tfrecords`, 256 episodes a file.

The release has 43,264 training episodes, of which 5.3.1 speaks as 40,000, and 256 for testing. The numbers of the files
are not without gaps, so a missing file has a known name only where a gap is a multiple of 256.
"""

import re
from itertools import pairwise
from pathlib import Path

from vg_video.data.bair import count_episodes
from vg_video.data.folder import VideoSource
from vg_video.data.layouts.find import existing_folder
from vg_video.data.layouts.listing import Listing, Missing, Split, Video
from vg_video.data.stills import natural_key

FOLDER = "softmotion30_44k"
EPISODES = 256  # of a file
TRAIN_FILES, TEST_FILES = 169, 1
NAME = re.compile(r"traj_(\d+)_to_(\d+)\.tfrecords")


def read_bair(root: Path | str) -> Listing:
    """Read BAIR robot pushing; it has no labels and no subjects. A file's records are counted, their data not read.

    Args:
        root: the folder softmotion30_44k, or the one that holds it.
    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: see `read_layout`.
    """
    root = existing_folder(root)
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    videos: list[Video] = []
    missing: list[Missing] = []
    sides: tuple[Split, Split] = ("train", "test")
    for split in sides:
        files = sorted((folder / split).glob("traj_*.tfrecords"), key=lambda path: natural_key(path.name))
        for path in files:
            episodes = _episodes(path, split)
            videos += episodes
            if not episodes[0].damage and len(episodes) < EPISODES:
                missing.append(
                    Missing(f"{split}/{path.name}: {EPISODES - len(episodes)} of {EPISODES} episodes", split)
                )
        if split == "train" and len(files) < TRAIN_FILES:
            missing += [Missing(f"train/{name}", "train") for name in _gaps(files)]
    if not videos:
        raise ValueError(f"{root}: no episode in it; {FOLDER}/train/traj_0_to_255.tfrecords is wanted")
    train, test = EPISODES * TRAIN_FILES, EPISODES * TEST_FILES
    expected = {"videos": train + test, "train videos": train, "test videos": test}
    return Listing("BAIR robot pushing", root, tuple(videos), tuple(missing), expected)


def _episodes(path: Path, split: Split) -> list[Video]:
    """The episodes of a file, or one that tells the damage."""
    name = f"{split}/{path.stem}"
    try:
        count = count_episodes(path)
    except ValueError as error:
        reason = str(error).removeprefix(f"{path}: ")
        return [Video(name, VideoSource(path, "record"), split=split, damage=reason)]
    if not count:
        return [Video(name, VideoSource(path, "record"), split=split, damage="no record in it")]
    return [
        Video(f"{name}/{number}", VideoSource(path, "record", number=number), split=split) for number in range(count)
    ]


def _gaps(files: list[Path]) -> list[str]:
    """The names of files that fill the gaps of whole files between those that are there."""
    spans = [(int(name[1]), int(name[2])) for name in (NAME.fullmatch(path.name) for path in files) if name]
    names = []
    for (_, end), (start, _) in pairwise(spans):
        if (start - end - 1) % EPISODES == 0:
            names += [f"traj_{first}_to_{first + EPISODES - 1}.tfrecords" for first in range(end + 1, start, EPISODES)]
    return names
