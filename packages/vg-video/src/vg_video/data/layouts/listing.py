"""What a dataset holds on disk: its videos with label, subject and split, and what should be there and is not."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from vg_video.data.folder import Scan, VideoSource
from vg_video.data.stills import natural_key

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Video:
    """One video of a dataset."""

    name: str  # in the dataset, such as "017/anger/take003"
    source: VideoSource  # where it lies, and its label
    subject: str | None = None  # who is seen, where the dataset tells
    split: Split = "train"
    damage: str | None = None  # why it cannot be used, as far as that shows before it is decoded


class Missing(NamedTuple):
    """Something that the dataset has and the folder has not."""

    name: str  # of a video, of a file, or of a subject's folder
    split: Split = "train"


@dataclass(frozen=True)
class Listing:
    """A dataset as it lies in a folder."""

    layout: str
    root: Path
    videos: tuple[Video, ...]
    missing: tuple[Missing, ...]
    expected: Mapping[str, int]  # numbers of the thesis, or of the official download
    all_subjects: Mapping[str, Split] | None = None  # of all videos in the folder, where `videos` are a selection

    def counts(self) -> dict[str, int]:
        """Count what is there, damaged videos included."""
        subjects = self.all_subjects or {video.subject: video.split for video in self.videos if video.subject}
        found: dict[str, int] = {
            "videos": len(self.videos),
            "subjects": len(subjects),
            "classes": len({video.source.label for video in self.videos} - {None}),
        }
        for side in ("train", "test"):
            found[f"{side} videos"] = sum(video.split == side for video in self.videos)
            found[f"{side} subjects"] = sum(split == side for split in subjects.values())
        return found

    def scan(self, split: Split | None = None, *, allow_missing: bool = False, skip_corrupt: bool = False) -> Scan:
        """Choose videos for a `ClipDataset`, which takes what is returned as its `scan`.

        Its classes are the labels of both splits, so that a label has the same number in either.

        Args:
            split: "train" or "test"; None takes both.
            allow_missing: go on with what is there when videos are missing.
            skip_corrupt: leave out, and list, videos that are damaged.
        Raises:
            ValueError: naming the first, when something is missing or damaged, or the folder, when there is no video.
        """
        missing = [name for name, side in self.missing if split in (None, side)]
        if missing and not allow_missing:
            what = f"{len(missing)} missing from {self.layout}, the first: {missing[0]}"
            raise ValueError(f"{self.root}: {what}; allow_missing goes on with what is there")
        videos = [video for video in self.videos if split in (None, video.split)]
        damaged = [video for video in videos if video.damage]
        if damaged and not skip_corrupt:
            raise ValueError(f"{damaged[0].source.path}: {damaged[0].damage}")
        if len(damaged) == len(videos):
            raise ValueError(
                f"{self.root}: no video of {self.layout} in it" + (f" for split {split!r}" if split else "")
            )
        return Scan(
            tuple(video.source for video in videos if not video.damage),
            tuple((video.source.path, video.damage) for video in videos if video.damage),
            self.classes,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of all videos, in natural order; empty without labels."""
        return tuple(sorted({video.source.label for video in self.videos if video.source.label}, key=natural_key))


def split_subjects(subjects: Iterable[str], train: int, test: int, seed: int = 0) -> dict[str, Split]:
    """Give each subject a side, so that no one is on both: `train` of `train + test`, drawn by the seed.

    Subjects are drawn by a hash of the seed and their name: those of a folder that lacks some change sides as little
    as can be.

    Returns:
        The side of each subject.
    """
    drawn = sorted(set(subjects), key=lambda subject: hashlib.sha256(f"{seed} {subject}".encode()).digest())
    count = round(len(drawn) * train / (train + test))
    return {subject: "train" if place < count else "test" for place, subject in enumerate(drawn)}
