"""The objective of G3AN: one adversarial loss on clips and one on frames (eq. 4.5, eq. 4.6)."""

from typing import NamedTuple

from torch import Tensor
from vg_layers import discriminator_loss, generator_loss, r1_penalty


class Logits(NamedTuple):
    """What the two discriminators say of a batch."""

    video: Tensor  # D_V on clips, (b,)
    image: Tensor  # D_I on frames, (b * frames_per_clip,)


def discriminator_losses(real: Logits, fake: Logits) -> dict[str, Tensor]:
    """The negatives of L_V and L_I, which the discriminators minimize (eq. 4.6)."""
    return {
        "video_discriminator": discriminator_loss(real.video, fake.video),
        "image_discriminator": discriminator_loss(real.image, fake.image),
    }


def generator_losses(fake: Logits) -> dict[str, Tensor]:
    """The generator's side of L_V and L_I (eq. 4.6), non-saturating as in DCGAN (4.3.3); their sum is eq. 4.5."""
    return {"generator_video": generator_loss(fake.video), "generator_image": generator_loss(fake.image)}


def gradient_penalties(real: Logits, video: Tensor, frames: Tensor, weight: float) -> dict[str, Tensor]:
    """R1 of both discriminators at the real clips and frames, times weight / 2; not in the thesis, 0 by default."""
    return {
        "video_r1": weight / 2 * r1_penalty(real.video, video),
        "image_r1": weight / 2 * r1_penalty(real.image, frames),
    }
