"""Built-in videos of 16x64x64, drawn one by one and on two threads.

The plain form draws each shape into the whole of the frames instead of the part around it. Clips a second are 1000 *
the clips of a case / its milliseconds. Memory is PyTorch's alone, not NumPy's.
"""

from collections.abc import Iterator
from functools import partial
from unittest.mock import patch

import numpy as np
import torch
from harness import Case, Setting
from torch import Tensor
from vg_video.data.parallel import map_in_order
from vg_video.data.synthetic import SyntheticActions, SyntheticFaces, SyntheticRobot, SyntheticSet
from vg_video.data.synthetic.canvas import Canvas, Patch

SETS: dict[str, type[SyntheticSet]] = {"faces": SyntheticFaces, "actions": SyntheticActions, "robot": SyntheticRobot}
CLIPS = 30  # of each set: all classes, several looks


def whole(canvas: Canvas, around: np.ndarray, margin: float) -> Patch:
    """All of the frames, in the place of `Canvas.patch`."""
    centers = np.arange(canvas.resolution, dtype=np.float32) + 0.5
    everything = slice(0, canvas.resolution)
    return Patch((everything, everything), centers[None, None], centers[None, :, None])


def clips(source: SyntheticSet, workers: int = 0) -> Tensor:
    frames = map_in_order(lambda index: torch.from_numpy(source.clip(index).frames), range(CLIPS), workers)
    return torch.stack(list(frames)).float()


def plain_clips(source: SyntheticSet) -> Tensor:
    with patch.object(Canvas, "patch", whole):
        return clips(source)


def cases(setting: Setting) -> Iterator[Case]:
    size = {"frames": 2, "resolution": 16} if setting.tiny else {"frames": 16, "resolution": 64}
    for name, kind in SETS.items():
        source = kind(**size)
        forms = {"whole frames": partial(plain_clips, source), "ours": partial(clips, source)}
        yield Case(name=f"{name}, {CLIPS} clips", forms=forms | {"two threads": partial(clips, source, workers=2)})
