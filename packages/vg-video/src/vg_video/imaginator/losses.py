"""The objective of ImaGINator: adversarial losses on clips and frames, and reconstruction (3.3.3, algorithm 1)."""

from typing import NamedTuple

import torch
from torch import Tensor
from vg_layers import AdversarialLoss


class Logits(NamedTuple):
    """What the discriminators say of a batch."""

    video: Tensor  # D_V on clips, (b,)
    image: Tensor | None  # D_I on frames, (b * frames_per_clip,); None where there is no D_I (table 3.7)


def discriminator_losses(
    real: Logits, fake: Logits, mislabelled: Tensor | None, loss: AdversarialLoss
) -> dict[str, Tensor]:
    """The negatives of L_V and L_I, which the discriminators minimize (eq. 3.3, algorithm 1).

    Generated clips and real clips with wrong labels weigh one half each, so that D_V sees as much against as for; a
    frame shows no label, so that generated frames weigh one.

    Args:
        real: of real clips, with their labels.
        fake: of generated clips, with the labels they were generated for.
        mislabelled: D_V on real clips with `wrong_labels`, (b,); None without labels.
        loss: form of the terms, `NSGAN()` in the thesis.
    """
    video = loss.discriminator(real.video, fake.video)
    if mislabelled is not None:
        video = (video + loss.discriminator(real.video, mislabelled)) / 2
    losses = {"video_discriminator": video}
    if real.image is not None and fake.image is not None:
        losses["image_discriminator"] = loss.discriminator(real.image, fake.image)
    return losses


def generator_losses(fake: Logits, loss: AdversarialLoss) -> dict[str, Tensor]:
    """The generator's side of L_V and L_I (eq. 3.2, eq. 3.3)."""
    losses = {"generator_video": loss.generator(fake.video)}
    if fake.image is not None:
        losses["generator_image"] = loss.generator(fake.image)
    return losses


def reconstruction_loss(fake: Tensor, real: Tensor) -> Tensor:
    """L_rec (eq. 3.4): the sum of absolute differences over a clip, (b, 3, t, h, w) twice, as its mean over the batch.

    With 32 frames of 64 x 64 pixels this is 393,216 times the mean absolute difference.
    """
    return (fake - real).abs().sum() / len(real)


def wrong_labels(label: Tensor, classes: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw another label for each clip, all others being equally likely (algorithm 1).

    Args:
        label: class indices, (b,).
        classes: number of classes.
        generator: source of the draw, on the CPU; PyTorch's own when None.
    Raises:
        ValueError: if there is no other class.
    """
    if classes < 2:
        raise ValueError(f"classes={classes}, wanted at least 2: there is no wrong label otherwise")
    shift = torch.randint(1, classes, label.shape, generator=generator)
    return (label + shift.to(label.device)) % classes
