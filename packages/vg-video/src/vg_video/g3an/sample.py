"""Clips from a trained generator."""

import torch
from torch import Tensor

from vg_video.g3an.config import motion_length
from vg_video.g3an.generator import Generator
from vg_video.labels import class_index
from vg_video.seeds import seeded


def sample(
    generator: Generator,
    count: int,
    *,
    seed: int,
    label: int | str | None = None,
    frames: int = 16,
    batch_size: int = 16,
) -> Tensor:
    """Generate clips; clip i is a function of (seed, i), whatever the count, the batch size and the device (4.4.5).

    Of one seed, clip i has the same appearance with any label and any number of frames.

    Args:
        generator: a trained generator; it runs in eval mode, and is left in the mode it was in.
        count: how many clips, at least 1.
        seed: 0 or more.
        label: class name or index for all clips; None draws one for each clip, if the model has classes.
        frames: of each clip: 16, 20, 24, ...
        batch_size: clips made at a time.
    Returns:
        Video in [-1, 1] on the CPU, (count, 3, frames, 64, 64).
    Raises:
        ValueError: for a count, seed, label or number of frames (it names the nearest) that is not as above.
    """
    if count < 1 or batch_size < 1:
        raise ValueError(f"count={count}, batch_size={batch_size}, wanted at least 1")
    config, length = generator.config, motion_length(frames)
    index = None if label is None else class_index(label, config.classes)
    training = generator.training
    device = next(generator.parameters()).device
    generator.eval()
    try:
        with torch.inference_mode():
            clips = []
            for first in range(0, count, batch_size):
                noise = [
                    _noise(generator, seed, i, length, index) for i in range(first, min(first + batch_size, count))
                ]
                appearance, motion, labels = (torch.stack(parts).to(device) for parts in zip(*noise, strict=True))
                clips.append(generator(appearance, motion, labels if config.classes else None).cpu())
    finally:
        generator.train(training)
    return torch.cat(clips)


def _noise(generator: Generator, seed: int, i: int, length: int, label: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Appearance, motion and class of one clip, drawn in this order, the class even when it is given."""
    config, draw = generator.config, seeded(seed, i)
    appearance = torch.randn(config.appearance_dim, generator=draw)
    drawn = torch.randint(max(1, len(config.classes)), (), generator=draw)
    motion = torch.randn(length, config.motion_dim, generator=draw)
    return appearance, motion, drawn if label is None else torch.tensor(label)
