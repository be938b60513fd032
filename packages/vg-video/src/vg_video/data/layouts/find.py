"""Videos found by their names, in the official folders or in others that keep the names (cropped copies)."""

import re
from pathlib import Path
from typing import NamedTuple

from vg_video.data.folder import VideoSource, scan_folder

# suffixes of what claims to be a video or a frame
SUFFIXES = frozenset({".avi", ".mp4", ".mov", ".mkv", ".webm", ".gif", ".jpg", ".jpeg", ".png", ".bmp"})


class Found(NamedTuple):
    """A video whose path has a name of the dataset in it."""

    match: re.Match[str]  # of the name in the path; its groups are the parts of the name
    source: VideoSource  # without label
    damage: str | None


def existing_folder(root: Path | str) -> Path:
    """The folder as a Path; FileNotFoundError or NotADirectoryError when it is none."""
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder")
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: is a file; the folder of a dataset is wanted")
    return root


def find_videos(root: Path | str, pattern: str) -> dict[str, Found]:
    """Find the videos below a folder whose names match, whatever they are: files, folders of frames, strips.

    What lies in the place of a video or a frame, has its suffix and is none counts as damage of that video.

    Args:
        root: the folder.
        pattern: searched for in each path, relative to `root`; its group `name` is the video's name.
    Returns:
        Videos by name, in natural order of their paths.
    Raises:
        FileNotFoundError, NotADirectoryError: when there is no such folder.
        ValueError: when there is no video in it, or when two videos have the same name.
    """
    root = existing_folder(root)
    scan = scan_folder(root)
    found: dict[str, Found] = {}
    for source in scan.sources:
        name = re.search(pattern, source.path.relative_to(root).as_posix())
        if not name:
            continue
        if name["name"] in found:
            first = found[name["name"]].source.path
            raise ValueError(f"{first}, {source.path}: both are {name['name']}; one of the two is wanted")
        found[name["name"]] = Found(name, VideoSource(source.path, source.kind), None)
    for path, reason in scan.ignored:
        relative = path.relative_to(root)
        name = re.search(pattern, relative.as_posix())
        if not name or path.suffix.lower() not in SUFFIXES:
            continue
        place = root / _place(relative, name)
        if name["name"] not in found or found[name["name"]].source.path == place:
            video = VideoSource(place, "file") if place == path else VideoSource(place, "frames")
            found[name["name"]] = Found(name, video, reason if place == path else f"{path.name}: {reason}")
    return found


def _place(relative: Path, name: re.Match[str]) -> Path:
    """The file or folder in a path with which the name ends."""
    return Path(*relative.parts[: 1 + name.string[: name.end("name")].count("/")])
