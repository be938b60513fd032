"""NATOPS aircraft handling signals (3.4.1): `gesture<gg>/g<gg>s<ss>.avi` and `segmentation.txt`.

A file shows one subject who repeats one gesture 20 times; the text tells first and last frame of each time, from 1:

    // a comment
    <subject>,<gesture>,<number of repetitions>
    <repetition>:<first frame>,<last frame>
"""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from vg_video.data.folder import VideoSource
from vg_video.data.layouts.find import existing_folder
from vg_video.data.layouts.listing import Listing, Missing, Split, Video, split_subjects

GESTURES = (
    *("i_have_command", "all_clear", "not_clear", "spread_wings", "fold_wings", "lock_wings", "up_hook", "down_hook"),
    *("remove_tiedowns", "remove_chocks", "insert_chocks", "move_ahead", "turn_left", "turn_right", "next_marshaller"),
    *("slow_down", "stop", "nosegear_steering", "hot_brakes", "brakes_on", "brakes_off", "install_tiedowns", "fire"),
    "cut_engine",
)
SUBJECTS = tuple(f"{subject:02}" for subject in range(1, 21))
REPETITIONS = 20
TRAIN, TEST = 15, 5  # subjects (3.4.1)
SEGMENTATION = "segmentation.txt"


class Segment(NamedTuple):
    """One time that a subject makes a gesture."""

    gesture: int  # from 1
    subject: str
    repetition: int  # from 1
    span: tuple[int, int]  # first frame, from 0, and the one after the last

    @property
    def name(self) -> str:
        """Such as g01s01r20."""
        return f"g{self.gesture:02}s{self.subject}r{self.repetition:02}"


def read_natops(root: Path | str, *, seed: int = 0) -> Listing:
    """Read NATOPS: a video is one repetition, its label the gesture's name.

    First come the first repetitions of all, then the second ones: files are then decoded side by side into a cache.

    Args:
        root: the folder `data` of the download, or the one that holds it.
        seed: of the split into 15 and 5 subjects.
    Raises:
        FileNotFoundError: when there is no such folder or no segmentation.txt in it.
        NotADirectoryError, ValueError: see `read_layout`.
    """
    root = existing_folder(root)
    folder = root / "data" if (root / "data").is_dir() else root
    sides = split_subjects(SUBJECTS, TRAIN, TEST, seed)
    segments = sorted(_segments(folder / SEGMENTATION), key=lambda segment: (segment.repetition, segment.name))
    return Listing(
        "NATOPS",
        root,
        tuple(
            Video(segment.name, _source(folder, segment), segment.subject, sides[segment.subject])
            for segment in segments
            if (folder / _file(segment.gesture, segment.subject)).exists()
        ),
        tuple(_missing(folder, {segment.name for segment in segments}, sides)),
        {
            "videos": len(GESTURES) * len(SUBJECTS) * REPETITIONS,
            "subjects": len(SUBJECTS),
            "classes": len(GESTURES),
            "train subjects": TRAIN,
            "test subjects": TEST,
        },
    )


def _file(gesture: int, subject: str) -> str:
    """The file that shows a subject's repetitions of a gesture."""
    return f"gesture{gesture:02}/g{gesture:02}s{subject}.avi"


def _source(folder: Path, segment: Segment) -> VideoSource:
    """The part of a file that shows one repetition, labeled."""
    path = folder / _file(segment.gesture, segment.subject)
    return VideoSource(path, "file", GESTURES[segment.gesture - 1], segment.span)


def _missing(folder: Path, named: set[str], sides: dict[str, Split]) -> Iterator[Missing]:
    """Files that are not there, and repetitions that the text does not name."""
    for gesture, subject in product(range(1, len(GESTURES) + 1), SUBJECTS):
        if not (folder / _file(gesture, subject)).exists():
            yield Missing(_file(gesture, subject), sides[subject])
        for repetition in range(1, REPETITIONS + 1):
            name = f"g{gesture:02}s{subject}r{repetition:02}"
            if name not in named:
                yield Missing(f"{name} in {SEGMENTATION}", sides[subject])


def _segments(path: Path) -> Iterator[Segment]:
    """The segments that the text names."""
    subject, gesture = 0, 0
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        text = re.sub(r"\s", "", line)
        if not text or text.startswith(("//", "<eof>")):
            continue
        head = re.fullmatch(r"(\d+),(\d+),\d+", text)
        segment = re.fullmatch(r"(\d+):(\d+),(\d+).*", text)
        if head:
            subject, gesture = int(head[1]), int(head[2])
        if not (head or segment) or not 1 <= subject <= len(SUBJECTS) or not 1 <= gesture <= len(GESTURES):
            raise ValueError(f"{path}: line {number}: {line.strip()!r}; subject,gesture,n or n:first,last is wanted")
        if segment:
            repetition, first, last = map(int, segment.groups())
            if not 1 <= first <= last:
                raise ValueError(f"{path}: line {number}: frames {first} to {last}; 1 <= first <= last is wanted")
            yield Segment(gesture, SUBJECTS[subject - 1], repetition, (first - 1, last))
