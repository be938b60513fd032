"""Autoencoders in the place of discriminators, as BEGAN has them (table 2.1)."""

from itertools import pairwise
from typing import Any, NamedTuple, Protocol, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers.adversarial import reconstruction_error

from vg_video.labels import one_hot

SLOPE = 0.2  # of the leaky ReLUs
HALVINGS = 4  # of height and width; the frames stay


class Sight(NamedTuple):
    """What a discriminator looks at."""

    channels: int
    axes: int  # 3 for clips (b, c, t, h, w), 2 for images (b, c, h, w)
    width: int  # channels of the first layer
    classes: int = 0  # labels that it is told


class Sighted(Protocol):
    """A discriminator that tells what it looks at."""

    @property
    def sight(self) -> Sight: ...  # noqa: D102


class Autoencoder(nn.Module):
    """Clips or images to their reconstruction errors, (b,): low scores mean "real".

    The encoder halves height and width four times, doubling its channels from `width`, and the decoder undoes it; the
    maps between them are a twelfth of a clip of three channels or less. Labels join the input as one-hot maps. Table
    2.1 gives the loss of BEGAN and leaves the network open.
    """

    def __init__(self, sight: Sight) -> None:
        super().__init__()
        self.sight = sight
        w = sight.width
        down = [sight.channels + sight.classes, *(w * 2**level for level in range(HALVINGS - 1)), w]
        up = [w, *(w * 2**level for level in reversed(range(HALVINGS - 1)))]
        conv: Any = nn.Conv3d if sight.axes == 3 else nn.Conv2d
        self.encoder = nn.Sequential(
            *(layer for a, b in pairwise(down) for layer in (conv(a, b, 3, self._stride(), 1), nn.LeakyReLU(SLOPE)))
        )
        self.decoder = nn.ModuleList(conv(a, b, 3, padding=1) for a, b in pairwise(up))
        self.last = conv(up[-1], sight.channels, 3, padding=1)

    @classmethod
    def like(cls, net: nn.Module) -> Self:
        """An autoencoder for what a discriminator looks at."""
        return cls(cast(Sighted, net).sight)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Judge clips or images in [-1, 1], (b, channels, [t,] h, w) with h and w multiples of 16.

        Raises:
            ValueError: for other channels or sizes, or a label that is missing, unknown, or not wanted.
        """
        sight = self.sight
        if x.ndim != 2 + sight.axes or x.shape[1] != sight.channels or any(n % 2**HALVINGS for n in x.shape[-2:]):
            raise ValueError(
                f"input has shape {tuple(x.shape)}, wanted {sight.channels} channels, {sight.axes} more axes, and "
                f"height and width that are multiples of {2**HALVINGS}"
            )
        features = x
        if sight.classes:
            maps = one_hot(label, sight.classes).to(x)
            maps = maps[(...,) + (None,) * sight.axes].expand(-1, -1, *x.shape[2:])
            features = torch.cat([x, maps], dim=1)
        elif label is not None:
            raise ValueError(f"label={label.tolist()}, but the discriminator has no classes")
        features = self.encoder(features)
        for conv in self.decoder:
            features = F.leaky_relu(conv(self._doubled(features)), SLOPE)
        return reconstruction_error(x, self.last(self._doubled(features)).tanh())

    def _stride(self) -> tuple[int, ...]:
        return (1, 2, 2)[-self.sight.axes :]

    def _doubled(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=(1.0, 2.0, 2.0)[-self.sight.axes :], mode="nearest")
