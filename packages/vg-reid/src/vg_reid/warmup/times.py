"""When and by which camera an image was taken, read from the file names of the three datasets of 6.4.1."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

MARKET = re.compile(r"-?\d+_(?P<camera>c\d+)s(?P<sequence>\d+)_(?P<frame>\d+)_")  # 0002_c1s1_000451_03.jpg
DUKE = re.compile(r"-?\d+_c\d+_f(?P<frame>\d+)")  # 0001_c2_f0046182.jpg
MSMT = re.compile(r"\d+_\d+_\d+_(?P<slot>\d{4}[a-z]+)_(?P<frame>\d+)_")  # 0000_000_01_0303morning_0008_0.jpg


class Times(NamedTuple):
    """Times of n images."""

    frames: Tensor
    """(n,) int64, in frames of the video."""
    slots: Tensor
    """(n,) int64: times of different slots, such as two days, cannot be compared."""
    bin_width: int
    """Frames of a bin of the histogram of time differences."""


def read_times(paths: Sequence[Path]) -> Times:
    """Read times from file names of Market-1501, DukeMTMC-reID or MSMT17.

    Market-1501 counts the frames of each sequence of a camera anew; here they go on from the largest frame, among the
    images given, of the earlier sequences. So images whose times are compared, such as queries and gallery, have to be
    read together.

    Raises:
        ValueError: if a name does not tell a time, or the names are of different datasets.
    """
    for pattern, read in ((MARKET, _market), (DUKE, _duke), (MSMT, _msmt)):
        matches = [pattern.match(path.name) for path in paths]
        if paths and matches[0]:
            if None in matches:
                raise ValueError(f"{paths[matches.index(None)]} tells no time as {paths[0].name} does")
            return read([match for match in matches if match])
    first = paths[0] if paths else "no image"
    raise ValueError(f"{first} tells no time, wanted names as in Market-1501, DukeMTMC-reID or MSMT17")


def _market(matches: Sequence[re.Match[str]]) -> Times:
    last: dict[str, dict[int, int]] = defaultdict(dict)
    seen = [(match["camera"], int(match["sequence"]), int(match["frame"])) for match in matches]
    for camera, sequence, frame in seen:
        last[camera][sequence] = max(frame, last[camera].get(sequence, 0))
    frames = [frame + sum(end for s, end in last[camera].items() if s < sequence) for camera, sequence, frame in seen]
    return Times(torch.tensor(frames), torch.zeros(len(frames), dtype=torch.int64), 100)


def _duke(matches: Sequence[re.Match[str]]) -> Times:
    frames = torch.tensor([int(match["frame"]) for match in matches])
    return Times(frames, torch.zeros_like(frames), 100)


def _msmt(matches: Sequence[re.Match[str]]) -> Times:
    names = sorted({match["slot"] for match in matches})
    slots = torch.tensor([names.index(match["slot"]) for match in matches])
    return Times(torch.tensor([int(match["frame"]) for match in matches]), slots, 1)
