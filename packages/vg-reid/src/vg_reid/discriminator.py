"""The discriminator D (6.4.2): one PatchGAN for each of three sizes of the image."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from vg_reid.blocks import ResidualBlock, conv_unit, require_at_least, require_maps
from vg_reid.reflect import ReflectConv


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """Sizes of D; the defaults are the thesis' own (6.4.2) and, for the channels, the released code's."""

    scales: int = 3  # 256x128, 128x64 and 64x32 pixels
    channels: int = 64  # of the last maps, an even number
    blocks: int = 4  # residual blocks at each scale
    init_std: float = 0.02  # of the first weights, as in the released code; with few channels it leaves D blind

    def __post_init__(self) -> None:
        require_at_least("scales", self.scales)
        require_at_least("blocks", self.blocks)
        if self.init_std <= 0:
            raise ValueError(f"init_std={self.init_std}, wanted above 0")
        if self.channels < 2 or self.channels % 2:
            raise ValueError(f"channels={self.channels}, wanted an even number")

    @property
    def least(self) -> int:
        """Height and width in pixels that an image needs at least, for reflect padding at the coarsest scale."""
        return (4 << (self.scales - 1)) + 1


class Discriminator(nn.Module):
    """D (6.4.2): the same net at each scale, with weights of its own; it has no normalization."""

    def __init__(self, config: DiscriminatorConfig = DiscriminatorConfig()) -> None:
        super().__init__()
        self.config = config
        self.nets = nn.ModuleList(_patch_net(config) for _ in range(config.scales))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=config.init_std)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # all of them have one

    def forward(self, images: Tensor) -> list[Tensor]:
        """Judge images, patch by patch.

        Args:
            images: (b, 3, h, w), normalized as E_id reads them.
        Returns:
            Logits, the finest scale first: (b, 1, h / 4, w / 4), then half as high and wide each time, rounded up.
        Raises:
            ValueError: for another shape, or an image too small for reflect padding.
        """
        require_maps("images", images, 3, self.config.least)
        logits = []
        for scale, net in enumerate(self.nets):
            if scale:
                images = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
            logits.append(net(images))
        return logits


def _patch_net(config: DiscriminatorConfig) -> nn.Sequential:
    """The net of one scale."""
    full, half = config.channels, config.channels // 2
    return nn.Sequential(
        conv_unit(3, half, 1),
        conv_unit(half, half, 3),
        conv_unit(half, half, 3, stride=2),
        conv_unit(half, half, 3),
        conv_unit(half, full, 3, stride=2),
        *(ResidualBlock(full, norm=False) for _ in range(config.blocks)),
        ReflectConv(full, 1, 1),
    )
