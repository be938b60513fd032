"""Clips from a trained generator of any system."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vg_video.generator import VideoGenerator
from vg_video.labels import class_index
from vg_video.seeds import seeded


def sample(
    generator: VideoGenerator,
    count: int,
    *,
    seed: int,
    label: int | str | Sequence[int] | None = None,
    frames: int | None = None,
    images: Tensor | None = None,
    batch_size: int = 16,
) -> Tensor:
    """Generate clips; clip i is a function of (seed, i), whatever the count, the batch size and the device.

    Of one seed, clip i has the same noise with any label (4.4.5).

    Args:
        generator: a trained generator; it runs in eval mode, and is left in the mode it was in.
        count: how many clips, at least 1.
        seed: 0 or more.
        label: class name or index for all clips, or an index for each; None draws one for each clip, if the generator
            has classes.
        frames: of each clip; by default the generator's own number.
        images: for a generator that goes on from images: (n, 3, h, w) in [-1, 1]; clip i goes on from number i mod n.
        batch_size: clips made at a time.
    Returns:
        Video in [-1, 1] on the CPU, (count, 3, frames, h, w).
    Raises:
        ValueError: for a count, seed, label or number of frames (it names the nearest) that is not as above, or images
            that are missing, or not wanted.
    """
    if count < 1 or batch_size < 1:
        raise ValueError(f"count={count}, batch_size={batch_size}, wanted at least 1")
    if generator.takes_image != (images is not None):
        found, wanted = ("missing", "(n, 3, h, w)") if generator.takes_image else ("given", "none")
        raise ValueError(f"images are {found}, wanted {wanted} for {generator.system}")
    inputs = _inputs(generator, count, seed, label, generator.frames if frames is None else frames, images)
    device, training = next(generator.parameters()).device, generator.training
    generator.eval()
    try:
        with torch.inference_mode():
            clips = []
            for first in range(0, count, batch_size):
                some = slice(first, first + batch_size)
                clips.append(generator(**{name: value[some].to(device) for name, value in inputs.items()}).cpu())
    finally:
        generator.train(training)
    return torch.cat(clips)


def _inputs(
    generator: VideoGenerator,
    count: int,
    seed: int,
    label: int | str | Sequence[int] | None,
    frames: int,
    images: Tensor | None,
) -> dict[str, Tensor]:
    """What the generator is called with, for all clips, by the names of its arguments."""
    noise = [generator.latents(frames, seeded(seed, i)) for i in range(count)]
    inputs = {name: torch.stack([one[name] for one in noise]) for name in noise[0]}
    if images is not None:
        inputs["image"] = images[torch.arange(count) % len(images)]
    if generator.classes or label is not None:
        inputs["label"] = torch.tensor(_labels(generator.classes, count, seed, label))
    return inputs


def _labels(classes: tuple[str, ...], count: int, seed: int, label: int | str | Sequence[int] | None) -> list[int]:
    """The class of each clip."""
    if label is None:
        return [int(torch.randint(len(classes), (), generator=seeded(seed, i, 1))) for i in range(count)]
    if isinstance(label, int | str):
        return [class_index(label, classes)] * count
    if len(label) != count:
        raise ValueError(f"{len(label)} labels were given for {count} clips, wanted one for each")
    return [class_index(one, classes) for one in label]
