"""ImaGINator: an image to a video that goes on from it, by label and noise (chapter 3)."""

from vg_video.imaginator import official
from vg_video.imaginator.config import (
    GeneratorConfig,
    ImageDiscriminatorConfig,
    ImaGINatorConfig,
    VideoDiscriminatorConfig,
)
from vg_video.imaginator.discriminators import AuxiliaryVideoDiscriminator, ImageDiscriminator, VideoDiscriminator
from vg_video.imaginator.generator import Generator
from vg_video.imaginator.official import imaginator_official
from vg_video.imaginator.state import TrainState
from vg_video.imaginator.tiny import tiny
from vg_video.imaginator.train import train

__all__ = [
    "AuxiliaryVideoDiscriminator",
    "Generator",
    "GeneratorConfig",
    "ImaGINatorConfig",
    "ImageDiscriminator",
    "ImageDiscriminatorConfig",
    "TrainState",
    "VideoDiscriminator",
    "VideoDiscriminatorConfig",
    "imaginator_official",
    "official",
    "tiny",
    "train",
]
