"""Is a dataset complete? Counts, names of what is missing, and which files are damaged."""

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from vg_video.data.containers import cut_off, video_container
from vg_video.data.folder import VideoSource
from vg_video.data.layouts.listing import Listing, Video
from vg_video.data.parallel import map_in_order


@dataclass(frozen=True)
class Report:
    """What `check` found."""

    layout: str
    root: Path
    counts: tuple[tuple[str, int, int], ...]  # what is counted, the number that is expected, the number found
    missing: tuple[str, ...]
    corrupt: tuple[tuple[Path, str], ...]  # each with the reason

    @property
    def complete(self) -> bool:
        """Whether all counts are as expected, nothing is missing and nothing damaged."""
        return not self.missing and not self.corrupt and all(wanted == found for _, wanted, found in self.counts)


def check(listing: Listing, *, decode: bool = True, progress: Callable[[int, int], None] | None = None) -> Report:
    """Compare a folder with what the dataset should hold, and look at each of its videos, on a thread per core.

    Args:
        listing: the folder, as `read_layout` read it.
        decode: decode every video to its end; otherwise only its first frame, and whether its file was cut off.
        progress: called with (videos done, videos in all).
    """
    found = listing.counts()
    corrupt = [(video.source.path, video.damage) for video in listing.videos if video.damage]
    sources = _once(video for video in listing.videos if not video.damage)

    def problem(source: VideoSource) -> str | None:
        return _problem(source, decode)

    with closing(map_in_order(problem, sources, os.cpu_count() or 1)) as problems:
        for done, (source, reason) in enumerate(zip(sources, problems, strict=True), start=1):
            if reason:
                corrupt.append((source.path, reason.removeprefix(f"{source.path}: ").removeprefix(f"{source.path}/")))
            if progress:
                progress(done, len(sources))
    return Report(
        listing.layout,
        listing.root,
        tuple((what, wanted, found[what]) for what, wanted in listing.expected.items()),
        tuple(name for name, _ in listing.missing),
        tuple(corrupt),
    )


def _once(videos: Iterable[Video]) -> list[VideoSource]:
    """The videos' sources; of the parts of one file only the last, for which all before it are decoded too."""
    last: dict[tuple[Path, int], VideoSource] = {}
    for video in videos:
        key = (video.source.path, video.source.number)
        ends = [source.span[1] for source in (last.get(key), video.source) if source and source.span]
        last[key] = replace(video.source, span=(0, max(ends)) if ends else None)
    return list(last.values())


def _problem(source: VideoSource, decode: bool) -> str | None:
    """What is wrong with a video, or None."""
    try:
        frames = source.frames()
        if decode:
            for _ in frames:
                pass
            return None
        next(frames, None)
    except (ValueError, OSError) as error:
        return str(error)
    container = video_container(source.path) if source.kind == "file" else None
    return cut_off(source.path, container) if container else None
