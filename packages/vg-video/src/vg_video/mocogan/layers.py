"""What MoCoGAN's discriminators and its image encoder are made of."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["batch", "none"]
SLOPE = 0.2  # of the leaky ReLUs


class InstanceNoise(nn.Module):
    """Normal noise on maps of any shape, in training mode only.

    Args:
        deviation: standard deviation of the noise; 0: none.
    Attributes:
        source: of the noise, on the device of the maps; PyTorch's own when None.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation
        self.source: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps with noise."""
        if not self.training or self.deviation == 0:
            return x
        return x + self.deviation * torch.randn(x.shape, generator=self.source, device=x.device, dtype=x.dtype)


def judging_layers(
    axes: Literal[2, 3],
    widths: Sequence[int],
    outputs: int,
    *,
    patch: bool = False,
    norm: Norm = "batch",
    noise: float = 0.0,
) -> nn.Sequential:
    """Convolutions from 64 x 64 pixels down to `outputs` numbers, or to as many for each of 4 x 4 places (`patch`).

    Each but the last halves height and width, and with three axes also takes three frames off; the last does the same
    (`patch`), or looks at all of 4 x 4 positions, and four frames, at once. Batch norm stands behind all but the first
    and the last, instance noise before all but the last, and in a patch net for images before that too.

    Args:
        axes: 3 for clips (b, 3, t, h, w), 2 for images (b, 3, h, w).
        widths: channels between the convolutions: four, or three with `patch`.
        outputs: channels of the last convolution.
        patch: as above.
        norm: "none" has biases, and weights that keep the variance from layer to layer, in the place of the norm.
        noise: standard deviation of the instance noise.
    """
    conv: Callable[..., nn.Module] = nn.Conv3d if axes == 3 else nn.Conv2d
    batch_norm = nn.BatchNorm3d if axes == 3 else nn.BatchNorm2d
    bias, stride, padding = norm == "none", (1, 2, 2)[-axes:], (0, 1, 1)[-axes:]
    layers: list[nn.Module] = []
    for level, (before, after) in enumerate(pairwise((3, *widths))):
        layers += [InstanceNoise(noise), conv(before, after, 4, stride, padding, bias=bias)]
        if norm == "batch" and level > 0:
            layers.append(batch_norm(after))
        layers.append(nn.LeakyReLU(SLOPE, inplace=True))
    if patch and axes == 2:  # as released
        layers.append(InstanceNoise(noise))
    layers.append(conv(widths[-1], outputs, 4, *((stride, padding) if patch else ()), bias=bias))
    if norm == "none":
        for layer in layers:
            _keep_variance(layer)
    return nn.Sequential(*layers)


def draw_noise_from(source: torch.Generator, net: nn.Module) -> None:
    """Let all instance noise of a net come from this source, on its device."""
    for layer in net.modules():
        if isinstance(layer, InstanceNoise):
            layer.source = source


def _keep_variance(layer: nn.Module) -> None:
    """Kaiming weights and no offset, for a convolution that no norm follows."""
    if isinstance(layer, nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(layer.weight, SLOPE)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
