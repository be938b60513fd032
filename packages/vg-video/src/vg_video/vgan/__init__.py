"""VGAN: a moving foreground over a still background (2.4.1), a baseline of 3.4.3, 4.4.4 and 5.3.3."""

from vg_video.vgan.config import GeneratorConfig, VGANConfig, VideoDiscriminatorConfig, image_conditioned
from vg_video.vgan.discriminators import VideoDiscriminator
from vg_video.vgan.generator import Generator, Streams
from vg_video.vgan.state import TrainState
from vg_video.vgan.tiny import tiny
from vg_video.vgan.train import train

__all__ = [
    "Generator",
    "GeneratorConfig",
    "Streams",
    "TrainState",
    "VGANConfig",
    "VideoDiscriminator",
    "VideoDiscriminatorConfig",
    "image_conditioned",
    "tiny",
    "train",
]
