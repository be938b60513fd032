"""Clips as pictures: strips for looking at motion on paper, mosaics for playing."""

import numpy as np
from einops import rearrange
from torch import Tensor
from vg_video.data.transforms import to_uint8


def strips(video: Tensor, gap: int = 2) -> np.ndarray:
    """Lay clips out on one sheet: a row a clip, its frames from left to right.

    Args:
        video: (b, 3, t, h, w) in [-1, 1].
        gap: white pixels between rows and between frames.
    Returns:
        uint8 RGB, (height, width, 3).
    """
    frames = np.pad(to_uint8(video), ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=255)
    return rearrange(frames, "b t h w c -> (b h) (t w) c")[:-gap, :-gap]


def mosaic(video: Tensor, columns: int, gap: int = 2) -> np.ndarray:
    """Put clips side by side into one clip that plays them all at once.

    Args:
        video: (b, 3, t, h, w) in [-1, 1].
        columns: clips in a row; the last row is filled up with white.
        gap: white pixels between clips.
    Returns:
        uint8 RGB, (t, height, width, 3).
    """
    frames = np.pad(to_uint8(video), ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=255)
    missing = -len(frames) % columns
    frames = np.concatenate([frames, np.full_like(frames[:1], 255).repeat(missing, 0)])
    return rearrange(frames, "(r k) t h w c -> t (r h) (k w) c", k=columns)[:, :-gap, :-gap]
