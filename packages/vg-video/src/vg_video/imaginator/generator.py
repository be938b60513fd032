"""ImaGINator's generator: an image encoder, and a video decoder that keeps looking at the encoder's maps (3.3.1)."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from vg_layers.conv import ConvBlock, SpatialTransposedConv, TemporalTransposedConv, TransposedConv, Window

from vg_video.generator import VideoGenerator
from vg_video.imaginator.config import FRAMES, RESOLUTION, SYSTEM, GeneratorConfig
from vg_video.labels import one_hot

# Windows of the five decoder blocks: along time 1 -> 2 -> 4 -> ... -> 32 frames, along space 1 -> 4 -> 8 -> ... -> 64.
DOUBLE = Window(4, 2, 1)
TEMPORAL = (Window(2), DOUBLE, DOUBLE, DOUBLE, DOUBLE)
SPATIAL = (Window(4), DOUBLE, DOUBLE, DOUBLE, DOUBLE)
SLOPE = 0.2  # of the leaky ReLUs


class Generator(VideoGenerator, library_name="vg-video", tags=["video-generation", "imaginator"]):
    """An image, a label and noise to a video that goes on from the image (3.3.1, table 3.1, figure 3.5)."""

    system = SYSTEM
    frames = FRAMES
    resolution = RESOLUTION
    takes_image = True

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        halving = [_conv(*widths, DOUBLE) for widths in pairwise((3, *config.encoder_widths))]
        last = _conv(config.encoder_widths[-1], config.appearance_dim, Window(4))
        self.encoder = nn.ModuleList(nn.Sequential(*_normed(conv)) for conv in halving)
        self.encoder.append(nn.Sequential(*_normed(last) if config.appearance_norm else [last]))
        self.decoder = nn.ModuleList(
            _decoder_block(config, level, before, after)
            for level, (before, after) in enumerate(decoder_channels(config))
        )

    def forward(self, image: Tensor, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """Generate clips.

        Args:
            image: c_a in [-1, 1], (b, 3, 64, 64).
            noise: z, standard normal, (b, noise_dim).
            label: c_m as class indices, (b,), when the model has classes.
        Returns:
            Video in [-1, 1], (b, 3, 32, 64, 64).
        Raises:
            ValueError: if a shape is not as above, or the label is missing, or given to a model without classes.
        """
        labels = self._checked_labels(image, noise, label)[:, :, None, None, None]
        features = image.contiguous(memory_format=torch.channels_last)
        maps = []
        for level in self.encoder:
            features = level(features)
            maps.append(features.unsqueeze(2))  # one frame, which stands for all times
        *skips, appearance = maps
        first, *rest = cast(Iterable[ConvBlock], self.decoder)
        video = first(torch.cat([noise[:, :, None, None, None], labels, appearance], dim=1))
        for block, skip in zip(rest, reversed(skips), strict=True):
            if self.config.fusion:
                still = torch.cat([skip, labels.expand(-1, -1, -1, *skip.shape[3:])], dim=1)
                video = block(video, still)
            else:
                video = block(video)
        return video.tanh()

    def _checked_labels(self, image: Tensor, noise: Tensor, label: Tensor | None) -> Tensor:
        """Refuse inputs of other shapes; one-hot labels, (b, classes)."""
        b, classes = len(image), len(self.config.classes)
        if image.shape != (b, 3, RESOLUTION, RESOLUTION):
            raise ValueError(f"image has shape {tuple(image.shape)}, wanted (b, 3, {RESOLUTION}, {RESOLUTION})")
        if noise.shape != (b, self.config.noise_dim):
            raise ValueError(f"noise has shape {tuple(noise.shape)}, wanted ({b}, {self.config.noise_dim})")
        if classes:
            return one_hot(label, classes).to(noise)
        if label is not None:
            raise ValueError(f"label={label.tolist()}, but the model was trained without labels: leave it out")
        return noise.new_zeros(b, 0)

    def latents(self, frames: int, draw: torch.Generator) -> dict[str, Tensor]:
        """Draw z of one clip, (noise_dim,).

        Raises:
            ValueError: for another length than 32 frames, the only one that the decoder makes (3.4.3).
        """
        if frames != FRAMES:
            raise ValueError(f"frames={frames}, wanted {FRAMES}: clips of ImaGINator have no other length")
        return {"noise": torch.randn(self.config.noise_dim, generator=draw)}


def decoder_channels(config: GeneratorConfig) -> list[tuple[int, int]]:
    """Channels that enter and leave each of the five decoder blocks (table 3.1).

    With `equal_parameters` all widths are multiplied by the one factor with which the 3D decoder weighs as much as the
    (1+2)D one of the given widths, as in table 3.12.
    """
    widths = config.decoder_widths
    if not config.equal_parameters:
        return _joined(config, widths)
    wanted = _weight(config, widths, "1+2d")
    scaled = ([max(1, round(width * n / widths[0])) for width in widths] for n in range(1, 8 * widths[0]))
    return _joined(config, min(scaled, key=lambda candidate: abs(_weight(config, candidate, "3d") - wanted)))


def _joined(config: GeneratorConfig, widths: Sequence[int]) -> list[tuple[int, int]]:
    """Channels of the blocks when what stands beside each map is counted."""
    labels = len(config.classes)
    still = [width + labels if config.fusion else 0 for width in reversed(config.encoder_widths)]
    latent = config.noise_dim + labels + config.appearance_dim
    before = [latent, *(width + beside for width, beside in zip(widths, still, strict=True))]
    return list(zip(before, [*widths, 3], strict=True))


def _weight(config: GeneratorConfig, widths: Sequence[int], convolution: str) -> int:
    """Parameters of a decoder: weights, biases, and scales and shifts of batch norm."""
    total = -2 * 3  # no batch norm stands at the end
    for level, (before, after) in enumerate(_joined(config, widths)):
        time, space, mid = TEMPORAL[level].kernel, SPATIAL[level].kernel ** 2, config.mid_widths[level]
        if convolution == "3d":
            total += before * after * time * space + 3 * after
        else:
            total += before * mid * time + 3 * mid + mid * after * space + 3 * after
    return total


def _decoder_block(config: GeneratorConfig, level: int, before: int, after: int) -> ConvBlock:
    """One transposed (1+2)D or 3D convolution with its norms; the last block ends with a convolution."""
    temporal, spatial, mid = TEMPORAL[level], SPATIAL[level], config.mid_widths[level]
    if config.convolution == "3d":
        layers: list[nn.Module] = []
        last = TransposedConv(before, after, temporal, spatial)
    else:
        layers = _normed(TemporalTransposedConv(before, mid, temporal))
        last = SpatialTransposedConv(mid, after, spatial)
    return ConvBlock(*layers, *([last] if level == 4 else _normed(last)))


def _normed(conv: nn.Conv2d | TransposedConv) -> list[nn.Module]:
    """The convolution, batch norm with scales from N(1, 0.02), and leaky ReLU."""
    norm = nn.BatchNorm2d(conv.out_channels) if isinstance(conv, nn.Conv2d) else nn.BatchNorm3d(conv.out_channels)
    nn.init.normal_(norm.weight, 1.0, 0.02)
    return [conv, norm, nn.LeakyReLU(SLOPE, inplace=True)]


def _conv(before: int, after: int, window: Window) -> nn.Conv2d:
    """A convolution of the encoder, with weights from N(0, 0.02)."""
    conv = nn.Conv2d(before, after, *window)
    nn.init.normal_(conv.weight, 0.0, 0.02)
    return conv
