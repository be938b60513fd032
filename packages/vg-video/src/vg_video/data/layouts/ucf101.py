"""UCF101 (4.4.2, 5.3.1): `UCF-101/<class>/v_<class>_g<gg>_c<cc>.avi`, and lists in `ucfTrainTestlist/`.

A line of trainlist01.txt is `<class>/<file> <class number>`, of testlist01.txt `<class>/<file>`; they end in CR LF.
Videos of one class and group were cut from one source; the lists keep them on one side.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from vg_video.data.folder import VideoSource
from vg_video.data.layouts.find import existing_folder
from vg_video.data.layouts.listing import Listing, Missing, Split, Video

LISTS = "ucfTrainTestlist"
SIZES = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}  # training and test videos by list; 13,320 in all
CLASSES = 101
LINE = re.compile(r"(?P<name>(?P<label>[^/\s]+)/v_\w+_(?P<group>g\d+)_c\d+\.avi)(?: \d+)?")


def read_ucf101(root: Path | str, *, number: int = 1, lists: Path | None = None) -> Listing:
    """Read UCF101 by an official pair of lists; a video's label is its class, its subject the class and group.

    Args:
        root: the folder that holds UCF-101, or that folder itself.
        number: of the pair of lists, 1 to 3.
        lists: the folder of the lists, when it is not `root`/ucfTrainTestlist.
    Raises:
        FileNotFoundError: when there is no such folder or list.
        NotADirectoryError, ValueError: see `read_layout`; a line that names no video is told by its number.
    """
    if number not in SIZES:
        raise ValueError(f"number={number}; one of {', '.join(map(str, SIZES))} is wanted")
    root = existing_folder(root)
    folder = root / "UCF-101" if (root / "UCF-101").is_dir() else root
    lists = lists or root / LISTS
    videos: list[Video] = []
    missing: list[Missing] = []
    sides: tuple[Split, Split] = ("train", "test")
    for split in sides:
        for line in _lines(lists / f"{split}list{number:02}.txt"):
            path = folder / line["name"]
            if path.exists():
                source = VideoSource(path, "file", line["label"])
                videos.append(Video(line["name"], source, f"{line['label']}_{line['group']}", split))
            else:
                missing.append(Missing(line["name"], split))
    train, test = SIZES[number]
    return Listing(
        "UCF101",
        root,
        tuple(videos),
        tuple(missing),
        {"videos": train + test, "classes": CLASSES, "train videos": train, "test videos": test},
    )


def _lines(path: Path) -> Iterator[re.Match[str]]:
    """The lines of a list, taken apart."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = LINE.fullmatch(line.strip())
        if match:
            yield match
        elif line.strip():
            raise ValueError(f"{path}: line {number}: {line.strip()!r}; <class>/v_<class>_g01_c01.avi is wanted")
