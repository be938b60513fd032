"""VoxCeleb2-mini (5.3.1): two videos of each subject of VoxCeleb2, `{dev,test}/mp4/<subject>/<source>/<nnnnn>.mp4`.

A source is one film of the web; its files are the utterances in it, faces already cropped to 224 x 224 pixels.
"""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

from vg_video.data.folder import VideoSource
from vg_video.data.layouts.find import existing_folder
from vg_video.data.layouts.listing import Listing, Missing, Split, Video

PARTS: dict[str, Split] = {"dev": "train", "test": "test"}
PER_SUBJECT = 2  # 5.3.1
DEV_SUBJECTS = 5994  # the "6,000 subjects" of 5.3.1
META = "vox2_meta.csv"


def read_voxceleb2_mini(root: Path | str, *, seed: int = 0) -> Listing:
    """Choose two utterances of each subject, from two sources where there are two, so that they are diverse (5.3.1).

    What is chosen of a subject depends on the seed and on the names of the subject's own folders and files only.

    Args:
        root: the folder that holds dev and, if it is wanted, test; with vox2_meta.csv in it, missing subjects are told.
        seed: of the choice.
    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: see `read_layout`.
    """
    root = existing_folder(root)
    videos: list[Video] = []
    missing: list[Missing] = []
    for part, split in PARTS.items():
        folder = root / part / "mp4"
        subjects = sorted(path for path in folder.glob("id*") if path.is_dir())
        for subject in subjects:
            chosen = _choose(subject, seed)
            for path in chosen:
                name = path.relative_to(root).as_posix()
                videos.append(Video(name, VideoSource(path, "file"), subject.name, split))
            missing += [Missing(f"{part}/mp4/{subject.name}/*/*.mp4", split)] * (PER_SUBJECT - len(chosen))
        wanted = _subjects(root / META, part) if subjects and (root / META).exists() else []
        missing += [Missing(f"{part}/mp4/{name}", split) for name in wanted if not (folder / name).is_dir()]
    if not videos:
        raise ValueError(f"{root}: no video in it; dev/mp4/<subject>/<source>/<number>.mp4 is wanted")
    expected = {"train videos": PER_SUBJECT * DEV_SUBJECTS, "train subjects": DEV_SUBJECTS}
    return Listing("VoxCeleb2-mini", root, tuple(videos), tuple(missing), expected)


def _choose(subject: Path, seed: int) -> list[Path]:
    """Two utterances of a subject: the first drawn of each source, then the second of each."""
    drawn = []
    for place, source in enumerate(_shuffled((path for path in subject.iterdir() if path.is_dir()), seed)):
        utterances = _shuffled(source.glob("[!.]*.mp4"), seed)
        drawn += [(rank, place, path) for rank, path in enumerate(utterances[:PER_SUBJECT])]
        if sum(rank == 0 for rank, *_ in drawn) == PER_SUBJECT:  # enough sources: the others need not be read
            break
    return [path for *_, path in sorted(drawn)[:PER_SUBJECT]]


def _shuffled(paths: Iterable[Path], seed: int) -> list[Path]:
    """Neighbors in an order drawn by the seed."""
    return sorted(paths, key=lambda path: hashlib.sha256(f"{seed} {path.parent.name} {path.name}".encode()).digest())


def _subjects(path: Path, part: str) -> list[str]:
    """The subjects of a part that the table of the download names: `VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set`."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    subjects = [row[0] for row in rows if row and row[-1] == part]
    if not subjects:
        raise ValueError(f"{path}: names no subject of {part}; lines like id00012,n000012,m,{part} are wanted")
    return subjects
