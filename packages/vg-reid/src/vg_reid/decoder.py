"""The decoder G (6.4.2): a structure map, painted with the part code of a person through AdaIN."""

from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn
from vg_layers.norm import SampleLayerNorm, adaptive_instance_norm

from vg_reid.blocks import SLOPE, conv_unit, init_kaiming, require_at_least, require_maps
from vg_reid.reflect import ReflectConv
from vg_reid.upsample import UpsampledConv


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """Sizes of G; the defaults are the thesis' own (6.4.2) and, for the hidden layers, the released code's."""

    code_dim: int = 8192  # of f_id: 2048 x 4 for the ResNet-50
    channels: int = 128  # of f_str, a multiple of 4
    blocks: int = 4  # residual blocks, each with two AdaIN layers and its own slice of f_id
    hidden: int = 512  # width of the perceptrons that turn a slice into scales and shifts

    def __post_init__(self) -> None:
        for name in ("code_dim", "blocks", "hidden"):
            require_at_least(name, getattr(self, name))
        if self.channels < 4 or self.channels % 4:
            raise ValueError(f"channels={self.channels}, wanted a multiple of 4")
        if self.code_dim % self.blocks:
            raise ValueError(f"code_dim={self.code_dim}, wanted a multiple of the {self.blocks} blocks")


class Style(NamedTuple):
    """What one residual block takes from the identity: both AdaIN layers' scales and shifts, one after the other."""

    scale: Tensor
    """(b, 2 channels)."""
    shift: Tensor
    """(b, 2 channels)."""


class Decoder(nn.Module):
    """G (6.4.2): four residual blocks with AdaIN, then convolutions that grow the map to four times its size.

    As in the released code the part code is cut into contiguous slices, and it is flattened channel by channel: slice i
    has all parts of a quarter of the channels, and is no part of the body.
    """

    def __init__(self, config: DecoderConfig = DecoderConfig()) -> None:
        super().__init__()
        self.config = config
        c, slice_dim = config.channels, config.code_dim // config.blocks
        self.blocks = nn.ModuleList(AdaptiveBlock(c) for _ in range(config.blocks))
        self.scales = nn.ModuleList(_perceptron(slice_dim, config.hidden, 2 * c) for _ in range(config.blocks))
        self.shifts = nn.ModuleList(_perceptron(slice_dim, config.hidden, 2 * c) for _ in range(config.blocks))
        self.tail = nn.Sequential(
            _growing_unit(c, c // 2),
            _growing_unit(c // 2, c // 4),
            conv_unit(c // 4, c // 4, 3),
            conv_unit(c // 4, c // 4, 3),
            ReflectConv(c // 4, 3, 1),
        )
        init_kaiming(self)

    def forward(self, structure: Tensor, part_code: Tensor) -> Tensor:
        """Generate images of persons.

        Args:
            structure: f_str, (b, channels, h, w).
            part_code: f_id, (b, code_dim).
        Returns:
            (b, 3, 4h, 4w), normalized as E_id reads images (ImageNet's mean and deviation); nothing bounds the values.
        Raises:
            ValueError: for other shapes.
        """
        require_maps("structure", structure, self.config.channels, 2)
        x = structure
        for block, style in zip(self.blocks, self.styles(part_code), strict=True):
            x = block(x, style)
        return self.tail(x)

    def styles(self, part_code: Tensor) -> list[Style]:
        """Turn part codes (b, code_dim) into what each residual block takes.

        Raises:
            ValueError: for codes of another shape.
        """
        if part_code.ndim != 2 or part_code.shape[1] != self.config.code_dim:
            raise ValueError(f"part_code has shape {tuple(part_code.shape)}, wanted (b, {self.config.code_dim})")
        slices = part_code.chunk(self.config.blocks, 1)
        return [
            Style(scale(piece), shift(piece))
            for scale, shift, piece in zip(self.scales, self.shifts, slices, strict=True)
        ]


class AdaptiveBlock(nn.Module):
    """A residual block whose two normalizations take mean and deviation from the identity (AdaIN, 6.4.2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ReflectConv(channels, channels, 3)
        self.second = ReflectConv(channels, channels, 3)

    def forward(self, x: Tensor, style: Style) -> Tensor:
        """Map (b, channels, h, w) to the same shape."""
        (scale0, scale1), (shift0, shift1) = style.scale.chunk(2, 1), style.shift.chunk(2, 1)
        y = F.leaky_relu_(adaptive_instance_norm(self.first(x), scale0, shift0), SLOPE)
        return x + adaptive_instance_norm(self.second(y), scale1, shift1)


def _growing_unit(in_channels: int, out_channels: int) -> nn.Sequential:
    """Upsampling and a 5x5 convolution, normalization, LeakyReLU."""
    norm = SampleLayerNorm(out_channels)
    return nn.Sequential(UpsampledConv(in_channels, out_channels), norm, nn.LeakyReLU(SLOPE, inplace=True))


def _perceptron(in_features: int, hidden: int, out_features: int) -> nn.Sequential:
    """Three linear layers with LeakyReLU between them."""
    return nn.Sequential(
        nn.Linear(in_features, hidden),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Linear(hidden, hidden),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Linear(hidden, out_features),
    )
