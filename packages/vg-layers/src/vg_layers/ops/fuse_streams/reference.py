"""The specification of `fuse_streams`, in plain PyTorch."""

import torch
from torch import Tensor


def fuse_streams(video: Tensor, appearance: Tensor, motion: Tensor) -> Tensor:
    """Join along channels: [appearance over all times, video + motion at all places], in channels_last_3d memory."""
    still = appearance.movedim(1, -1).expand(-1, video.shape[2], *video.shape[3:], -1)
    return torch.cat([still, add_motion(video, motion).movedim(1, -1)], dim=-1).movedim(-1, 1)


def add_motion(video: Tensor, motion: Tensor) -> Tensor:
    """Add motion, (b, c, t, 1, 1), at all places of video, (b, c, t, h, w).

    Channels are the last axis here as they are in channels_last_3d memory: thus the gradient of motion, a sum over
    places, is taken along rows of memory, in a thirtieth of the time.
    """
    return (video.movedim(1, -1) + motion.movedim(1, -1)).movedim(-1, 1)
