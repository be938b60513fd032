"""All of a training run of TGAN that must survive a crash."""

from torch import nn
from torch.optim import Optimizer, RMSprop

from vg_video.temporal_pyramid import pyramid_nets
from vg_video.tgan.config import SYSTEM, TGANConfig
from vg_video.tgan.discriminators import VideoDiscriminator
from vg_video.tgan.generator import Generator
from vg_video.training.state import GENERATOR
from vg_video.training.state import TrainState as AnyTrainState


class TrainState(AnyTrainState[TGANConfig]):
    """Nets, optimizers, averaged generator and step of a run of TGAN."""

    system = SYSTEM

    def build(self, config: TGANConfig) -> dict[str, nn.Module]:
        """Make G, and D or the nets of the pyramid."""
        nets: dict[str, nn.Module] = {GENERATOR: Generator(config.generator)}
        if config.pyramid:
            return nets | pyramid_nets(config.pyramid)
        return nets | {"video_discriminator": VideoDiscriminator(config.video_discriminator)}

    def optimizer(self, name: str, net: nn.Module) -> Optimizer:
        """Make the optimizer of a net, RMSprop unless Adam is asked for."""
        if self.config.optimizer == "adam":
            return super().optimizer(name, net)
        return RMSprop(net.parameters(), self.learning_rate(name), alpha=0.99, eps=1e-8)
