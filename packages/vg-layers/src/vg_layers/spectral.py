"""Singular value clipping, TGAN's way to keep a discriminator from growing steep."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.parametrize import is_parametrized

_LEAST_GAIN = 0.01  # of a batch norm, so that none dies


@torch.no_grad()
def clip_singular_values_(module: nn.Module) -> None:
    """Make every layer of a network one that does not stretch its input much, in place (TGAN; 2.4.1).

    Weights of linear and convolutional layers, seen as a matrix with a row for each output channel, get their singular
    values clipped to 1. Gains of batch norms are clipped to 0.01 to 1 times the running standard deviation, so that the
    layer multiplies its input by 0.01 to 1. Call it on the discriminator of a `WGAN` after its step; TGAN does so after
    every fifth.

    Raises:
        ValueError: if a weight is parametrized, by spectral norm for instance, or a batch norm keeps no statistics.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear | _ConvNd):
            if is_parametrized(layer, "weight"):
                raise ValueError(f"the weight of {name!r} is parametrized, wanted a plain weight, which can be clipped")
            rows = layer.weight.transpose(0, 1) if isinstance(layer, _ConvTransposeNd) else layer.weight
            rows.copy_(_clipped(rows.flatten(1)).reshape(rows.shape))
        elif isinstance(layer, _BatchNorm) and layer.affine:
            if layer.running_var is None:
                raise ValueError(f"{name!r} keeps no running variance, to which its gain could be clipped")
            deviation = layer.running_var.sqrt()
            layer.weight.clamp_(_LEAST_GAIN * deviation, deviation)


def _clipped(matrix: Tensor) -> Tensor:
    """The matrix with singular values of at most 1, from the eigenvectors of its smaller Gram matrix: no SVD needed."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT
    exact = wide.double()
    squares, vectors = torch.linalg.eigh(exact @ exact.mT)
    excess = 1 - squares.clamp_min(1).rsqrt()  # exactly 0 where a singular value is at most 1
    wide = wide - (vectors @ (excess.unsqueeze(1) * (vectors.mT @ exact))).to(wide)
    return wide if wide.shape == matrix.shape else wide.mT
