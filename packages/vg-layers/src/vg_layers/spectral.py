"""Spectral norm and singular value clipping: two ways to keep a network from growing steep."""

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.parametrize import is_parametrized, register_parametrization

L = TypeVar("L", bound=nn.Module)

_FIRST_ITERATIONS = 15  # before training, as PyTorch's own
_LEAST_GAIN = 0.01  # of a batch norm, so that none dies


def spectral_norm(layer: L) -> L:
    """Divide the weight of a linear or convolutional layer by its largest singular value (3.3.4), in place.

    Each reading of the weight in training mode is one power iteration, first of v = W' u, then of u = W v, like
    `torch.nn.utils.spectral_norm`. PyTorch's parametrization, whose keys this one has, takes u first: from the same
    checkpoint it would be half an iteration away, which changes gradients by percents while u and v still move.

    Raises:
        ValueError: if the layer has no weight of two axes or more.
    """
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim < 2:
        raise ValueError(f"{type(layer).__name__} has no weight with two axes or more, wanted a linear or conv layer")
    register_parametrization(layer, "weight", _SpectralNorm(weight, isinstance(layer, _ConvTransposeNd)))
    return layer


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


class _Divided(torch.autograd.Function):
    """weight / norm with norm = sum of weight u v, whose derivative in the weight is u v.

    Its gradient is found in three passes over the weight, none of which writes u v out.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, norm: Tensor, u: Tensor, v: Tensor) -> Tensor:
        ctx.save_for_backward(weight, norm, u, v)
        return weight * norm.reciprocal()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        weight, norm, u, v = ctx.saved_tensors
        if torch.is_grad_enabled():  # it will be differentiated again, and the norm with it
            norm = (weight * u * v).sum()
        along = torch.dot(grad.flatten(), weight.flatten()) / norm
        return torch.addcmul(grad, along * u, v, value=-1).mul_(norm.reciprocal()), None, None, None


class _SpectralNorm(nn.Module):
    """Keeps singular vectors of the weight as a matrix, of output channels by the rest."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed
        matrix = self._matrix(weight.detach())
        for name, size in (("_u", matrix.shape[0]), ("_v", matrix.shape[1])):
            self.register_buffer(name, F.normalize(matrix.new_empty(size).normal_(), dim=0))
        for _ in range(_FIRST_ITERATIONS):
            self._iterate(matrix)

    def forward(self, weight: Tensor) -> Tensor:
        matrix = self._matrix(weight)
        with torch.autocast(weight.device.type, enabled=False):  # a norm of three digits would scale all there is
            if self.training:
                self._iterate(matrix)
            u, v = self._u.clone(), self._v.clone()  # the next forward changes them; this one's backward needs these
            return _Divided.apply(weight, torch.mv(matrix.detach(), v).dot(u), *self._vectors(weight, u, v))

    def _matrix(self, weight: Tensor) -> Tensor:
        return (weight.transpose(0, 1) if self.transposed else weight).flatten(1)

    def _vectors(self, weight: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """u and v with the axes of the weight: their product has its shape."""
        out = 1 if self.transposed else 0
        rest = [1 if axis == out else size for axis, size in enumerate(weight.shape)]
        return u.view([-1 if axis == out else 1 for axis in range(weight.ndim)]), v.view(rest)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self._v.copy_(F.normalize(matrix.T @ self._u, dim=0))
        self._u.copy_(F.normalize(matrix @ self._v, dim=0))
