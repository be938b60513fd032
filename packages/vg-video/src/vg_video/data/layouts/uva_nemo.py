"""UvA-NEMO smiles (3.4.1, 4.4.2): `videos/<subject>_<deliberate|spontaneous>_smile_<n>.mp4`.

`UvA-NEMO_Smile_Database_File_Details.txt` of the download tells for each file, after five lines of heading and
separated by tabs, its name and its subject, and more.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

from vg_video.data.layouts.find import existing_folder, find_videos
from vg_video.data.layouts.listing import Listing, Missing, Video, split_subjects

DETAILS = "UvA-NEMO_Smile_Database_File_Details.txt"
PATTERN = r"(?:^|/)(?P<name>(?P<subject>\d{3})_(?P<kind>deliberate|spontaneous)_smile_\d+)(?![^/.])"
TRAIN, TEST = 320, 80  # subjects (3.4.1)
EXPECTED: dict[str, dict[str, int]] = {
    "chapter3": {"videos": 597, "subjects": 400, "train subjects": TRAIN, "test subjects": TEST},
    "chapter4": {"videos": 1240, "subjects": 400, "train subjects": TRAIN, "test subjects": TEST},
}


def read_uva_nemo(root: Path | str, *, variant: Literal["chapter3", "chapter4"] = "chapter3", seed: int = 0) -> Listing:
    """Read UvA-NEMO; there are no labels (3.4.1).

    The database has 597 spontaneous and 643 deliberate smiles: those of chapter 3 are the spontaneous ones, chapter 4
    takes all. A subject is in the same split in both.

    Args:
        root: the folder of the database, or a copy that keeps the videos' names; with the file of details in it,
            missing videos are told by name.
        variant: which smiles.
        seed: of the split into 320 and 80 subjects.
    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: see `read_layout`.
    """
    root = existing_folder(root)
    subjects = _details(root / DETAILS) if (root / DETAILS).exists() else {}
    found = find_videos(root, PATTERN)
    known = {name: video.match["subject"] for name, video in found.items()} | subjects
    sides = split_subjects(known.values(), TRAIN, TEST, seed)
    chosen = [name for name in known if variant == "chapter4" or "spontaneous" in name]
    return Listing(
        "UvA-NEMO",
        root,
        tuple(
            Video(name, replace(found[name].source, label=None), known[name], sides[known[name]], found[name].damage)
            for name in chosen
            if name in found
        ),
        tuple(Missing(f"{name}.mp4", sides[known[name]]) for name in chosen if name not in found),
        EXPECTED[variant],
        {known[name]: sides[known[name]] for name in found},
    )


def _details(path: Path) -> dict[str, str]:
    """The subject of each video that the file of details names."""
    subjects = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, rest = line.partition("\t")
        video = re.fullmatch(PATTERN + r"\.mp4", name.strip())
        if video:
            subjects[video["name"]] = rest.split("\t")[0].strip() or video["subject"]
    if not subjects:
        raise ValueError(f"{path}: names no video; lines like 001_deliberate_smile_2.mp4<tab>001 are wanted")
    return subjects
