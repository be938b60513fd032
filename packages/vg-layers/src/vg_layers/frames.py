"""Choice of frames from clips."""

import torch
from torch import Tensor


def sample_frames(video: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw `count` distinct frames of each clip, for an image discriminator (4.3.2; T in 4.3.3).

    Args:
        video: (b, c, t, h, w).
        count: frames per clip, 1 to t.
        generator: source of the draw, on the CPU; PyTorch's own when None.
    Returns:
        (b * count, c, h, w): the frames of the first clip, in random order, then those of the second, and so on.
    Raises:
        ValueError: if count is not within 1 to t.
    """
    b, _, t = video.shape[:3]
    if not 1 <= count <= t:
        raise ValueError(f"count={count} frames were asked for, but a clip has {t}: wanted 1 to {t}")
    times = torch.rand(b, t, generator=generator).argsort(dim=1)[:, :count].to(video.device)
    clips = torch.arange(b, device=video.device).unsqueeze(1)
    return video.transpose(1, 2)[clips, times].flatten(0, 1)
