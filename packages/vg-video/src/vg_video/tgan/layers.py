"""What TGAN's nets share: how weights start, and batch norm."""

from typing import TypeVar

from torch import nn
from vg_layers.conv import TransposedConv

from vg_video.tgan.config import Start

Layer = TypeVar("Layer", bound=nn.Linear | nn.Conv3d | TransposedConv)

EPS = 2e-5  # of the batch norms, as released: scores of the first steps depend on it, so small do the weights start


def started(layer: Layer, start: Start) -> Layer:
    """The layer with weights drawn as asked for, and no offset."""
    if start == "uniform":
        nn.init.uniform_(layer.weight, -0.01, 0.01)
    else:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def shifted(norm: nn.BatchNorm3d, shift: bool) -> nn.BatchNorm3d:
    """The batch norm, without its shift unless that is asked for."""
    if not shift:
        norm.register_parameter("bias", None)
    return norm
