"""Factorized spatio-temporal self-attention, F-SA: along time, then over each frame (eq. 4.1 to eq. 4.4)."""

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.utils import parametrizations

_SCORES = 1 << 20  # attention scores held at once: 4 MiB in float32, within the cache of a CPU


class TemporalAttention(nn.Module):
    """T-SA: each position attends over its own times (eq. 4.1, eq. 4.2); (b, c, t, h, w) -> the same.

    Args:
        channels: c of the input, a multiple of `reduction`.
        reduction: k in 4.3.1: keys and queries have channels / k channels.
        spectral_norm: divide the three projections by their spectral norms, as the official code does.
        official_reshape: lay the attended values out as the official code does, which reads their (t, c) axes as
            (c, t). Needed for released checkpoints only; the equations describe False.
    Raises:
        ValueError: if channels is not a multiple of reduction.
    """

    def __init__(
        self, channels: int, reduction: int = 8, *, spectral_norm: bool = False, official_reshape: bool = False
    ) -> None:
        super().__init__()
        self.official_reshape = official_reshape
        self.key, self.query, self.value = _projections(channels, reduction, spectral_norm)  # f_t, g_t, h_t
        self.gamma = nn.Parameter(torch.zeros(()))  # starts as the identity

    def forward(self, x: Tensor) -> Tensor:
        """Attend over t at each position of x, (b, c, t, h, w)."""
        t, h, w = x.shape[2:]
        query, key, value = (rearrange(f(x), "b c t h w -> b (h w) t c") for f in (self.query, self.key, self.value))
        y = _attend(query.flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1))
        if self.official_reshape:
            y = _official_layout(y, x.shape)
        else:
            y = rearrange(y, "(b h w) t c -> b c t h w", h=h, w=w, t=t)
        return x + self.gamma * y  # eq. 4.2


class SpatialAttention(nn.Module):
    """S-SA: each position attends over its own frame (eq. 4.3, eq. 4.4); (b, c, t, h, w) -> the same.

    Args:
        channels: c of the input, a multiple of `reduction`.
        reduction: k in 4.3.1: keys and queries have channels / k channels.
        spectral_norm: divide the three projections by their spectral norms, as the official code does.
        official_reshape: lay the attended values out as the official code does, which reads their (t, h, w, c) axes as
            (h, w, c, t). Needed for released checkpoints only; the equations describe False.
    Raises:
        ValueError: if channels is not a multiple of reduction.
    """

    def __init__(
        self, channels: int, reduction: int = 8, *, spectral_norm: bool = False, official_reshape: bool = False
    ) -> None:
        super().__init__()
        self.official_reshape = official_reshape
        self.key, self.query, self.value = _projections(channels, reduction, spectral_norm)  # f_s, g_s, h_s
        self.gamma = nn.Parameter(torch.zeros(()))  # starts as the identity

    def forward(self, x: Tensor) -> Tensor:
        """Attend over (h, w) in each frame of x, (b, c, t, h, w)."""
        t, h, w = x.shape[2:]
        query, key, value = (rearrange(f(x), "b c t h w -> (b t) (h w) c") for f in (self.query, self.key, self.value))
        y = _attend(query, key, value)
        if self.official_reshape:
            y = _official_layout(y, x.shape)
        else:
            y = rearrange(y, "(b t) (h w) c -> b c t h w", t=t, h=h, w=w)
        return x + self.gamma * y  # eq. 4.4


class FactorizedAttention(nn.Module):
    """F-SA: T-SA followed by S-SA (4.3.1, eq. 4.1 to eq. 4.4); (b, c, t, h, w) -> the same, at first the identity.

    Args:
        channels: c of the input, a multiple of `reduction`.
        reduction: k in 4.3.1: keys and queries have channels / k channels.
        spectral_norm: divide the projections by their spectral norms, as the official code does.
        official_reshape: lay attended values out as the official code does; needed for released checkpoints only.
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


class _Attention(torch.autograd.Function):
    """softmax(q k^T) v that keeps no scores: backward computes them anew, in operations that can be differentiated."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(query, key, value)
        return (query @ key.mT).softmax(-1) @ value  # eq. 4.1 has no 1/sqrt(d)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        query, key, value = ctx.saved_tensors
        weights = (query @ key.mT).softmax(-1)
        grad_weights = grad @ value.mT
        grad_scores = weights * (grad_weights - (weights * grad_weights).sum(-1, keepdim=True))
        return grad_scores @ key, grad_scores.mT @ query, weights.mT @ grad


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of (n, l, d) sequences, a few sequences at a time to bound the memory of the (n, l, l) scores."""
    rows = max(1, _SCORES // query.shape[1] ** 2)
    parts = zip(query.split(rows), key.split(rows), value.split(rows), strict=True)
    return torch.cat([_Attention.apply(*part) for part in parts])


def _official_layout(y: Tensor, shape: torch.Size) -> Tensor:
    """Read contiguous memory as (b, h, w, c, t), whatever its axes mean, and return it as (b, c, t, h, w)."""
    b, c, t, h, w = shape
    return y.contiguous().view(b, h, w, c, t).permute(0, 3, 4, 1, 2)


def _projections(channels: int, reduction: int, spectral_norm: bool) -> list[nn.Module]:
    """Key, query and value: 1x1x1 convolutions."""
    if channels % reduction:
        raise ValueError(f"channels={channels} is not a multiple of reduction={reduction}")
    widths = (channels // reduction, channels // reduction, channels)
    convs: list[nn.Module] = [nn.Conv3d(channels, width, 1) for width in widths]
    return [parametrizations.spectral_norm(conv) for conv in convs] if spectral_norm else convs
