"""TGAN: a vector for each frame, and frames of these (2.4.1), a baseline of 4.4.4 and 5.3.3."""

from vg_video.tgan.config import GeneratorConfig, TGANConfig, VideoDiscriminatorConfig
from vg_video.tgan.discriminators import VideoDiscriminator
from vg_video.tgan.generator import Generator
from vg_video.tgan.state import TrainState
from vg_video.tgan.tiny import tiny
from vg_video.tgan.train import train

__all__ = [
    "Generator",
    "GeneratorConfig",
    "TGANConfig",
    "TrainState",
    "VideoDiscriminator",
    "VideoDiscriminatorConfig",
    "tiny",
    "train",
]
