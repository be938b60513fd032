"""The recipe that trains on two CPU cores in minutes."""

from collections.abc import Sequence

from vg_video.tgan.config import GeneratorConfig, TGANConfig, VideoDiscriminatorConfig


def tiny(classes: Sequence[str] = ()) -> TGANConfig:
    """TGAN small enough for two cores: both generators, 64 x 64 and 16 frames.

    What it changes: a quarter of the widths, smaller batches and fewer steps; Adam at a higher learning rate, which
    falls in the second half; the non-saturating loss with R1 (5.2.4), and the discriminator's update first, in place of
    WGAN with singular value clipping, which at this size was seen to give dark blobs only; weights that start large
    enough for narrow nets; no batch norm in the discriminator; samples come from an average of the generator's weights.
    """
    return TGANConfig(
        generator=GeneratorConfig(
            latent_dim=64, temporal_widths=(128, 64, 32, 32), widths=(128, 64, 32, 16, 16), start="lecun"
        ),
        video_discriminator=VideoDiscriminatorConfig(width=16, norm="none", start="lecun"),
        steps=2000,
        batch_size=4,
        learning_rate=1e-3,
        final_rate=0.1,
        optimizer="adam",
        betas=(0.5, 0.99),
        loss="ns",
        clip_every=0,
        r1_weight=3.0,
        generator_first=False,
        ema_decay=0.995,
    ).with_classes(classes)
