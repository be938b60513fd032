"""Normalizations: of one vector (5.2.2), of each channel with a given mean and scale, and of a whole sample (6.4.2).

On a CPU those of a channel are batch norms of one sample each, which PyTorch has quick kernels for in any memory.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F


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
    if x.device.type != "cpu":
        per_channel = (*scale.shape, *[1] * (x.ndim - 2))
        return torch.addcmul(shift.view(per_channel), F.instance_norm(x, eps=eps), scale.view(per_channel))
    samples = zip(x.split(1), scale, shift, strict=True)
    return torch.cat([_batch_norm(sample, weight, bias, eps) for sample, weight, bias in samples])


class InstanceNorm(nn.Module):
    """Give each channel of each sample the mean 0 and the standard deviation 1, as `nn.InstanceNorm2d` by default.

    PyTorch's own brings maps in channels-last memory to another memory first, and this one does not.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, ...) to the same shape."""
        if x.device.type != "cpu":
            return F.instance_norm(x)
        return torch.cat([_batch_norm(sample, None, None, 1e-5) for sample in x.split(1)])


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
        mean, variance = _Moments.apply(x)
        center = mean.mean(1, keepdim=True)
        squares = (variance + (mean - center).square()).sum(1, keepdim=True) * x[0, 0].numel()
        spread = (squares / (x[0].numel() - 1)).clamp(min=torch.finfo(squares.dtype).tiny)  # the root of 0 is steep
        scale = self.weight / (spread.sqrt() + self.eps)
        deviation = scale * (variance + self.eps).sqrt()  # of the result, channel by channel
        shift = scale * (mean - center) + self.bias
        return adaptive_instance_norm(x, deviation.to(x.dtype), shift.to(x.dtype), self.eps)


class _Moments(Function):
    """Mean and biased variance of each channel of each sample, (b, c) both: `torch.var_mean` without its detours."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.device.type == "cpu":
            samples = [torch.batch_norm_update_stats(sample, None, None, 0.0) for sample in x.split(1)]
            mean, variance = (torch.stack(values) for values in zip(*samples, strict=True))
        else:
            variance, mean = torch.var_mean(x.flatten(2), 2, correction=0)
        ctx.save_for_backward(x, mean)
        return mean, variance

    @staticmethod
    def backward(ctx: Any, to_mean: Tensor, to_variance: Tensor) -> Tensor:  # type: ignore[override]
        x, mean = ctx.saved_tensors
        slope = 2 * to_variance / x[0, 0].numel()
        flat = to_mean / x[0, 0].numel() - slope * mean
        per_channel = (*mean.shape, *[1] * (x.ndim - 2))
        return torch.addcmul(flat.view(per_channel), x, slope.view(per_channel))


def _batch_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """Normalize each channel over all samples and positions."""
    return torch.batch_norm(x, weight, bias, None, None, True, 0.0, eps, torch.backends.cudnn.enabled)
