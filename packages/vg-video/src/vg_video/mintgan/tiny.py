"""The recipe that trains on two CPU cores in eight minutes."""

from vg_video.image_discriminator import ImageDiscriminatorConfig
from vg_video.mintgan.config import GeneratorConfig, MintGANConfig
from vg_video.temporal_pyramid import PyramidConfig


def tiny() -> MintGANConfig:
    """MintGAN small enough for two cores: all its nets, four speeds, 64 x 64, 16 frames and the losses of the thesis.

    What it changes: widths, batch, steps and learning rates, that of the kernels of G_S being higher than that of the
    other weights, as narrow kernels learn too slowly otherwise; 64 directions, by QR, and small first steps along them;
    up-sampling that repeats pixels, since StyleGAN2's filter was seen to leave rings; DCGAN's plain convolutions in the
    discriminators, with a weaker R1; four frames a clip for D_I; the losses of the pyramid count as their mean;
    augmentation. Adam keeps some momentum.
    """
    base, most = 1024, 64
    return MintGANConfig(
        generator=GeneratorConfig(
            appearance_dim=64,
            motion_dim=32,
            style_dim=64,
            directions=64,
            mapping_layers=4,
            mapping_rate=0.1,
            bank="qr",
            motion_gain=0.1,
            channel_base=base,
            max_channels=most,
            upsampling="box",
            rgb_scale=0.1,
        ),
        video_discriminator=PyramidConfig(arch="dcgan2d", channel_base=base, max_channels=4 * most, norm="none"),
        image_discriminator=ImageDiscriminatorConfig(
            arch="dcgan2d", channel_base=base, max_channels=4 * most, norm="none"
        ),
        steps=1100,
        batch_size=4,
        learning_rate=3e-3,
        kernel_learning_rate=1e-2,
        discriminator_learning_rate=1.5e-3,
        final_rate=0.1,
        betas=(0.5, 0.99),
        r1_weight=0.1,
        r1_every=8,
        ema_decay=0.995,
        frames_per_clip=4,
        pyramid_weight=0.25,
        augment=True,
    )
