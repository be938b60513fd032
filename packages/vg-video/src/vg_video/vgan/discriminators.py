"""VGAN's discriminator: one 3D net for whole clips (2.4.1)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from vg_video.autoencoder import Sight
from vg_video.labels import one_hot
from vg_video.vgan.config import FRAMES, RESOLUTION, VideoDiscriminatorConfig

SLOPE = 0.2  # of the leaky ReLUs
EPS = 1e-3  # of the batch norms, as released


class VideoDiscriminator(nn.Module):
    """Clips to scores.

    The released net ends with two outputs and a softmax, real against generated. Its cross-entropy is the logistic one
    of their difference, which is the score here. The one-hot maps of the label join after the first layer, as in the
    video discriminator of 3.3.2.
    """

    def __init__(self, config: VideoDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.first = nn.Sequential(_conv(nn.Conv3d(3, w, 4, 2, 1), config), nn.LeakyReLU(SLOPE, inplace=True))
        layers: list[nn.Module] = []
        for before, after in pairwise((w, 2 * w, 4 * w, 8 * w)):
            joined = before + (0 if layers else config.classes)
            layers.append(_conv(nn.Conv3d(joined, after, 4, 2, 1), config))
            if config.norm == "batch":
                norm = nn.BatchNorm3d(after, eps=EPS)
                nn.init.normal_(norm.weight, 1.0, 0.02)
                layers.append(norm)
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        self.rest = nn.Sequential(*layers, _conv(nn.Conv3d(8 * w, 2, (2, 4, 4)), config))

    @property
    def sight(self) -> Sight:
        """What it looks at."""
        return Sight(3, 3, self.config.width, self.config.classes)

    def forward(self, video: Tensor, label: Tensor | None = None) -> Tensor:
        """Judge clips.

        Args:
            video: clips in [-1, 1], (b, 3, 32, 64, 64).
            label: class indices, (b,), when the net has classes.
        Returns:
            Scores, (b,); above 0 for "real".
        Raises:
            ValueError: for another shape, or a label that is missing, unknown, or not wanted.
        """
        b, classes = len(video), self.config.classes
        if video.shape != (b, 3, FRAMES, RESOLUTION, RESOLUTION):
            raise ValueError(
                f"video has shape {tuple(video.shape)}, wanted (b, 3, {FRAMES}, {RESOLUTION}, {RESOLUTION})"
            )
        if label is not None and not classes:
            raise ValueError(f"label={label.tolist()}, but the video discriminator has no classes")
        features = self.first(video.contiguous(memory_format=torch.channels_last_3d))
        if classes:
            maps = one_hot(label, classes).to(features)[:, :, None, None, None].expand(-1, -1, *features.shape[2:])
            features = torch.cat([features, maps], dim=1)
        real, generated = self.rest(features).flatten(1).unbind(1)
        return real - generated


def _conv(conv: nn.Conv3d, config: VideoDiscriminatorConfig) -> nn.Conv3d:
    """The convolution with weights from N(0, 0.01), as released; without batch norm with Kaiming's, which keep size."""
    if config.norm == "batch":
        nn.init.normal_(conv.weight, 0.0, 0.01)
    else:
        nn.init.kaiming_normal_(conv.weight, SLOPE)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
