"""Normalizations: of one vector (5.2.2), of each channel with a given mean and scale, and of a whole sample (6.4.2)."""

import torch
from torch import Tensor, nn


def pixel_norm(x: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Divide each vector along `dim` by its root mean square, as StyleGAN2 does with the input of its mapping network.

    Args:
        x: any shape; with (b, c, h, w) and dim=1 the vectors are those of the pixels.
        dim: axis of the vectors.
        eps: added to the mean square.
    """
    return x * (x.square().mean(dim, keepdim=True) + eps).rsqrt()


def adaptive_instance_norm(x: Tensor, scale: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    """Give each channel of each sample the mean `shift` and the standard deviation `scale` (AdaIN).

    The View Generator of 6.4.2 takes both from the identity features. The scale is used as it is, not as 1 + scale.

    Args:
        x: maps (b, c, ...) with one or more axes of positions.
        scale: (b, c).
        shift: (b, c).
        eps: added to the variance, which is the biased one.
    Raises:
        ValueError: for another shape of scale or shift.
    """
    for name, value in (("scale", scale), ("shift", shift)):
        if value.shape != x.shape[:2]:
            raise ValueError(f"{name} has shape {tuple(value.shape)}, wanted {tuple(x.shape[:2])} as x")
    positions = tuple(range(2, x.ndim))
    variance, mean = torch.var_mean(x, positions, correction=0, keepdim=True)
    scale, shift = (value.reshape(mean.shape) for value in (scale, shift))
    scale = scale * (variance + eps).rsqrt()
    return torch.addcmul(shift - mean * scale, x, scale)


class SampleLayerNorm(nn.Module):
    """Subtract the mean of a whole sample, divide by its standard deviation; then a scale and a shift per channel.

    It is the layer norm of the View Generator's up-sampling (6.4.2): over channels and positions, with the unbiased
    deviation and eps outside the root.

    Args:
        channels: c of the maps.
        eps: added to the standard deviation.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.rand(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, ...) to the same shape.

        Raises:
            ValueError: if a sample is one number, which has no deviation.
        """
        if x[0:1].numel() == 1:
            raise ValueError(f"x has shape {tuple(x.shape)}: one number a sample, which has no standard deviation")
        deviation, mean = torch.std_mean(x, tuple(range(1, x.ndim)), correction=1, keepdim=True)
        per_channel = (-1, *[1] * (x.ndim - 2))
        scale = self.weight.view(per_channel) / (deviation + self.eps)
        return torch.addcmul(self.bias.view(per_channel) - mean * scale, x, scale)
