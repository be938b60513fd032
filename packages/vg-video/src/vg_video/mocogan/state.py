"""All of a training run of MoCoGAN that must survive a crash."""

from torch import nn
from torch.optim import Adam, Optimizer

from vg_video.mocogan.config import SYSTEM, MoCoGANConfig
from vg_video.mocogan.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.mocogan.generator import Generator
from vg_video.temporal_pyramid import pyramid_nets
from vg_video.training.state import GENERATOR
from vg_video.training.state import TrainState as AnyTrainState


class TrainState(AnyTrainState[MoCoGANConfig]):
    """Nets, optimizers, averaged generator and step of a run of MoCoGAN."""

    system = SYSTEM

    def build(self, config: MoCoGANConfig) -> dict[str, nn.Module]:
        """Make G, D_V or the nets of the pyramid, and D_I."""
        nets: dict[str, nn.Module] = {GENERATOR: Generator(config.generator)}
        if config.pyramid:
            nets |= pyramid_nets(config.pyramid)
        else:
            nets["video_discriminator"] = VideoDiscriminator(config.video_discriminator)
        return nets | {"image_discriminator": ImageDiscriminator(config.image_discriminator)}

    def optimizer(self, name: str, net: nn.Module) -> Optimizer:
        """Make the optimizer of a net: Adam, whose gradients have the weight decay in them."""
        config = self.config
        rate = self.learning_rate(name)
        return Adam(net.parameters(), rate, config.betas, weight_decay=config.weight_decay, fused=True)
