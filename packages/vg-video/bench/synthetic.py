"""Built-in videos of 16x64x64, drawn one by one and by two processes.

The plain form draws each shape into the whole of the frames instead of the part around it. Clips a second are 1000 *
the clips of a case / its milliseconds. Memory is PyTorch's alone, not NumPy's.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from unittest.mock import patch

import numpy as np
import torch
from harness import Case, Setting
from torch import Tensor
from vg_video.data.synthetic import SyntheticActions, SyntheticFaces, SyntheticRobot, SyntheticSet
from vg_video.data.synthetic.canvas import Canvas, Patch

SETS: dict[str, type[SyntheticSet]] = {"faces": SyntheticFaces, "actions": SyntheticActions, "robot": SyntheticRobot}
CLIPS = 30  # of each set: all classes, several looks


def whole(canvas: Canvas, around: np.ndarray, margin: float) -> Patch:
    """All of the frames, in the place of `Canvas.patch`."""
    centers = np.arange(canvas.resolution, dtype=np.float32) + 0.5
    everything = slice(0, canvas.resolution)
    return Patch((everything, everything), centers[None, None], centers[None, :, None])


def clips(source: SyntheticSet, pool: ProcessPoolExecutor | None = None) -> Tensor:
    drawn = pool.map(source.clip, range(CLIPS), chunksize=CLIPS // 6) if pool else map(source.clip, range(CLIPS))
    return torch.stack([torch.from_numpy(clip.frames) for clip in drawn]).float()


def plain_clips(source: SyntheticSet) -> Tensor:
    with patch.object(Canvas, "patch", whole):
        return clips(source)


def cases(setting: Setting) -> Iterator[Case]:
    size = {"frames": 2, "resolution": 16} if setting.tiny else {"frames": 16, "resolution": 64}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for name, kind in SETS.items():
            source = kind(**size)
            forms = {"whole frames": partial(plain_clips, source), "ours": partial(clips, source)}
            yield Case(name=f"{name}, {CLIPS} clips", forms=forms | {"two processes": partial(clips, source, pool)})
