"""Spectral norm with the power iteration that released discriminators were trained with."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

C = TypeVar("C", nn.Conv2d, nn.Conv3d)

FIRST_ITERATIONS = 15  # before training, as PyTorch's own


def spectral_norm(conv: C) -> C:
    """Divide a convolution's weight by its largest singular value (3.3.4), in place.

    Each reading of the weight in training mode is one power iteration, first of v = W' u, then of u = W v, like
    `torch.nn.utils.spectral_norm`. PyTorch's parametrization, whose keys this one has, takes u first: from the same
    checkpoint it would be half an iteration away, which changes gradients by percents while u and v still move.
    """
    parametrize.register_parametrization(conv, "weight", _SpectralNorm(conv.weight))
    return conv


class _SpectralNorm(nn.Module):
    """Keeps singular vectors of the weight as a matrix, of output channels by the rest."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        for name, size in (("_u", matrix.shape[0]), ("_v", matrix.shape[1])):
            self.register_buffer(name, F.normalize(matrix.new_empty(size).normal_(), dim=0))
        for _ in range(FIRST_ITERATIONS):
            self._iterate(matrix)

    def forward(self, weight: Tensor) -> Tensor:
        matrix = weight.flatten(1)
        with torch.autocast(weight.device.type, enabled=False):  # a norm of three digits would scale all there is
            if self.training:
                self._iterate(matrix)
            u, v = self._u.clone(), self._v.clone()  # the next forward changes them; this one's backward needs these
            return weight / torch.dot(u, matrix @ v)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self._v.copy_(F.normalize(matrix.T @ self._u, dim=0))
        self._u.copy_(F.normalize(matrix @ self._v, dim=0))
