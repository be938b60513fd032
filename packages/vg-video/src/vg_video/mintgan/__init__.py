"""MintGAN: video whose motion is a walk along interpretable directions in latent space (chapter 5)."""

from vg_video.image_discriminator import ImageDiscriminator, ImageDiscriminatorConfig
from vg_video.mintgan.config import GeneratorConfig, MintGANConfig
from vg_video.mintgan.generator import Generator
from vg_video.mintgan.state import TrainState
from vg_video.mintgan.synthesis import Synthesis
from vg_video.mintgan.tiny import tiny
from vg_video.mintgan.train import train

__all__ = [
    "Generator",
    "GeneratorConfig",
    "ImageDiscriminator",
    "ImageDiscriminatorConfig",
    "MintGANConfig",
    "Synthesis",
    "TrainState",
    "tiny",
    "train",
]
