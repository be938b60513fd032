"""MoCoGAN, with which chapters 3 to 5 compare: content and motion apart, each frame drawn by itself."""

from vg_video.mocogan import official
from vg_video.mocogan.config import GeneratorConfig, ImageDiscriminatorConfig, VideoDiscriminatorConfig
from vg_video.mocogan.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.mocogan.generator import Generator

__all__ = [
    "Generator",
    "GeneratorConfig",
    "ImageDiscriminator",
    "ImageDiscriminatorConfig",
    "VideoDiscriminator",
    "VideoDiscriminatorConfig",
    "official",
]
