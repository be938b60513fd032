"""StyleGAN2's residual discriminator for images of any number of channels: MintGAN's D_I and D_V (5.2.3)."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vg_layers.style import EqualizedConv2d, EqualizedLinear


class ResidualDownBlock(nn.Module):
    """Two convolutions, of which the second halves the size, beside a 1x1 convolution that does so too (5.2.3).

    The sum of both has the variance of one.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        gain = math.sqrt(0.5)
        self.conv0 = EqualizedConv2d(in_channels, in_channels, 3, act="lrelu")
        self.conv1 = EqualizedConv2d(in_channels, out_channels, 3, act="lrelu", down=2, gain=gain)
        self.skip = EqualizedConv2d(in_channels, out_channels, 1, bias=False, down=2, gain=gain)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h // 2, w // 2)."""
        return self.conv1(self.conv0(x)) + self.skip(x)


def minibatch_std(x: Tensor, group_size: int = 4, num_channels: int = 1) -> Tensor:
    """Append maps that hold how much the samples of a group differ, so that a discriminator sees a lack of variety.

    Sample i is in the group of i + b / group_size and so on. Each appended map is constant: the standard deviation
    over the group, averaged over a share of the channels and all positions.

    Args:
        x: maps (b, c, h, w).
        group_size: samples in a group; a smaller batch is one group.
        num_channels: maps appended, each for c / num_channels channels.
    Returns:
        (b, c + num_channels, h, w).
    Raises:
        ValueError: if the groups do not divide the batch, or the maps the channels.
    """
    b, c, h, w = x.shape
    group = max(1, min(group_size, b))
    if b % group:
        raise ValueError(f"group_size={group_size} does not divide a batch of {b}")
    if c % num_channels:
        raise ValueError(f"num_channels={num_channels} does not divide {c} channels")
    groups = x.reshape(group, b // group, num_channels, c // num_channels, h, w)
    variance = (groups - groups.mean(0)).square().mean(0)
    deviation = (variance + 1e-8).sqrt().mean((2, 3, 4))  # (b / group, num_channels)
    return torch.cat([x, deviation.repeat(group, 1)[:, :, None, None].expand(-1, -1, h, w)], 1)


class ResidualDiscriminator(nn.Module):
    """Discriminator of images, or of a video whose frames are its channels (TtoC, 5.2.3).

    Args:
        in_channels: channels of an image, K for K / 3 frames of color.
        widths: channels at each resolution, from that of the images down to 4x4.
        group_size: samples that are compared with each other in `minibatch_std`.
    Raises:
        ValueError: for no widths.
    """

    def __init__(self, in_channels: int, widths: Sequence[int], *, group_size: int = 4) -> None:
        super().__init__()
        if not widths:
            raise ValueError("widths are empty, wanted one for each resolution from the images' down to 4x4")
        self.resolution = 4 << (len(widths) - 1)
        self.group_size = group_size
        last = widths[-1]
        self.from_rgb = EqualizedConv2d(in_channels, widths[0], 1, act="lrelu")
        self.blocks = nn.Sequential(*(ResidualDownBlock(a, b) for a, b in pairwise(widths)))
        self.conv = EqualizedConv2d(last + 1, last, 3, act="lrelu")
        self.hidden = EqualizedLinear(last * 4 * 4, last, act="lrelu")
        self.out = EqualizedLinear(last, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (b, in_channels, resolution, resolution) to logits (b,).

        Raises:
            ValueError: for images of another size, or a batch that the groups do not divide.
        """
        if x.shape[2:] != (self.resolution, self.resolution):
            raise ValueError(f"x has shape {tuple(x.shape)}, wanted {self.resolution}x{self.resolution} pixels")
        x = self.blocks(self.from_rgb(x))
        x = self.conv(minibatch_std(x, self.group_size))
        return self.out(self.hidden(x.flatten(1))).squeeze(1)
