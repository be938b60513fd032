"""Settings of GCL for two cores."""

from vg_reid.decoder import DecoderConfig
from vg_reid.discriminator import DiscriminatorConfig
from vg_reid.encoder import EncoderConfig
from vg_reid.gcl.config import GCLConfig, Schedule
from vg_reid.generator import GeneratorConfig
from vg_reid.structure import StructureEncoderConfig


def tiny() -> GCLConfig:
    """A small run at 128x64 pixels, for sets of some hundred images.

    Nets are narrow, a step sees 8 images, and each stage has a tenth of the thesis' epochs, of at most 50 steps.
    """
    encoder = EncoderConfig(backbone="tiny", embedding_dim=128, height=128, width=64, weights="trained")
    generator = GeneratorConfig(
        structure=StructureEncoderConfig(channels=32, blocks=2),
        decoder=DecoderConfig(code_dim=encoder.code_dim, channels=32, hidden=64),
        height=encoder.height,
        width=encoder.width,
    )
    return GCLConfig(
        encoder=encoder,
        generator=generator,
        discriminator=DiscriminatorConfig(channels=16, blocks=1),
        schedule=Schedule(warm_up_epochs=10, joint_epochs=10, epoch_steps=50, batch_size=8, learning_rate=1e-3),
    )
