"""The two-stream discriminator of ImaGINator: one net for clips, one for frames (3.3.2, tables 3.2 and 3.3).

`ImageDiscriminator` of `vg_video.g3an` is the net of table 3.2; both systems share it.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from vg_video.g3an.discriminators import SLOPE, ImageDiscriminator
from vg_video.g3an.labels import one_hot
from vg_video.imaginator.config import FRAMES, RESOLUTION, VideoDiscriminatorConfig

__all__ = ["AuxiliaryVideoDiscriminator", "ImageDiscriminator", "VideoDiscriminator"]


class VideoDiscriminator(nn.Module):
    """Clips and labels to logits; one-hot maps of the label join after the first layer (table 3.3, figure 3.7)."""

    def __init__(self, config: VideoDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.first = _first(config.width)
        self.rest = _rest(config.width, labels=config.classes, outputs=1)

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
        features = self.first(_checked(video))
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
        self.first = _first(config.width)
        self.rest = _rest(config.width, labels=0, outputs=1 + config.classes)

    def forward(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Judge and classify clips in [-1, 1], (b, 3, 32, 64, 64).

        Returns:
            Logits, (b,), above 0 for "real"; and those of the classes, (b, classes).
        Raises:
            ValueError: for another shape.
        """
        logits = self.rest(self.first(_checked(video))).flatten(1)
        return logits[:, 0], logits[:, 1:]


def _first(width: int) -> nn.Sequential:
    return nn.Sequential(*_halving(3, width))


def _rest(width: int, *, labels: int, outputs: int) -> nn.Sequential:
    """The layers after the first; the last one sees two frames of 4 x 4 pixels."""
    return nn.Sequential(
        *_halving(width + labels, 2 * width),
        *_halving(2 * width, 4 * width),
        *_halving(4 * width, 8 * width),
        _spectral(nn.Conv3d(8 * width, outputs, (2, 4, 4))),
    )


def _halving(before: int, after: int) -> list[nn.Module]:
    """A layer that halves time, height and width."""
    return [_spectral(nn.Conv3d(before, after, 4, 2, 1)), nn.LeakyReLU(SLOPE, inplace=True)]


def _spectral(conv: nn.Conv3d) -> nn.Module:
    """The convolution with Kaiming weights and no offset, spectrally normalized."""
    nn.init.kaiming_normal_(conv.weight, SLOPE)
    nn.init.zeros_(conv.bias)
    return parametrizations.spectral_norm(conv)


def _checked(video: Tensor) -> Tensor:
    """The clips in channels_last_3d memory, of the wanted shape."""
    if video.shape != (len(video), 3, FRAMES, RESOLUTION, RESOLUTION):
        raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, {FRAMES}, {RESOLUTION}, {RESOLUTION})")
    return video.contiguous(memory_format=torch.channels_last_3d)
