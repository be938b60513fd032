"""All of a training run of G3AN that must survive a crash."""

from torch import nn

from vg_video.g3an.config import SYSTEM, G3ANConfig
from vg_video.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.g3an.generator import Generator
from vg_video.temporal_pyramid import pyramid_nets
from vg_video.training.state import GENERATOR
from vg_video.training.state import TrainState as AnyTrainState


class TrainState(AnyTrainState[G3ANConfig]):
    """Nets, optimizers, averaged generator and step of a run of G3AN."""

    system = SYSTEM

    def build(self, config: G3ANConfig) -> dict[str, nn.Module]:
        """Make G, D_V or the nets of the pyramid, and D_I."""
        nets: dict[str, nn.Module] = {GENERATOR: Generator(config.generator)}
        if config.pyramid:
            nets |= pyramid_nets(config.pyramid)
        else:
            nets["video_discriminator"] = VideoDiscriminator(config.video_discriminator)
        return nets | {"image_discriminator": ImageDiscriminator(config.image_discriminator)}
