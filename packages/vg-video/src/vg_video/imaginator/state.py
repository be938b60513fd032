"""All of a training run of ImaGINator that must survive a crash."""

from torch import nn

from vg_video.imaginator.config import SYSTEM, ImaGINatorConfig
from vg_video.imaginator.discriminators import AuxiliaryVideoDiscriminator, ImageDiscriminator, VideoDiscriminator
from vg_video.imaginator.generator import Generator
from vg_video.training.state import GENERATOR
from vg_video.training.state import TrainState as AnyTrainState


class TrainState(AnyTrainState[ImaGINatorConfig]):
    """Nets, optimizers, averaged generator and step of a run of ImaGINator."""

    system = SYSTEM

    def build(self, config: ImaGINatorConfig) -> dict[str, nn.Module]:
        """Make G, D_V and D_I, without those that the settings leave out (table 3.7, table 3.9)."""
        nets: dict[str, nn.Module] = {GENERATOR: Generator(config.generator)}
        if config.judges in ("both", "video"):
            kind = AuxiliaryVideoDiscriminator if config.tells_labels else VideoDiscriminator
            nets["video_discriminator"] = kind(config.video_discriminator)
        if config.judges in ("both", "image"):
            nets["image_discriminator"] = ImageDiscriminator(config.image_discriminator)
        return nets
