"""The two-stream discriminator of G3AN: one net for clips, one for frames (4.3.2)."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from vg_layers import spectral_norm

from vg_video.autoencoder import Sight
from vg_video.g3an.config import MIN_FRAMES, RESOLUTION, ImageDiscriminatorConfig, VideoDiscriminatorConfig
from vg_video.labels import one_hot

Norm = Literal["batch", "spectral", "none"]
Size = tuple[int, ...]
SLOPE = 0.2  # of the leaky ReLUs


class VideoDiscriminator(nn.Module):
    """Clips to logits, five layers of MoCoGAN's 3D net or of the released code's (2+1)D one (4.3.2).

    Both look at 16 frames at a time. In a longer clip each run of 16 frames is judged, and the logit is the mean.
    With classes it tells the label of a clip as well, as MoCoGAN's categorical one does; or it is told the label, by
    one-hot maps that join after the first layer, as in the video discriminator of 3.3.2.
    """

    def __init__(self, config: VideoDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.sight = Sight(3, axes=3, width=config.width, classes=config.classes)
        w, norm = config.width, config.norm
        self.told, told_apart = (0, config.classes) if config.auxiliary else (config.classes, 0)
        self.first = nn.Sequential(*self._stage(3, w, "none" if norm == "batch" else norm))
        self.rest = nn.Sequential(
            *self._stage(w + self.told, 2 * w, norm),
            *self._stage(2 * w, 4 * w, norm),
            *self._stage(4 * w, 8 * w, norm),
            *self._head(8 * w, 1 + told_apart, norm),
        )

    def forward(self, video: Tensor, label: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Judge clips.

        Args:
            video: clips in [-1, 1], (b, 3, t, 64, 64), t >= 16.
            label: class indices, (b,), when the net is told them.
        Returns:
            Logits, (b,), above 0 for "real"; with classes that it tells also theirs, (b, classes).
        Raises:
            ValueError: for another shape, or a label that is missing, unknown, or not wanted.
        """
        b, t = len(video), video.shape[2]
        if video.shape != (b, 3, t, RESOLUTION, RESOLUTION) or t < MIN_FRAMES:
            raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, t >= {MIN_FRAMES}, 64, 64)")
        if label is not None and not self.told:
            raise ValueError(f"label={label.tolist()}, but the video discriminator is told none")
        features = self.first(video.contiguous(memory_format=torch.channels_last_3d))
        if self.told:
            maps = one_hot(label, self.told).to(features)[:, :, None, None, None].expand(-1, -1, *features.shape[2:])
            features = torch.cat([features, maps], dim=1)
        logits = self.rest(features).mean(dim=(2, 3, 4))
        return (logits[:, 0], logits[:, 1:]) if logits.shape[1] > 1 else logits[:, 0]

    def _stage(self, before: int, after: int, norm: Norm) -> list[nn.Module]:
        """Layers that halve height and width and take three frames off."""
        stride, padding = (1, 2, 2), (0, 1, 1)
        if self.config.kind == "3d":
            return _layer(nn.Conv3d(before, after, 4, stride, padding, bias=self.config.norm != "batch"), norm)
        return [
            *_layer(nn.Conv3d(before, after, (1, 4, 4), stride, padding), norm),
            *_layer(nn.Conv3d(after, after, (4, 1, 1)), norm),
        ]

    def _head(self, before: int, outputs: int, norm: Norm) -> list[nn.Module]:
        """Layers from four frames of 4 x 4 to the logits."""
        if self.config.kind == "3d":
            return [_conv(nn.Conv3d(before, outputs, 4, bias=norm != "batch"), norm)]
        return [
            *_layer(nn.Conv3d(before, before, (1, 4, 4)), norm),
            _conv(nn.Conv3d(before, outputs, (4, 1, 1)), norm),
        ]


class ImageDiscriminator(nn.Module):
    """Frames to logits, five 2D layers; it never sees a label (4.3.2)."""

    def __init__(self, config: ImageDiscriminatorConfig) -> None:
        super().__init__()
        self.sight = Sight(3, axes=2, width=config.width)
        w, norm = config.width, config.norm
        channels = (3, w, 2 * w, 4 * w, 8 * w)
        layers = [
            layer for before, after in pairwise(channels) for layer in _layer(nn.Conv2d(before, after, 4, 2, 1), norm)
        ]
        self.net = nn.Sequential(*layers, _conv(nn.Conv2d(8 * w, 1, 4), norm))

    def forward(self, frames: Tensor) -> Tensor:
        """Judge frames in [-1, 1], (b, 3, 64, 64): logits, (b,), above 0 for "real".

        Raises:
            ValueError: for another shape.
        """
        if frames.shape != (len(frames), 3, RESOLUTION, RESOLUTION):
            raise ValueError(f"frames has shape {tuple(frames.shape)}, wanted (b, 3, 64, 64)")
        return self.net(frames.contiguous(memory_format=torch.channels_last)).flatten()


def _conv(conv: nn.Conv2d | nn.Conv3d, norm: Norm) -> nn.Module:
    """The convolution with Kaiming weights and no offset, spectrally normalized if asked for."""
    nn.init.kaiming_normal_(conv.weight, SLOPE)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return spectral_norm(conv) if norm == "spectral" else conv


def _layer(conv: nn.Conv2d | nn.Conv3d, norm: Norm) -> list[nn.Module]:
    """Convolution, batch norm if asked for, and leaky ReLU."""
    batch_norm = [nn.BatchNorm3d(conv.out_channels)] if norm == "batch" else []
    return [_conv(conv, norm), *batch_norm, nn.LeakyReLU(SLOPE, inplace=True)]
