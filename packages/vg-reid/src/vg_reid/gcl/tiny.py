"""Settings of GCL for two cores."""

from vg_reid.decoder import DecoderConfig
from vg_reid.discriminator import DiscriminatorConfig
from vg_reid.encoder import EncoderConfig
from vg_reid.gcl.config import Clustering, GCLConfig, Schedule
from vg_reid.generative import GenerativeConfig
from vg_reid.generator import GeneratorConfig
from vg_reid.structure import StructureEncoderConfig


def tiny() -> GCLConfig:
    """A small run at 128x64 pixels, for sets of some hundred images of some fifty persons.

    Nets are narrow, but for the perceptrons that paint. Stage 2 has 900 steps and stage 3 has 180, in epochs of 30
    steps of 8 images. The rates of stage 2 are higher, since steps are few; those of stage 3 are a tenth of them from
    its start on. D has the released code's least squares with R1, which stays calm at such rates, and images and codes
    weigh more against it. With few persons a larger share of all pairs is of one person, and few images are neighbors:
    hence the clustering's numbers.
    """
    encoder = EncoderConfig(backbone="tiny", embedding_dim=128, height=128, width=64, weights="trained")
    generator = GeneratorConfig(
        structure=StructureEncoderConfig(channels=32, blocks=2),
        decoder=DecoderConfig(code_dim=encoder.code_dim, channels=32, hidden=256),
        height=encoder.height,
        width=encoder.width,
    )
    return GCLConfig(
        encoder=encoder,
        generator=generator,
        discriminator=DiscriminatorConfig(channels=16, blocks=1, init_std=0.1),
        generative=GenerativeConfig(adversarial="lsgan_r1", image_weight=20.0, feature_weight=20.0),
        clusters=Clustering(share=1e-2, k1=12, k2=4),
        schedule=Schedule(
            warm_up_epochs=30,
            joint_epochs=6,
            epoch_steps=30,
            batch_size=8,
            learning_rate=1e-3,
            encoder_rate=3e-3,
            betas=(0.5, 0.999),
            decay_after=0,
        ),
    )
