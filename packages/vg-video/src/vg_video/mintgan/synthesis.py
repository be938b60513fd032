"""G_S: a code of each frame to the frame, with StyleGAN2's synthesis network (5.2.2)."""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from vg_layers import StyledConv, SynthesisBlock, ToRGB

from vg_video.mintgan.config import GeneratorConfig

TAPS = {"smooth": (1, 3, 3, 1), "box": (1, 1)}  # of the filter of the up-sampling


class Synthesis(nn.Module):
    """Codes w to images: a learned constant of 4 x 4 pixels, then a block for each resolution (5.2.2).

    All layers of a frame have the same code, and no frame sees another one: what they share is the code.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        first, *_ = config.widths
        self.const = nn.Parameter(torch.randn(first, 4, 4))
        blocks = [
            SynthesisBlock(
                before, after, config.style_dim, up=level > 0, noise=config.noise, taps=TAPS[config.upsampling]
            )
            for level, (before, after) in enumerate(pairwise((first, *config.widths)))
        ]
        for block in blocks:
            block.to_rgb.weight.data.mul_(config.rgb_scale)
        self.blocks = nn.ModuleList(blocks)
        self.sides = [
            4 << level for level, block in enumerate(blocks) for _ in block.convs
        ]  # of each convolution's maps

    @property
    def noise_size(self) -> int:
        """Numbers in the maps of noise of one image."""
        return sum(side**2 for side in self.sides)

    def kernels(self) -> list[nn.Parameter]:
        """The constant and the weights of the convolutions, without those that make styles of w."""
        layers = [layer for layer in self.modules() if isinstance(layer, StyledConv | ToRGB)]
        return [self.const, *(layer.weight for layer in layers)]

    def forward(self, w: Tensor, noise: Tensor | None = None) -> Tensor:
        """Make images.

        Args:
            w: codes, (b, style_dim).
            noise: all maps of noise, one after another, (b, noise_size); None for none.
        Returns:
            Images around [-1, 1], (b, 3, resolution, resolution).
        """
        x: Tensor = self.const.expand(len(w), -1, -1, -1)
        image, maps = None, self._maps(noise)
        for level, block in enumerate(self.blocks):
            x, image = block(x, w, image, maps[max(0, 2 * level - 1) : 2 * level + 1])
        return cast(Tensor, image)

    def _maps(self, noise: Tensor | None) -> list[Tensor | None]:
        """The map of noise of each convolution, (b, 1, side, side), or None."""
        if noise is None:
            return [None] * len(self.sides)
        parts = noise.split([side**2 for side in self.sides], dim=1)
        return [part.unflatten(1, (1, side, side)) for part, side in zip(parts, self.sides, strict=True)]
