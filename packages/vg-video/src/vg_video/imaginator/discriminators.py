"""The two-stream discriminator of ImaGINator: one net for clips, one for frames (3.3.2, tables 3.2 and 3.3)."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from vg_layers import spectral_norm

from vg_video.autoencoder import Sight
from vg_video.imaginator.config import FRAMES, RESOLUTION, ImageDiscriminatorConfig, Norm, VideoDiscriminatorConfig
from vg_video.labels import one_hot

C = TypeVar("C", nn.Conv2d, nn.Conv3d)

SLOPE = 0.2  # of the leaky ReLUs


class VideoDiscriminator(nn.Module):
    """Clips and labels to logits; one-hot maps of the label join after the first layer (table 3.3, figure 3.7)."""

    def __init__(self, config: VideoDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.sight = Sight(3, axes=3, width=config.width, classes=config.classes)
        self.first = _first(config)
        self.rest = _rest(config, labels=config.classes, outputs=1)

    def forward(self, video: Tensor, label: Tensor | None = None) -> Tensor:
        """Judge clips.

        Args:
            video: clips in [-1, 1], (b, 3, 32, 64, 64).
            label: class indices, (b,), when the net has classes.
        Returns:
            Logits, (b,); above 0 for "real, and of this label".
        Raises:
            ValueError: for another shape, or a label that is missing, unknown, or not wanted.
        """
        classes = self.config.classes
        if label is not None and not classes:
            raise ValueError(f"label={label.tolist()}, but the video discriminator has no classes")
        _check(video)
        features = self.first(video.contiguous(memory_format=torch.channels_last_3d))
        if classes:
            maps = one_hot(label, classes).to(features)[:, :, None, None, None].expand(-1, -1, *features.shape[2:])
            features = torch.cat([features, maps], dim=1)
        return self.rest(features).flatten()


class AuxiliaryVideoDiscriminator(nn.Module):
    """D_V(ac) of table 3.7: sees no label, but tells it, as in ACGAN (3.4.5)."""

    def __init__(self, config: VideoDiscriminatorConfig) -> None:
        super().__init__()
        if not config.classes:
            raise ValueError("classes=0, wanted at least 1: the auxiliary classifier has nothing to tell")
        self.config = config
        self.sight = Sight(3, axes=3, width=config.width, classes=config.classes)
        self.first = _first(config)
        self.rest = _rest(config, labels=0, outputs=1 + config.classes)

    def forward(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Judge and classify clips in [-1, 1], (b, 3, 32, 64, 64).

        Returns:
            Logits, (b,), above 0 for "real"; and those of the classes, (b, classes).
        Raises:
            ValueError: for another shape.
        """
        _check(video)
        logits = self.rest(self.first(video.contiguous(memory_format=torch.channels_last_3d))).flatten(1)
        return logits[:, 0], logits[:, 1:]


class ImageDiscriminator(nn.Module):
    """Frames to logits; it never sees a label (table 3.2, figure 3.6)."""

    def __init__(self, config: ImageDiscriminatorConfig) -> None:
        super().__init__()
        self.sight = Sight(3, axes=2, width=config.width)
        w, norm = config.width, config.norm
        self.net = nn.Sequential(
            *_layer(nn.Conv2d(3, w, 4, 2, 1), norm),
            *_layer(nn.Conv2d(w, 2 * w, 4, 2, 1), norm),
            *_layer(nn.Conv2d(2 * w, 4 * w, 4, 2, 1), norm),
            *_layer(nn.Conv2d(4 * w, 8 * w, 4, 2, 1), norm),
            _conv(nn.Conv2d(8 * w, 1, 4), norm),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Judge frames in [-1, 1], (b, 3, 64, 64): logits, (b,), above 0 for "real".

        Raises:
            ValueError: for another shape.
        """
        if frames.shape != (len(frames), 3, RESOLUTION, RESOLUTION):
            raise ValueError(f"frames has shape {tuple(frames.shape)}, wanted (b, 3, {RESOLUTION}, {RESOLUTION})")
        return self.net(frames.contiguous(memory_format=torch.channels_last)).flatten()


def _first(config: VideoDiscriminatorConfig) -> nn.Sequential:
    return nn.Sequential(*_layer(nn.Conv3d(3, config.width, 4, 2, 1), config.norm))


def _rest(config: VideoDiscriminatorConfig, *, labels: int, outputs: int) -> nn.Sequential:
    """The layers after the first; the last one sees two frames of 4 x 4 pixels."""
    w, norm = config.width, config.norm
    return nn.Sequential(
        *_layer(nn.Conv3d(w + labels, 2 * w, 4, 2, 1), norm),
        *_layer(nn.Conv3d(2 * w, 4 * w, 4, 2, 1), norm),
        *_layer(nn.Conv3d(4 * w, 8 * w, 4, 2, 1), norm),
        _conv(nn.Conv3d(8 * w, outputs, (2, 4, 4)), norm),
    )


def _layer(conv: C, norm: Norm) -> list[nn.Module]:
    return [_conv(conv, norm), nn.LeakyReLU(SLOPE, inplace=True)]


def _conv(conv: C, norm: Norm) -> C:
    """The convolution with Kaiming weights and no offset, spectrally normalized if asked for."""
    nn.init.kaiming_normal_(conv.weight, SLOPE)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return spectral_norm(conv) if norm == "spectral" else conv


def _check(video: Tensor) -> None:
    if video.shape != (len(video), 3, FRAMES, RESOLUTION, RESOLUTION):
        raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, {FRAMES}, {RESOLUTION}, {RESOLUTION})")
