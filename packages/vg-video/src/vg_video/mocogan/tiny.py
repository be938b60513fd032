"""The recipe that trains on two CPU cores in a few minutes."""

from collections.abc import Sequence

from vg_video.mocogan.config import GeneratorConfig, ImageDiscriminatorConfig, MoCoGANConfig, VideoDiscriminatorConfig


def tiny(classes: Sequence[str] = ()) -> MoCoGANConfig:
    """MoCoGAN small enough for two cores: all nets, 64 x 64, 16 frames, the released losses and fresh clips for each.

    What it changes: narrower nets, smaller batches and fewer steps at a higher learning rate, which falls in the second
    half; R1 (5.2.4) in place of batch norm in the discriminators, with one score for a frame, since the penalty does
    not know of patches; two frames a clip for D_I; samples come from an average of the generator's weights. Adam
    forgets old gradients sooner, for the sake of the penalty at every eighth step.
    """
    return MoCoGANConfig(
        generator=GeneratorConfig(widths=(128, 64, 32, 16)),
        video_discriminator=VideoDiscriminatorConfig(width=16, norm="none"),
        image_discriminator=ImageDiscriminatorConfig(width=16, patch=False, norm="none"),
        steps=1700,
        batch_size=4,
        learning_rate=1e-3,
        final_rate=0.1,
        betas=(0.5, 0.99),
        frames_per_clip=2,
        r1_weight=3.0,
        ema_decay=0.995,
    ).with_classes(classes)
