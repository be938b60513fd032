"""MoCoGAN: content and motion apart, each frame drawn by itself (2.4.1), a baseline of 3.4.3, 4.4.4 and 5.3.3."""

from vg_video.mocogan import official
from vg_video.mocogan.config import (
    GeneratorConfig,
    ImageDiscriminatorConfig,
    MoCoGANConfig,
    VideoDiscriminatorConfig,
    image_conditioned,
)
from vg_video.mocogan.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.mocogan.generator import Generator
from vg_video.mocogan.state import TrainState
from vg_video.mocogan.tiny import tiny
from vg_video.mocogan.train import train

__all__ = [
    "Generator",
    "GeneratorConfig",
    "ImageDiscriminator",
    "ImageDiscriminatorConfig",
    "MoCoGANConfig",
    "TrainState",
    "VideoDiscriminator",
    "VideoDiscriminatorConfig",
    "image_conditioned",
    "official",
    "tiny",
    "train",
]
