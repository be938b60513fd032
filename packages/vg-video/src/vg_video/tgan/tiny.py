"""The recipe that trains on two CPU cores in minutes."""

from collections.abc import Sequence

from vg_video.tgan.config import GeneratorConfig, TGANConfig, VideoDiscriminatorConfig


def tiny(classes: Sequence[str] = ()) -> TGANConfig:
    """TGAN small enough for two cores: both generators, 64 x 64, 16 frames, and WGAN with singular value clipping.

    What it changes: a quarter of the widths, smaller batches and fewer steps; Adam at a higher learning rate, which
    falls in the second half, and therefore clipping after each step; weights that start large enough for narrow nets;
    no batch norm in the discriminator, which clipping alone then bounds; samples come from an average of the
    generator's weights.
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
        clip_every=1,
        ema_decay=0.995,
    ).with_classes(classes)
