"""Fusion of the three streams of a G3 module (4.3.1)."""

import torch
from torch import Tensor


def fuse_streams(video: Tensor, appearance: Tensor, motion: Tensor) -> Tensor:
    """Join the streams of one G3 module: [appearance over all times, video + motion at all places] (4.3.1, figure 4.4).

    Args:
        video: F_V', features of the video stream, (b, c, t, h, w).
        appearance: F_S, features of the spatial stream, (b, c_s, 1, h, w).
        motion: F_T, features of the temporal stream, (b, c, t, 1, 1).
    Returns:
        F_V, (b, c_s + c, t, h, w) in channels_last_3d memory, the appearance channels first.
    Raises:
        ValueError: if a shape is not as above.
    """
    b, c, t, h, w = video.shape
    if motion.shape != (b, c, t, 1, 1):
        raise ValueError(
            f"motion has shape {tuple(motion.shape)}; wanted {(b, c, t, 1, 1)} to join {tuple(video.shape)}"
        )
    c_s = appearance.shape[1]
    if appearance.shape != (b, c_s, 1, h, w):
        raise ValueError(
            f"appearance has shape {tuple(appearance.shape)}; wanted {(b, c_s, 1, h, w)} to join {tuple(video.shape)}"
        )
    # Joined with channels as the last axis, since `torch.cat` gives up channels_last_3d when a part is expanded.
    still = appearance.movedim(1, -1).expand(b, t, h, w, c_s)
    moving = video.movedim(1, -1) + motion.movedim(1, -1)
    return torch.cat([still, moving], dim=-1).movedim(-1, 1)
