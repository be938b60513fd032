"""The recipe that trains on two CPU cores in eight minutes."""

from vg_video.g3an.config import G3ANConfig, GeneratorConfig, ImageDiscriminatorConfig, VideoDiscriminatorConfig


def tiny(classes: tuple[str, ...] = ()) -> G3ANConfig:
    """G3AN small enough for two cores: all modules, F-SA, 64 x 64, 16 frames and the losses of the thesis.

    What it changes: F-SA after G3_1, one of the places of table 4.5, where maps have 8 x 8 positions and it is cheap,
    while after G3_3 it takes more time than all the rest; narrower nets, smaller batches and fewer steps at a higher
    learning rate, which falls in the second half; R1 (5.2.4) in place of spectral and batch norm in the discriminators
    and none in the generator, which has batch norm; two frames a clip for D_I; samples come from an average of the
    generator's weights. On 36 clips a weaker R1 lets D_V win, and with augmentation D_I learns too little. Adam forgets
    old gradients sooner, since with a beta of 0.999 the penalty at every eighth step was seen to throw D_V off.
    """
    return G3ANConfig(
        generator=GeneratorConfig(
            appearance_dim=64, widths=(128, 128, 64, 32, 16), attention_after=1, spectral_norm=False
        ),
        video_discriminator=VideoDiscriminatorConfig(width=16, norm="none"),
        image_discriminator=ImageDiscriminatorConfig(width=16, norm="none"),
        steps=1700,
        batch_size=4,
        learning_rate=1e-3,
        final_rate=0.1,
        betas=(0.5, 0.99),
        frames_per_clip=2,
        r1_weight=3.0,
        ema_decay=0.995,
    ).with_classes(classes)
