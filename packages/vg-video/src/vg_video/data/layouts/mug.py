"""MUG facial expressions (3.4.1, 4.4.2): `<subject>/[session<n>/]<expression>/take<nnn>/img_0000.jpg ...`.

A take's name may end in "end" or "nsg". The released lists of ImaGINator (wyhsirius/ImaGINator @259c6a2, annotation/)
name 931 videos of 52 subjects that are not neutral, the number of 3.4.1, and test on the ten subjects below.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

from vg_video.data.folder import VideoSource
from vg_video.data.layouts.find import Found, find_videos
from vg_video.data.layouts.listing import Listing, Missing, Split, Video
from vg_video.data.stills import frame_files

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
SUBJECTS = tuple(
    f"{subject:03}"
    for subject in (
        *(1, 2, 6, 7, 8, 10, 13, 14, 17, 20, 21, 27, 28, 30, 31, 32, 33, 34, 36, 37, 38, 39, 40, 42, 43, 44, 45, 46),
        *(48, 49, 52, 55, 60, 61, 62, 63, 64, 65, 66, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 82, 83, 84),
    )
)
TEST_SUBJECTS = frozenset(("017", "034", "045", "055", "060", "064", "065", "073", "078", "083"))
PATTERN = rf"(?:^|/)(?P<name>(?P<subject>\d{{3}})/(?:session\d+/)?(?P<label>{'|'.join(EXPRESSIONS)})/take[^/.]+)"
EXPECTED: dict[str, dict[str, int]] = {
    "chapter3": {"videos": 931, "subjects": 52, "classes": 6, "train subjects": 42, "test subjects": 10},
    "chapter4": {"videos": 1254, "subjects": 86, "classes": 6},
}
SHORTEST = 64  # frames of a video of 4.4.2: its numbers are those of MoCoGAN, which left shorter ones out


def read_mug(
    root: Path | str, *, variant: Literal["chapter3", "chapter4"] = "chapter3", lists: Path | None = None
) -> Listing:
    """Read MUG; the split is that of the released lists, with their ten subjects for testing.

    Args:
        root: the folder that holds 001, 002, ..., or one above it.
        variant: all six expressions (3.4.1), or those videos of them that have at least 64 frames (4.4.2).
        lists: a CSV list with the columns video, id, category, nframes, or a folder of such lists: only the videos
            that they name are used, and those that are not there, or have fewer frames, are told. Neutral ones are
            passed over.
    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: see `read_layout`.
    """
    found = find_videos(root, PATTERN)
    wanted = dict(_listed(lists)) if lists else None
    videos = [
        _video(name, video, wanted[name] if wanted else None)
        for name, video in found.items()
        if wanted is None or name in wanted
    ]
    if wanted is None:
        missing = [subject for subject in SUBJECTS if not any(video.subject == subject for video in videos)]
    else:
        missing = [name for name in wanted if name not in found]
    if variant == "chapter4":
        videos = [video for video in videos if _is_long(video.source)]
    expected = EXPECTED[variant]
    if wanted is not None and variant == "chapter3":
        expected = {"videos": len(wanted), "subjects": len({name[:3] for name in wanted})}
    return Listing(
        "MUG",
        Path(root),
        tuple(videos),
        tuple(Missing(name, _side(name[:3])) for name in missing),
        expected,
    )


def _video(name: str, found: Found, frames: int | None) -> Video:
    """A take; frames that its numbering or the list has and its folder has not are damage."""
    subject = found.match["subject"]
    source = replace(found.source, label=found.match["label"])
    damage = found.damage
    if source.kind == "frames" and not damage:
        numbers = {int(number[1]) for path in frame_files(source.path) if (number := re.match(r"img_(\d+)", path.name))}
        gaps = sorted(set(range(frames or max(numbers, default=-1) + 1)) - numbers) if numbers else []
        if gaps:
            damage = f"frames are missing: {len(gaps)}, the first img_{gaps[0]:04}.jpg"
    return Video(name, source, subject, _side(subject), damage)


def _side(subject: str) -> Split:
    """The split that a subject is in."""
    return "test" if subject in TEST_SUBJECTS else "train"


def _is_long(source: VideoSource) -> bool:
    """Whether a video has the frames that one of 4.4.2 has; of a damaged one that is not known, and it stays."""
    try:
        if source.kind == "frames":
            return len(frame_files(source.path)) >= SHORTEST
        return sum(1 for _ in islice(source.frames(), SHORTEST)) == SHORTEST
    except ValueError:
        return True


def _listed(lists: Path) -> Iterator[tuple[str, int]]:
    """Name and number of frames of each video in the lists that is not neutral."""
    paths = sorted(lists.glob("*.csv")) if lists.is_dir() else [lists]
    if not paths:
        raise ValueError(f"{lists}: no CSV list in it")
    for path in paths:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"video", "category", "nframes"} <= set(rows.fieldnames or ()):
                found = ", ".join(rows.fieldnames or ()) or "nothing"
                raise ValueError(f"{path}: columns {found}; video, id, category, nframes are wanted")
            for row in rows:
                name = re.search(PATTERN, row["video"] or "")
                if name and (row["nframes"] or "").isdecimal():
                    yield name["name"], int(row["nframes"])
                elif row["category"] != "neutral":
                    raise ValueError(f"{path}: line {rows.line_num} names no video of MUG: {row['video']!r}")
