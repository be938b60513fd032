"""Settings of GCL for two cores."""

from vg_reid.decoder import DecoderConfig
from vg_reid.discriminator import DiscriminatorConfig
from vg_reid.encoder import EncoderConfig
from vg_reid.gcl.config import Clustering, GCLConfig, Schedule
from vg_reid.generator import GeneratorConfig
from vg_reid.structure import StructureEncoderConfig


def tiny() -> GCLConfig:
    """A small run at 128x64 pixels, for sets of some hundred images of some fifty persons.

    Nets are narrow, and a step sees 8 images; stage 2 has 360 steps and stage 3 has 210, in epochs of 30. Rates are
    higher, since steps are few. With few persons a larger share of all pairs is of one person, and few images are
    neighbors: hence the clustering's numbers.
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
        clusters=Clustering(share=1e-2, k1=12, k2=4),
        schedule=Schedule(
            warm_up_epochs=12,
            joint_epochs=7,
            epoch_steps=30,
            batch_size=8,
            learning_rate=1e-3,
            encoder_rate=3e-3,
            decay_after=4,
        ),
    )
