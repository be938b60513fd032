"""The recipe that trains on two CPU cores in minutes."""

from vg_video.imaginator.config import (
    GeneratorConfig,
    ImageDiscriminatorConfig,
    ImaGINatorConfig,
    VideoDiscriminatorConfig,
)


def tiny(classes: tuple[str, ...] = ()) -> ImaGINatorConfig:
    """ImaGINator small enough for two cores: all modules, 64 x 64, 32 frames and the losses of the thesis.

    What it changes: a quarter of the widths, and M about as wide as the maps; smaller batches and fewer steps at higher
    learning rates, the same for all nets, which fall in the second half; R1 (5.2.4) in place of spectral norm in the
    discriminators; four frames a clip for D_I; D_V(ac) of table 3.7, since a D_V of this size that is told labels was
    seen to take no notice of them; samples come from an average of the generator's weights. Adam forgets old gradients
    sooner, since the penalty comes at every eighth step only.
    """
    return ImaGINatorConfig(
        generator=GeneratorConfig(
            encoder_widths=(16, 32, 64, 128),
            appearance_dim=64,
            noise_dim=32,
            decoder_widths=(128, 64, 32, 16),
            mid_widths=(256, 128, 64, 32, 16),
        ),
        video_discriminator=VideoDiscriminatorConfig(width=16, norm="none"),
        image_discriminator=ImageDiscriminatorConfig(width=16, norm="none"),
        steps=1400,
        batch_size=4,
        learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        final_rate=0.1,
        betas=(0.5, 0.99),
        frames_per_clip=4,
        auxiliary_classifier=True,
        r1_weight=3.0,
        ema_decay=0.995,
    ).with_classes(classes)
