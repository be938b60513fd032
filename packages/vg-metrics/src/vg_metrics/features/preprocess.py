"""Frames to the input of a network: which frames, their values, and resizing as each published evaluation does it.

Frames are (n, 3, h, w), RGB, 0..255; `per_frame` carries a function of frames over to video (b, 3, t, h, w).
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

Resize = Callable[[Tensor, int], Tensor]  # frames (n, 3, h, w) of 0..255 and a side -> float32 (n, 3, side, side)


def central_frames(video: Tensor, count: int) -> Tensor:
    """The `count` consecutive frames around the middle of video (b, 3, t, h, w); ValueError if there are fewer."""
    if video.ndim != 5 or video.shape[1] != 3:
        raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, t, h, w)")
    length = video.shape[2]
    if length < count:
        raise ValueError(f"video has {length} frames, wanted at least {count}")
    start = length // 2 - count // 2
    return video[:, :, start : start + count]


def to_bytes(samples: Tensor) -> Tensor:
    """Video or images as bytes: bytes stay as they are, floats in [-1, 1] are rounded; ValueError for others."""
    if not _are_floats(samples):
        return samples
    return ((samples + 1) * 127.5).round().clamp(0, 255).byte()


def to_levels(samples: Tensor) -> Tensor:
    """Video or images as floats of 0..255 without rounding, as TGAN does it: floats in [-1, 1] times 128 plus 128."""
    if not _are_floats(samples):
        return samples.float()
    return samples.float().clamp(-1, 1) * 128 + 128


def _are_floats(samples: Tensor) -> bool:
    if samples.dtype == torch.uint8:
        return False
    if not samples.is_floating_point():
        raise ValueError(f"the input is {samples.dtype}, wanted bytes, or floats in [-1, 1]")
    if not samples.abs().max() <= 1.01:
        raise ValueError(f"the input holds {samples.abs().max():.3g}, wanted floats in [-1, 1], or bytes")
    return True


def per_frame(function: Callable[[Tensor], Tensor], video: Tensor) -> Tensor:
    """Apply a function of frames (n, 3, h, w) to the frames of video (b, 3, t, h, w)."""
    frames = function(video.transpose(1, 2).flatten(0, 1))
    return frames.unflatten(0, (len(video), -1)).transpose(1, 2)


def pillow_bilinear(frames: Tensor, side: int) -> Tensor:
    """Bytes to side x side by Pillow, antialiased and rounded to bytes in between; float32 on the CPU.

    By Pillow itself: torch's kernel rounds some bytes otherwise, by up to 2.
    """
    pictures = (Image.fromarray(frame.numpy()) for frame in frames.cpu().permute(0, 2, 3, 1).contiguous())
    resized = [np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)) for picture in pictures]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).float()


def pillow_bicubic(frames: Tensor, side: int) -> Tensor:
    """Frames to side x side by Pillow on floats, antialiased, not rounded, clipped to 0..255, as clean-fid does it."""
    planes = (Image.fromarray(plane.numpy()) for plane in frames.cpu().float().flatten(0, 1))
    resized = [np.asarray(plane.resize((side, side), Image.Resampling.BICUBIC)) for plane in planes]
    return torch.from_numpy(np.stack(resized)).unflatten(0, (-1, 3)).clamp(0, 255)


def torch_bilinear(frames: Tensor, side: int, *, align_corners: bool = False) -> Tensor:
    """Frames to side x side by torch without antialiasing; corners aligned is how Chainer resizes."""
    return F.interpolate(frames.float(), (side, side), mode="bilinear", align_corners=align_corners)


def opencv_cubic(frames: Tensor, side: int) -> Tensor:
    """Frames to side x side as OpenCV's INTER_CUBIC on floats, which is torch's bicubic without antialiasing."""
    return F.interpolate(frames.float(), (side, side), mode="bicubic", align_corners=False)


def tensorflow_bilinear(frames: Tensor, side: int) -> Tensor:
    """Frames to side x side as TensorFlow 1 does it: pixel i is read at i * old / new, without half-pixel centers."""
    for axis in (2, 3):
        size = frames.shape[axis]
        position = torch.arange(side) * torch.tensor(size / side)
        lower = position.long()
        upper = (lower + 1).clamp_max(size - 1)
        first, second = (frames.float().index_select(axis, index.to(frames.device)) for index in (lower, upper))
        weight = (position - lower).to(frames.device).view((-1, 1) if axis == 2 else (1, -1))
        frames = first + (second - first) * weight
    return frames
