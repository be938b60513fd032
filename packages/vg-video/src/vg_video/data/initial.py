"""Initial frames of test videos, each with the clip that really follows (3.4.3)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vg_video.data.clips import ClipDataset
from vg_video.data.transforms import to_float
from vg_video.seeds import seeded

FRAMES_PER_VIDEO = 10  # 3.4.3: 10 initial frames from each video of a testing set


@dataclass(frozen=True, eq=False)
class InitialFrame:
    """A frame to generate a video from, and what came after it in truth."""

    video: int  # number of the video in the dataset
    start: int  # number of the frame in the video
    image: Tensor  # (3, h, w) in [-1, 1]: the first frame of `clip`
    clip: Tensor  # (3, t, h, w) in [-1, 1]
    label: int | None  # class number, or None without labels


def initial_frames(dataset: ClipDataset, count: int = FRAMES_PER_VIDEO, *, seed: int = 0) -> Iterator[InitialFrame]:
    """Draw frames of each video with which a clip can begin, and the clips, at the least time step (3.4.3).

    The frames of a video are distinct and in order. A video with fewer such frames than `count` gives all of them.

    Args:
        dataset: the test videos.
        count: frames of each video.
        seed: the frames of video i are a function of (seed, i) and of its length.
    Yields:
        The frames of the first video, then of the next.
    Raises:
        ValueError: when `count` is not positive.
    """
    if count < 1:
        raise ValueError(f"count={count}; at least 1 is wanted")
    for video in range(len(dataset)):
        order = torch.randperm(dataset.starts(video), generator=seeded(seed, video))
        for start in sorted(order[:count].tolist()):
            pixels, label = dataset.clip_at(video, start)
            clip = to_float(pixels)
            yield InitialFrame(video, start, clip[:, 0], clip, label)
