"""All of a training run of VGAN that must survive a crash."""

from torch import nn

from vg_video.temporal_pyramid import pyramid_nets
from vg_video.training.state import GENERATOR
from vg_video.training.state import TrainState as AnyTrainState
from vg_video.vgan.config import SYSTEM, VGANConfig
from vg_video.vgan.discriminators import VideoDiscriminator
from vg_video.vgan.generator import Generator


class TrainState(AnyTrainState[VGANConfig]):
    """Nets, optimizers, averaged generator and step of a run of VGAN."""

    system = SYSTEM

    def build(self, config: VGANConfig) -> dict[str, nn.Module]:
        """Make G, and D or the nets of the pyramid."""
        nets: dict[str, nn.Module] = {GENERATOR: Generator(config.generator)}
        if config.pyramid:
            return nets | pyramid_nets(config.pyramid)
        return nets | {"video_discriminator": VideoDiscriminator(config.video_discriminator)}
