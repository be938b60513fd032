"""Factorized spatio-temporal self-attention, F-SA: along time, then over each frame (eq. 4.1 to eq. 4.4)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vg_layers.ops.factorized_attention import Along, factorized_attention
from vg_layers.spectral import spectral_norm as spectrally_normalized


class _SelfAttention(nn.Module):
    """What T-SA and S-SA share; they differ in where a position looks."""

    along: Along
    memory: tuple[int, ...]  # order of the axes b, c, t, h, w in which the official code holds the attended values

    def __init__(
        self, channels: int, reduction: int = 8, *, spectral_norm: bool = False, official_reshape: bool = False
    ) -> None:
        super().__init__()
        if channels % reduction:
            raise ValueError(f"channels={channels} is not a multiple of reduction={reduction}")
        self.official_reshape = official_reshape
        self.key = nn.Conv3d(channels, channels // reduction, 1)  # f
        self.query = nn.Conv3d(channels, channels // reduction, 1)  # g
        self.value = nn.Conv3d(channels, channels, 1)  # h
        self.gamma = nn.Parameter(torch.zeros(()))  # starts as the identity
        if spectral_norm:
            for projection in (self.key, self.query, self.value):
                spectrally_normalized(projection)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, t, h, w) to the same shape, in channels_last_3d memory.

        As y is linear in the values, gamma y is found by multiplying their weights, which is no pass over the map.
        """
        x = x.contiguous(memory_format=torch.channels_last_3d)
        weights, biases = zip(
            *((layer.weight, layer.bias) for layer in (self.query, self.key, self.value)), strict=True
        )
        query, key = _projected(x, torch.cat(weights[:2]), torch.cat(biases[:2])).chunk(2, dim=1)
        value = _projected(x, self.gamma * weights[2], self.gamma * biases[2])
        y = factorized_attention(query, key, value, along=self.along)
        if self.official_reshape:
            b, c, t, h, w = x.shape
            y = y.permute(self.memory).reshape(b, h, w, c, t).permute(0, 3, 4, 1, 2)
        return x + y  # x + gamma y of eq. 4.2 and eq. 4.4


class TemporalAttention(_SelfAttention):
    """T-SA: each position attends over its own times (eq. 4.1, eq. 4.2); (b, c, t, h, w) -> the same.

    Args:
        channels: c of the input, a multiple of `reduction`.
        reduction: k in 4.3.1: keys and queries have channels / k channels.
        spectral_norm: divide the three projections by their spectral norms, as the official code does.
        official_reshape: read the attended values, whose memory is (b, h, w, t, c), as (b, h, w, c, t), as the official
            code does. Needed for released checkpoints only; the equations describe False.
    Raises:
        ValueError: if channels is not a multiple of reduction.
    """

    along = "time"
    memory = (0, 3, 4, 2, 1)


class SpatialAttention(_SelfAttention):
    """S-SA: each position attends over its own frame (eq. 4.3, eq. 4.4); (b, c, t, h, w) -> the same.

    Args:
        channels: c of the input, a multiple of `reduction`.
        reduction: k in 4.3.1: keys and queries have channels / k channels.
        spectral_norm: divide the three projections by their spectral norms, as the official code does.
        official_reshape: read the attended values, whose memory is (b, t, h, w, c), as (b, h, w, c, t), as the official
            code does. Needed for released checkpoints only; the equations describe False.
    Raises:
        ValueError: if channels is not a multiple of reduction.
    """

    along = "space"
    memory = (0, 2, 3, 4, 1)


class FactorizedAttention(nn.Module):
    """F-SA: T-SA followed by S-SA (4.3.1, eq. 4.1 to eq. 4.4); (b, c, t, h, w) -> the same, at first the identity.

    Args:
        channels: c of the input, a multiple of `reduction`.
        reduction: k in 4.3.1: keys and queries have channels / k channels.
        spectral_norm: divide the projections by their spectral norms, as the official code does.
        official_reshape: lay the attended values out as the official code does; needed for released checkpoints only.
    Raises:
        ValueError: if channels is not a multiple of reduction.
    """

    def __init__(
        self, channels: int, reduction: int = 8, *, spectral_norm: bool = False, official_reshape: bool = False
    ) -> None:
        super().__init__()
        self.tsa = TemporalAttention(
            channels, reduction, spectral_norm=spectral_norm, official_reshape=official_reshape
        )
        self.ssa = SpatialAttention(channels, reduction, spectral_norm=spectral_norm, official_reshape=official_reshape)

    def forward(self, x: Tensor) -> Tensor:
        """Attend along time, then over each frame of x, (b, c, t, h, w)."""
        return self.ssa(self.tsa(x))


def _projected(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """1x1x1 convolution as one matrix product with channels as the last axis, several times faster on a CPU."""
    return F.linear(x.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1)
