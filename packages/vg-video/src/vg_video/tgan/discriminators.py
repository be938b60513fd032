"""TGAN's discriminator: one 3D net for whole clips, which singular value clipping keeps from growing steep (2.4.1)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from vg_video.autoencoder import Sight
from vg_video.labels import one_hot
from vg_video.tgan.config import MIN_FRAMES, RESOLUTION, VideoDiscriminatorConfig
from vg_video.tgan.layers import EPS, shifted, started

SLOPE = 0.2  # of the leaky ReLUs


class VideoDiscriminator(nn.Module):
    """Clips to scores.

    Four 3D convolutions leave one time for each 16 frames; a 2D convolution gives each a score, and a clip has their
    mean. The one-hot maps of the label join after the first layer, as in the video discriminator of 3.3.2.
    """

    def __init__(self, config: VideoDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.first = nn.Sequential(started(nn.Conv3d(3, w, 4, 2, 1), config.start), nn.LeakyReLU(SLOPE, inplace=True))
        layers: list[nn.Module] = []
        for before, after in pairwise((w, 2 * w, 4 * w, 8 * w)):
            joined = before + (0 if layers else config.classes)
            layers.append(started(nn.Conv3d(joined, after, 4, 2, 1), config.start))
            if config.norm == "batch":
                layers.append(shifted(nn.BatchNorm3d(after, EPS), config.shift))
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        self.rest = nn.Sequential(*layers, started(nn.Conv3d(8 * w, 1, (1, 4, 4)), config.start))

    @property
    def sight(self) -> Sight:
        """What it looks at."""
        return Sight(3, 3, self.config.width, self.config.classes)

    def forward(self, video: Tensor, label: Tensor | None = None) -> Tensor:
        """Judge clips.

        Args:
            video: clips in [-1, 1], (b, 3, t, 64, 64), t >= 16.
            label: class indices, (b,), when the net has classes.
        Returns:
            Scores, (b,), higher for "real".
        Raises:
            ValueError: for another shape, or a label that is missing, unknown, or not wanted.
        """
        b, t, classes = len(video), video.shape[2], self.config.classes
        if video.shape != (b, 3, t, RESOLUTION, RESOLUTION) or t < MIN_FRAMES:
            raise ValueError(
                f"video has shape {tuple(video.shape)}, wanted (b, 3, t >= {MIN_FRAMES}, {RESOLUTION}, {RESOLUTION})"
            )
        if label is not None and not classes:
            raise ValueError(f"label={label.tolist()}, but the video discriminator has no classes")
        features = self.first(video.contiguous(memory_format=torch.channels_last_3d))
        if classes:
            maps = one_hot(label, classes).to(features)[:, :, None, None, None].expand(-1, -1, *features.shape[2:])
            features = torch.cat([features, maps], dim=1)
        return self.rest(features).mean(dim=(1, 2, 3, 4))
