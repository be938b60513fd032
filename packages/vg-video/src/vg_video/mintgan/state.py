"""All of a training run of MintGAN that must survive a crash."""

from typing import cast

from torch import nn
from torch.optim import Adam, Optimizer
from vg_layers import Engine, PathLengthPenalty

from vg_video.image_discriminator import ImageDiscriminator
from vg_video.mintgan.config import SYSTEM, MintGANConfig
from vg_video.mintgan.generator import Generator
from vg_video.temporal_pyramid import pyramid_nets
from vg_video.training.state import GENERATOR
from vg_video.training.state import TrainState as AnyTrainState

PATH_LENGTH = "path_length"  # among the losses


class TrainState(AnyTrainState[MintGANConfig]):
    """Nets, optimizers, averaged generator and step of a run of MintGAN."""

    system = SYSTEM

    def __init__(self, config: MintGANConfig, seed: int = 0, engine: Engine | None = None) -> None:
        super().__init__(config, seed, engine)
        if config.path_length_weight:
            penalty = PathLengthPenalty(config.path_length_weight, every=config.path_length_every)
            self.losses[PATH_LENGTH] = penalty.to(self.engine.device)

    def build(self, config: MintGANConfig) -> dict[str, nn.Module]:
        """Make G, a D_V for each speed, and D_I."""
        return {
            GENERATOR: Generator(config.generator),
            **pyramid_nets(config.video_discriminator),
            "image_discriminator": ImageDiscriminator(config.image_discriminator),
        }

    def optimizer(self, name: str, net: nn.Module) -> Optimizer:
        """Make Adam, with StyleGAN2's correction for a penalty at every k-th step.

        The rate is multiplied by k / (k + 1), and the betas are taken to the power of it.
        """
        config = self.config
        weight, every = config.r1_weight, config.r1_every
        if name == GENERATOR:
            weight, every = config.path_length_weight, config.path_length_every
        share = every / (every + 1) if weight else 1.0
        groups: list[dict[str, object]] = [{"params": list(net.parameters())}]
        if name == GENERATOR and config.kernel_learning_rate is not None:
            kernels = cast(Generator, net).synthesis.kernels()
            apart = {id(kernel) for kernel in kernels}
            rest = [parameter for parameter in net.parameters() if id(parameter) not in apart]
            groups = [{"params": rest}, {"params": kernels, "lr": config.kernel_learning_rate * share}]
        first, second = config.betas
        return Adam(groups, self.learning_rate(name) * share, (first**share, second**share), fused=True)
