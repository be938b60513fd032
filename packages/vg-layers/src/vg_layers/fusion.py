"""Fusion of feature maps: still ones into a video (3.3.1), and the three streams of a G3 module (4.3.1)."""

import torch
from torch import Tensor

from vg_layers.ops.fuse_streams import fuse_streams

__all__ = ["fuse_streams", "spatio_temporal_fusion"]


def spatio_temporal_fusion(video: Tensor, *stills: Tensor) -> Tensor:
    """Put what does not move beside every frame: skip connections and labels (3.3.1, figure 3.3; 3.3.2).

    The decoder of ImaGINator fuses its maps with those of the encoder and with the label; its video discriminator
    fuses the label alone.

    Args:
        video: F_i, (b, c, t, h, w).
        stills: each a map F_(n-i), (b, c_s, h, w), held over all times, or a vector, (b, c_s), such as a one-hot label,
            held over all times and places.
    Returns:
        F'_i, (b, c + the sum of c_s, t, h, w), of the dtype of `video` and in channels_last_3d memory: the video's
        channels first, then the stills in their order.
    Raises:
        ValueError: if a still has another shape.
    """
    b, _, t, h, w = video.shape
    parts = [video.movedim(1, -1)]  # channels as the last axis, as in `fuse_streams`
    for still in stills:
        if still.ndim < 2 or len(still) != b or still.shape[2:] not in ((), (h, w)):
            raise ValueError(
                f"still has shape {tuple(still.shape)}; wanted {(b, 'c', h, w)} or {(b, 'c')} "
                f"to join {tuple(video.shape)}"
            )
        rows = still.to(video).movedim(1, -1)
        rows = rows[:, None, None, None] if still.ndim == 2 else rows[:, None]
        parts.append(rows.expand(b, t, h, w, still.shape[1]))
    return torch.cat(parts, dim=-1).movedim(-1, 1)
