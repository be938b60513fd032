"""2-D discriminators of images, or of clips whose frames are channels: StyleGAN2's and DCGAN's (5.2.3, table 5.2)."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from vg_layers import ResidualDiscriminator, spectral_norm
from vg_layers.configs import check_at_least, check_one_of, check_positive

from vg_video.autoencoder import Sight
from vg_video.labels import one_hot

Norm = Literal["batch", "spectral", "none"]
SLOPE = 0.2  # of the leaky ReLUs
CHANNEL_BASE = {"stylegan2": 16384, "dcgan2d": 2048}


@dataclass(frozen=True, kw_only=True)
class ImageDiscriminatorConfig:
    """A 2-D discriminator: MintGAN's D_I, and base of the settings of the temporal pyramid (5.2.3)."""

    resolution: int = 64  # pixels
    arch: Literal["stylegan2", "dcgan2d"] = "stylegan2"
    channel_base: int | None = None  # maps of n pixels have channel_base / n channels; None: as in CHANNEL_BASE
    max_channels: int = 512  # but no more than this
    group_size: int = 4  # of "stylegan2": samples that its minibatch standard deviation compares
    norm: Norm = "batch"  # of "dcgan2d", whose first and last layer have no batch norm
    classes: int = 0  # of "dcgan2d": number of labels; their one-hot maps join after the first layer
    auxiliary: bool = False  # labels are told by the net instead (table 3.7)

    def __post_init__(self) -> None:
        check_one_of(self, "arch", *CHANNEL_BASE)
        check_one_of(self, "norm", *get_args(Norm))
        check_at_least(self, 0, "classes")
        check_positive(self, "group_size")
        if self.classes and self.arch == "stylegan2":
            raise ValueError(f"classes={self.classes} with arch='stylegan2', which knows no labels: wanted 'dcgan2d'")
        if self.auxiliary and not self.classes:
            raise ValueError("auxiliary=True without classes, wanted their number")
        _ = self.widths  # refuses a resolution that has none

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of maps of 4, 8, ... pixels, up to those of the images."""
        base = CHANNEL_BASE[self.arch] if self.channel_base is None else self.channel_base
        return channels_by_size(self.resolution, base, self.max_channels)


class ImageDiscriminator(nn.Module):
    """Images, or clips whose frames are channels, to scores.

    "stylegan2" is MintGAN's (5.2.3). "dcgan2d" is the 2-D form of the discriminators that VGAN, TGAN, MoCoGAN and G3AN
    have for clips: convolutions with kernel 4 and stride 2, doubling their channels from 64 to 512.

    Args:
        config: its settings.
        channels: of an image; 3 for each frame.
    """

    def __init__(self, config: ImageDiscriminatorConfig, channels: int = 3) -> None:
        super().__init__()
        self.config, self.channels = config, channels
        self.net: nn.Module
        if config.arch == "stylegan2":
            self.net = ResidualDiscriminator(channels, config.widths[::-1], group_size=config.group_size)
        else:
            self.net = _DCGAN(config, channels)

    @property
    def sight(self) -> Sight:
        """What the autoencoder of BEGAN in its place looks at."""
        told = 0 if self.config.auxiliary else self.config.classes
        return Sight(self.channels, 2, self.config.widths[-2], told)

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Judge images.

        Args:
            images: in [-1, 1], (b, channels, resolution, resolution).
            label: class indices, (b,), when the net has classes and does not tell them itself.
        Returns:
            Scores, (b,), before any sigmoid; with `auxiliary` also logits of the classes, (b, classes).
        Raises:
            ValueError: for another shape, or a label that is missing, unknown, or not wanted.
        """
        wanted = (len(images), self.channels, self.config.resolution, self.config.resolution)
        if images.shape != wanted:
            raise ValueError(f"images have shape {tuple(images.shape)}, wanted {wanted}")
        if self.config.classes and not self.config.auxiliary:
            return self.net(images, one_hot(label, self.config.classes).to(images))
        if label is not None:
            raise ValueError(f"label={label.tolist()}, but the discriminator is told none")
        return self.net(images)


def channels_by_size(resolution: int, base: int, most: int) -> tuple[int, ...]:
    """Channels of maps of 4, 8, ..., `resolution` pixels: base / pixels, but no more than `most` (StyleGAN2's rule).

    Raises:
        ValueError: if the resolution is no power of two, or less than 8, or there would be maps without channels.
    """
    if resolution < 8 or resolution & (resolution - 1):
        raise ValueError(f"resolution={resolution}, wanted a power of two, at least 8")
    if most < 1 or base < resolution:
        raise ValueError(f"channel_base={base}, max_channels={most}, wanted at least {resolution} (pixels) and 1")
    return tuple(min(most, base >> level) for level in range(2, resolution.bit_length()))


class _DCGAN(nn.Module):
    """Convolutions that halve the images down to 4 x 4 pixels, and one from there to the scores."""

    def __init__(self, config: ImageDiscriminatorConfig, channels: int) -> None:
        super().__init__()
        first, *widths = config.widths[-2::-1]  # the first layer halves already
        told, telling = (0, config.classes) if config.auxiliary else (config.classes, 0)
        ends: Norm = "spectral" if config.norm == "spectral" else "none"
        self.first = nn.Sequential(*_layer(channels, first, ends))
        before = [first + told, *widths]
        layers = [layer for pair in zip(before, widths, strict=False) for layer in _layer(*pair, config.norm)]
        self.rest = nn.Sequential(*layers, _conv(nn.Conv2d(before[-1], 1 + telling, 4), ends))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        features = self.first(x.contiguous(memory_format=torch.channels_last))
        if labels is not None:
            maps = labels[:, :, None, None].expand(-1, -1, *features.shape[2:])
            features = torch.cat([features, maps], dim=1)
        scores = self.rest(features).flatten(1)
        return scores[:, 0] if scores.shape[1] == 1 else (scores[:, 0], scores[:, 1:])


def _layer(before: int, after: int, norm: Norm) -> list[nn.Module]:
    """A convolution that halves the maps, its norm, and leaky ReLU."""
    conv = _conv(nn.Conv2d(before, after, 4, 2, 1, bias=norm != "batch"), norm)
    norms = [nn.BatchNorm2d(after)] if norm == "batch" else []
    return [conv, *norms, nn.LeakyReLU(SLOPE, inplace=True)]


def _conv(conv: nn.Conv2d, norm: Norm) -> nn.Conv2d:
    """The convolution with Kaiming weights and no offset, spectrally normalized if asked for."""
    nn.init.kaiming_normal_(conv.weight, SLOPE)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return spectral_norm(conv) if norm == "spectral" else conv
