"""G3AN: video from separate appearance and motion noise, through three streams (chapter 4)."""

from vg_video.g3an import official
from vg_video.g3an.config import (
    G3ANConfig,
    GeneratorConfig,
    ImageDiscriminatorConfig,
    VideoDiscriminatorConfig,
    motion_length,
)
from vg_video.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.g3an.generator import Generator
from vg_video.g3an.state import TrainState
from vg_video.g3an.tiny import tiny
from vg_video.g3an.train import train
from vg_video.sampling import sample

__all__ = [
    "G3ANConfig",
    "Generator",
    "GeneratorConfig",
    "ImageDiscriminator",
    "ImageDiscriminatorConfig",
    "TrainState",
    "VideoDiscriminator",
    "VideoDiscriminatorConfig",
    "motion_length",
    "official",
    "sample",
    "tiny",
    "train",
]
