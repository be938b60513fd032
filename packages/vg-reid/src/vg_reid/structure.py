"""The structure encoder E_str (6.4.2): from the projection of a mesh to a map of pose and view-point."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from vg_layers.norm import InstanceNorm

from vg_reid.blocks import ResidualBlock, conv_unit, init_kaiming, require_at_least, require_maps
from vg_reid.reflect import ReflectConv


@dataclass(frozen=True, kw_only=True)
class StructureEncoderConfig:
    """Sizes of E_str; the defaults are the thesis' own (6.4.2)."""

    channels: int = 128  # of f_str, a multiple of 8
    blocks: int = 4  # residual blocks
    dilations: tuple[int, ...] = (3, 6, 9)  # of the pyramid, in pixels of f_str

    def __post_init__(self) -> None:
        require_at_least("blocks", self.blocks)
        if self.channels < 8 or self.channels % 8:
            raise ValueError(f"channels={self.channels}, wanted a multiple of 8")
        if not self.dilations or min(self.dilations) < 1:
            raise ValueError(f"dilations={self.dilations}, wanted one or more, each at least 1")

    @property
    def least(self) -> int:
        """Height and width in pixels that a projection needs at least, for the widest reflect padding."""
        return 4 * max(self.dilations) + 1


class StructureEncoder(nn.Module):
    """E_str (6.4.2): four convolutions, four residual blocks, and a pyramid of dilated convolutions.

    6.4.2 names only the first two, which end in 64 channels; the pyramid of the released code gives the 128 of f_str.
    """

    def __init__(self, config: StructureEncoderConfig = StructureEncoderConfig()) -> None:
        super().__init__()
        self.config = config
        eighth, quarter, half = (config.channels // share for share in (8, 4, 2))
        self.stem = nn.Sequential(
            conv_unit(1, eighth, 3, stride=2, norm=InstanceNorm()),
            conv_unit(eighth, quarter, 3, norm=InstanceNorm()),
            conv_unit(quarter, quarter, 3, norm=InstanceNorm()),
            conv_unit(quarter, half, 3, stride=2, norm=InstanceNorm()),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(half, norm=True) for _ in range(config.blocks)))
        self.pyramid = DilatedPyramid(half, config.channels, config.dilations)
        init_kaiming(self)

    def forward(self, mesh: Tensor) -> Tensor:
        """Encode projections of meshes.

        Args:
            mesh: s, (b, 1, h, w) in [-1, 1]; 256x128 in the thesis, 37 pixels or more with its dilations.
        Returns:
            f_str, (b, channels, ceil(h / 4), ceil(w / 4)).
        Raises:
            ValueError: for another shape, or a picture too small for reflect padding.
        """
        require_maps("mesh", mesh, 1, self.config.least)
        return self.pyramid(self.blocks(self.stem(mesh)))


class DilatedPyramid(nn.Module):
    """Atrous spatial pyramid pooling: a 1x1 convolution beside dilated ones, joined by a 1x1 convolution.

    Instance normalization follows each convolution; only those that narrow the dilated branches have an activation.

    Args:
        in_channels: channels of the input; each branch has half as many.
        out_channels: channels of the output.
        dilations: one branch for each.
    """

    def __init__(self, in_channels: int, out_channels: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        width = in_channels // 2
        self.branches = nn.ModuleList([nn.Sequential(ReflectConv(in_channels, width, 1), InstanceNorm())])
        for dilation in dilations:
            narrow = conv_unit(in_channels, width, 1, norm=InstanceNorm())
            wide = ReflectConv(width, width, 3, dilation=dilation)
            self.branches.append(nn.Sequential(narrow, wide, InstanceNorm()))
        joined = width * len(self.branches)
        self.join = nn.Sequential(ReflectConv(joined, out_channels, 1), InstanceNorm())

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h, w)."""
        return self.join(torch.cat([branch(x) for branch in self.branches], 1))
