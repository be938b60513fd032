"""TGAN's generator: one latent vector to a vector for each frame, and these to frames (2.4.1)."""

from itertools import pairwise

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from vg_layers.conv import (
    ConvBlock,
    FrameConv,
    SpatialTransposedConv,
    TemporalTransposedConv,
    Window,
)

from vg_video.generator import VideoGenerator
from vg_video.labels import one_hot
from vg_video.tgan.config import RESOLUTION, SYSTEM, GeneratorConfig
from vg_video.tgan.layers import EPS, shifted, started

DOUBLE = Window(4, 2, 1)
FIRST = 4  # pixels of the image generator's first maps


class Generator(VideoGenerator, library_name="vg-video", tags=["video-generation", "tgan"]):
    """Noise, and a label where it is asked for, to video.

    The temporal generator makes of z_slow one z_fast for each frame. The image generator makes each frame of z_slow,
    which all frames share, and of its own z_fast (2.4.1).
    """

    system = SYSTEM
    resolution = RESOLUTION

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        slow = config.latent_dim + len(config.classes)
        first, *temporal = config.temporal_widths
        self.temporal = nn.Sequential(
            *_temporal(slow, first, Window(1), config),
            *(layer for widths in pairwise((first, *temporal)) for layer in _temporal(*widths, DOUBLE, config)),
            started(TemporalTransposedConv(config.temporal_widths[-1], config.latent_dim, DOUBLE), config.start),
            nn.Tanh(),
        )
        self.slow, self.fast = (_maps(size, config.widths[0] // 2) for size in (slow, config.latent_dim))
        self.image = ConvBlock(
            *(layer for widths in pairwise(config.widths) for layer in _image(*widths)),
            started(FrameConv(config.widths[-1], 3, Window(3, padding=1)), "uniform"),
            nn.Tanh(),
        )

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return self.config.frames

    def forward(self, slow: Tensor, *, label: Tensor | None = None) -> Tensor:
        """Generate clips.

        Args:
            slow: z_slow, uniform in [-1, 1], (b, latent_dim).
            label: class indices, (b,), when the model has classes.
        Returns:
            Video in [-1, 1], (b, 3, frames, 64, 64).
        Raises:
            ValueError: if a shape is not as above, or the label is missing, or given to a model without classes.
        """
        classes = len(self.config.classes)
        if slow.shape != (len(slow), self.config.latent_dim):
            raise ValueError(f"slow has shape {tuple(slow.shape)}, wanted (b, {self.config.latent_dim})")
        if classes:
            slow = torch.cat([slow, one_hot(label, classes).to(slow)], dim=1)
        elif label is not None:
            raise ValueError(f"label={label.tolist()}, but the model was trained without labels: leave it out")
        fast = self.temporal(slow[:, :, None, None, None]).flatten(2).mT
        of_slow = self._of_frames(self.slow, repeat(slow, "b d -> b t d", t=self.frames))
        return self.image(of_slow[:, :, :1], self._of_frames(self.fast, fast))

    def latents(self, frames: int, draw: torch.Generator) -> dict[str, Tensor]:
        """Draw z_slow of one clip, (latent_dim,).

        Raises:
            ValueError: for another length than the temporal generator was built for.
        """
        if frames != self.frames:
            raise ValueError(f"frames={frames}, wanted {self.frames}: clips of this model have no other length")
        return {"slow": 2 * torch.rand(self.config.latent_dim, generator=draw) - 1}

    def _of_frames(self, layers: nn.Module, vectors: Tensor) -> Tensor:
        """Vectors (b, t, d) to maps (b, c, t, 4, 4).

        z_slow is one for all frames, but batch norm counts it once for each, as released: its running variance is the
        unbiased one, which depends on that number.
        """
        maps = layers(vectors.flatten(0, 1))
        return rearrange(maps, "(b t) (c h w) -> b c t h w", t=self.frames, h=FIRST, w=FIRST)


def _temporal(before: int, after: int, window: Window, config: GeneratorConfig) -> list[nn.Module]:
    """A layer of the temporal generator."""
    conv = started(TemporalTransposedConv(before, after, window), config.start)
    return [conv, shifted(nn.BatchNorm3d(after, EPS), config.shift), nn.ReLU(inplace=True)]


def _maps(before: int, channels: int) -> nn.Sequential:
    """A linear layer from a vector to maps of 4 x 4 pixels; each pixel has a batch norm of its own."""
    after = channels * FIRST**2
    linear = started(nn.Linear(before, after, bias=False), "uniform")
    return nn.Sequential(linear, nn.BatchNorm1d(after, EPS), nn.ReLU(inplace=True))


def _image(before: int, after: int) -> list[nn.Module]:
    """A layer of the image generator, which doubles height and width; it has no offset."""
    conv = started(SpatialTransposedConv(before, after, DOUBLE), "uniform")
    conv.register_parameter("bias", None)
    return [conv, nn.BatchNorm3d(after, EPS), nn.ReLU(inplace=True)]
