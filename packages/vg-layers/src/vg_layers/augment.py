"""Differentiable augmentation of what the discriminators see."""

import torch
from torch import Tensor
from torch.nn import functional as F


def consistent_augment(
    video: Tensor,
    generator: torch.Generator | None = None,
    *,
    brightness: float = 0.5,
    contrast: float = 0.5,
    translation: float = 0.125,
) -> Tensor:
    """Change brightness, contrast and place of each clip, the same way in all its frames.

    Applied to all that the discriminators see, real and generated, and differentiable, it lets a GAN learn from few
    videos without the changes leaking into what it generates. The thesis does not use it; the tiny recipes do.

    Args:
        video: (b, c, t, h, w), floats around [-1, 1]; the result may leave that range.
        generator: source of the draws, on the CPU; PyTorch's own when None.
        brightness: width a of an offset drawn from [-a, a].
        contrast: width a of a factor drawn from [1 - a, 1 + a], applied to the difference from the clip's mean.
        translation: largest shift, as a share of height and width; what comes in from outside is 0.
    Returns:
        The changed clips, (b, c, t, h, w).
    """
    b, _, _, h, w = video.shape
    draws = torch.rand(4, b, generator=generator)
    offset, factor = (a.to(video).view(b, 1, 1, 1, 1) for a in 2 * draws[:2] - 1)
    mean = video.mean(dim=(1, 2, 3, 4), keepdim=True)
    video = (video - mean) * (1 + contrast * factor) + mean + brightness * offset

    rows, columns = round(translation * h), round(translation * w)
    padded = F.pad(video, (columns, columns, rows, rows))
    tops = (draws[2] * (2 * rows + 1)).long()
    lefts = (draws[3] * (2 * columns + 1)).long()
    clips = zip(padded, tops.tolist(), lefts.tolist(), strict=True)
    return torch.stack([clip[..., top : top + h, left : left + w] for clip, top, left in clips])
