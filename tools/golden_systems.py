"""The training runs whose losses are golden: each system with all its parts on, as small as it gets."""

from collections.abc import Iterator
from typing import Any

import torch
from vg_layers import Step
from vg_video import g3an, imaginator, mintgan, mocogan, tgan, vgan
from vg_video.data.clips import Batch
from vg_video.data.synthetic import SyntheticActions
from vg_video.image_discriminator import ImageDiscriminatorConfig
from vg_video.temporal_pyramid import PyramidConfig
from vg_video.training import TrainingConfig

STEPS = 20
CLASSES = SyntheticActions.classes
RUN: dict[str, Any] = {"steps": STEPS, "batch_size": 2, "final_rate": 0.1, "ema_decay": 0.9}
PENALIZED: dict[str, Any] = RUN | {"r1_weight": 0.5, "augment": True}


def steps(module: Any, config: TrainingConfig, frames: int) -> Iterator[Step]:
    """Train a system on built-in figures, a new action with each clip."""
    figures = SyntheticActions(seed=0, frames=frames)

    def batches() -> Iterator[Batch]:
        for index in range(STEPS):
            clips = [figures.clip(config.batch_size * index + i) for i in range(config.batch_size)]
            video = torch.stack([torch.from_numpy(clip.frames) for clip in clips]).movedim(-1, 1)
            label = torch.tensor([CLASSES.index(str(clip.label)) for clip in clips])
            yield Batch(index, video / 127.5 - 1, label)

    return module.train(module.TrainState(config, seed=0), batches())


def imaginator_steps() -> Iterator[Step]:
    """ImaGINator with labels, wrong labels, fusion, spectral norm and reconstruction."""
    config = imaginator.ImaGINatorConfig(
        generator=imaginator.GeneratorConfig(
            encoder_widths=(4, 4, 8, 8),
            appearance_dim=8,
            noise_dim=8,
            decoder_widths=(8, 8, 4, 4),
            mid_widths=(8, 8, 8, 4, 4),
        ),
        video_discriminator=imaginator.VideoDiscriminatorConfig(width=2),
        image_discriminator=imaginator.ImageDiscriminatorConfig(width=2),
        frames_per_clip=2,
        **PENALIZED,
    )
    return steps(imaginator, config.with_classes(CLASSES), 32)


def g3an_steps() -> Iterator[Step]:
    """G3AN with labels, F-SA, spectral and batch norm."""
    config = g3an.G3ANConfig(
        generator=g3an.GeneratorConfig(appearance_dim=16, widths=(16, 16, 8, 8, 4), attention_after=2),
        video_discriminator=g3an.VideoDiscriminatorConfig(width=2),
        image_discriminator=g3an.ImageDiscriminatorConfig(width=2),
        **PENALIZED,
    )
    return steps(g3an, config.with_classes(CLASSES), 16)


def mintgan_steps() -> Iterator[Step]:
    """MintGAN with all four speeds, the bank by singular value decomposition, and the path length penalty."""
    config = mintgan.MintGANConfig(
        generator=mintgan.GeneratorConfig(
            appearance_dim=8,
            motion_dim=4,
            style_dim=8,
            directions=8,
            mapping_layers=2,
            mapping_rate=0.1,
            channel_base=128,
            max_channels=8,
        ),
        video_discriminator=PyramidConfig(channel_base=128, max_channels=8),
        image_discriminator=ImageDiscriminatorConfig(channel_base=128, max_channels=8),
        path_length_weight=2.0,
        **RUN,
    )
    return steps(mintgan, config, 16)


def vgan_steps() -> Iterator[Step]:
    """VGAN with its mask, and labels."""
    config = vgan.VGANConfig(
        generator=vgan.GeneratorConfig(noise_dim=8, widths=(8, 8, 4, 4)),
        video_discriminator=vgan.VideoDiscriminatorConfig(width=2),
        **RUN,
    )
    return steps(vgan, config.with_classes(CLASSES), 32)


def tgan_steps() -> Iterator[Step]:
    """TGAN with WGAN's loss, RMSprop and singular value clipping."""
    config = tgan.TGANConfig(
        generator=tgan.GeneratorConfig(latent_dim=8, temporal_widths=(8, 8, 8, 8), widths=(8, 8, 4, 4, 4)),
        video_discriminator=tgan.VideoDiscriminatorConfig(width=2),
        **RUN,
    )
    return steps(tgan, config, 16)


def mocogan_steps() -> Iterator[Step]:
    """MoCoGAN with labels that D_V tells, patches and batch norm."""
    config = mocogan.MoCoGANConfig(
        generator=mocogan.GeneratorConfig(content_dim=8, motion_dim=4, widths=(8, 8, 4, 4)),
        video_discriminator=mocogan.VideoDiscriminatorConfig(width=2),
        image_discriminator=mocogan.ImageDiscriminatorConfig(width=2),
        **RUN,
    )
    return steps(mocogan, config.with_classes(CLASSES), 16)
