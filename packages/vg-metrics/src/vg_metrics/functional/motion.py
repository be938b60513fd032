"""How much and where clips move: what image-like features do not see (frozen clips score well on them)."""

import torch.nn.functional as F
from torch import Tensor

LEVELS = 255  # gray levels from black to white


def motion_energy(video: Tensor) -> Tensor:
    """Mean absolute difference between neighbouring frames.

    Args:
        video: (b, c, t, h, w), bytes, or floats in [-1, 1]; at least two frames.
    Returns:
        Gray levels of 0..255, (b,): bytes as they are, [-1, 1] times 127.5; 0 for frozen clips.
    Raises:
        ValueError: if there are fewer than two frames or five axes are not given.
    """
    return LEVELS * _differences(video, 1).mean((1, 2, 3, 4))


def motion_map(video: Tensor, *, step: int = 2, every: int = 3, pool: int = 4) -> Tensor:
    """Maps of absolute temporal difference |x[t + step] - x[t]|: features for a Frechet distance that sees motion.

    Args:
        video: (b, c, t, h, w), bytes, or floats in [-1, 1].
        step: frames between the two that are compared.
        every: keep one map in so many, as neighbouring ones say nearly the same.
        pool: side of the squares of pixels that are averaged; what is left at the border is dropped.
    Returns:
        (b, maps * (h // pool) * (w // pool)), mean over channels; 1 is a change from black to white.
    Raises:
        ValueError: if the clips are too short for the step or smaller than one square.
    """
    if video.ndim == 5 and min(video.shape[3:]) < pool:
        raise ValueError(f"frames of {video.shape[3]}x{video.shape[4]} are smaller than the pooling square of {pool}")
    maps = _differences(video, step).mean(1)[:, ::every]
    return F.avg_pool2d(maps, pool).flatten(1)


def _differences(video: Tensor, step: int) -> Tensor:
    """|x[t + step] - x[t]|, (b, c, t - step, h, w); 1 is a change from black to white."""
    if video.ndim != 5:
        raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, c, t, h, w)")
    if video.shape[2] <= step:
        raise ValueError(f"video has {video.shape[2]} frames, wanted at least {step + 1}")
    x = video / 2 if video.is_floating_point() else video / LEVELS
    return (x[:, :, step:] - x[:, :, :-step]).abs()
