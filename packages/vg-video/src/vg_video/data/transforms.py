"""From frames to tensors and back."""

from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Fit = Literal["crop", "resize", "85x64"]


def fit_frame(frame: np.ndarray, resolution: int, fit: Fit) -> np.ndarray:
    """Bring a frame (h, w, 3) to (resolution, resolution, 3), antialiased.

    "crop" scales the shorter side to `resolution` and keeps the center; "resize" ignores the aspect ratio. "85x64" is
    what 4.4.2 does to UCF101, as TGAN did: frames of 85 columns and 64 rows, or multiples, of which the center is kept.
    """
    height, width = frame.shape[:2]
    if height == width == resolution:
        return frame
    if fit == "85x64":
        wide = resolution * 85 // 64
        scaled = Image.fromarray(frame).resize((wide, resolution), Image.Resampling.BICUBIC)
        first = (wide - resolution) // 2  # columns 10 .. 73 of 85
        return np.asarray(scaled)[:, first : first + resolution]
    left, top = 0.0, 0.0
    if fit == "crop":
        left, top = max(0, width - height) / 2, max(0, height - width) / 2
    box = (left, top, width - left, height - top)
    return np.asarray(Image.fromarray(frame).resize((resolution, resolution), Image.Resampling.BICUBIC, box))


def to_float(video: Tensor) -> Tensor:
    """Turn uint8 values 0..255, any shape, into floats in [-1, 1]."""
    return video.float().div_(127.5).sub_(1)


def to_uint8(video: Tensor) -> np.ndarray:
    """Turn floats in [-1, 1], (..., 3, t, h, w), into uint8 frames (..., t, h, w, 3) on the CPU; others are clipped."""
    scaled = video.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    return scaled.to(torch.uint8).movedim(-4, -1).cpu().numpy()
