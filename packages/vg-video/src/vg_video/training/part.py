"""Real clips of one training step and all that is drawn for them, clip by clip."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from vg_layers import consistent_augment, sample_frames

from vg_video.generator import VideoGenerator
from vg_video.seeds import seeded

if TYPE_CHECKING:
    from vg_video.data.clips import Batch


@dataclass(frozen=True)
class Part:
    """Some clips of a batch, on the device of the training, and the source of all draws for each of them.

    Each clip has its own source, a function of (seed, step, number of the clip in the batch of all processes): neither
    the number of processes nor that of parts changes what is drawn for it.
    """

    video: Tensor  # (b, 3, t, h, w) in [-1, 1]
    label: Tensor | None  # (b,) class indices, where the generator has classes
    image: Tensor | None  # (b, 3, h, w), the first frames, where the generator goes on from images
    latents: dict[str, Tensor]  # noise of as many clips of that length, by the names of the generator's arguments
    draws: tuple[torch.Generator, ...]  # one for each clip

    @property
    def conditions(self) -> dict[str, Tensor]:
        """Label and image, where there are any, as the generator's arguments."""
        given = {"label": self.label, "image": self.image}
        return {name: value for name, value in given.items() if value is not None}

    def frames(self, video: Tensor, count: int) -> Tensor:
        """Draw `count` distinct frames of each clip of (b, 3, t, h, w): (b * count, 3, h, w), clip after clip."""
        return self.each(video, lambda clip, draw: sample_frames(clip, count, draw))

    def augmented(self, video: Tensor) -> Tensor:
        """Change brightness, contrast and place of each clip."""
        return self.each(video, consistent_augment)

    def each(self, video: Tensor, change: Callable[[Tensor, torch.Generator], Tensor]) -> Tensor:
        """Change clips one by one, (1, ...) each, with its own draws, and join the results along the first axis."""
        return torch.cat([change(clip, draw) for clip, draw in zip(video.split(1), self.draws, strict=True)])


def cut_part(
    batch: "Batch", clips: range, key: tuple[int, ...], first: int, generator: VideoGenerator, device: torch.device
) -> Part:
    """Take clips of this process' batch and draw noise for as many.

    Args:
        batch: the clips of this process.
        clips: which of them.
        key: what the draws are a function of, beside the clip: seed, step, ...
        first: number of this process' first clip in the batch of all processes.
        generator: whose noise it is.
        device: where to.
    Raises:
        ValueError: if the generator cannot make clips of that length.
    """
    draws = tuple(seeded(*key, first + clip) for clip in clips)
    noise = [generator.latents(batch.video.shape[2], draw) for draw in draws]
    latents = {name: torch.stack([one[name] for one in noise]).to(device) for name in noise[0]}
    video = batch.video[clips.start : clips.stop].to(device)
    label = None
    if generator.classes and batch.label is not None:
        label = batch.label[clips.start : clips.stop].to(device)
    return Part(video, label, video[:, :, 0] if generator.takes_image else None, latents, draws)
