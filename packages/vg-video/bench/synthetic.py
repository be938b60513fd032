"""Built-in videos of 16x64x64: clips one by one, and in batches with and without worker threads.

The plain form draws each shape into the whole of the frames instead of the part around it. A case says how many clips
it draws: that many times 1000 / its milliseconds is the clips a second. Memory is PyTorch's alone, not NumPy's.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from unittest.mock import patch

import numpy as np
import torch
from harness import Case, Setting
from torch import Tensor
from vg_video.data.synthetic import SyntheticActions, SyntheticClips, SyntheticFaces, SyntheticRobot, SyntheticSet
from vg_video.data.synthetic.canvas import Canvas, Patch

SETS: dict[str, type[SyntheticSet]] = {"faces": SyntheticFaces, "actions": SyntheticActions, "robot": SyntheticRobot}
CLIPS = 30  # of each set: all classes, several looks
BATCH, BATCHES = 8, 4


def whole(canvas: Canvas, around: np.ndarray, margin: float) -> Patch:
    """All of the frames, in the place of `Canvas.patch`."""
    height, width = canvas.pixels.shape[2:]
    x, y = (np.arange(size, dtype=np.float32) + 0.5 for size in (width, height))
    return Patch((slice(None), slice(None), slice(None)), x[None, None], y[None, :, None])


def clips(source: SyntheticSet) -> Tensor:
    return torch.stack([torch.from_numpy(source.clip(index).frames) for index in range(CLIPS)]).float()


def plain_clips(source: SyntheticSet) -> Tensor:
    with patch.object(Canvas, "patch", whole):
        return clips(source)


def batches(dataset: SyntheticClips, workers: int) -> Tensor:
    return torch.cat([batch.video for batch in islice(dataset.batches(BATCH, seed=0, workers=workers), BATCHES)])


def cases(setting: Setting) -> Iterator[Case]:
    size = {"frames": 2, "resolution": 16} if setting.tiny else {"frames": 16, "resolution": 64}
    for name, kind in SETS.items():
        source = kind(**size)
        forms = {"whole frames": partial(plain_clips, source), "ours": partial(clips, source)}
        yield Case(name=f"{name}, {CLIPS} clips", forms=forms)
        dataset = SyntheticClips(source)
        forms = {"in turn": partial(batches, dataset, 0), "2 threads": partial(batches, dataset, 2)}
        yield Case(name=f"{name}, {BATCHES} batches of {BATCH}", forms=forms)
