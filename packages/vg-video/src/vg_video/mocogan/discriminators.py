"""MoCoGAN's discriminators: D_V for clips, which also tells their labels, and D_I for frames."""

from torch import Tensor, nn

from vg_video.autoencoder import Sight
from vg_video.mocogan.config import RESOLUTION, RUN, ImageDiscriminatorConfig, VideoDiscriminatorConfig
from vg_video.mocogan.layers import judging_layers


class VideoDiscriminator(nn.Module):
    """Clips to logits, and to those of their labels when it has classes; no label goes in.

    It looks at runs of 16 frames. In a longer clip (32 frames in 3.4.3) each run is judged and classified, and the
    result is the mean over the runs.
    """

    def __init__(self, config: VideoDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.sight = Sight(3, axes=3, width=config.width, classes=config.classes)
        self.net = judging_layers(
            3,
            _widths(config),
            1 + config.classes,
            patch=config.patch,
            norm=config.norm,
            noise=config.noise,
        )

    def forward(self, video: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Judge clips in [-1, 1], (b, 3, t, 64, 64) with t >= 16.

        Returns:
            Logits, (b,), above 0 for "real", or with `patch` one for each part of the clip, (b, t - 12, 4, 4). With
            classes, those and the logits of the classes, (b, classes).
        Raises:
            ValueError: for another shape.
        """
        b, t = len(video), video.shape[2] if video.ndim == 5 else 0
        if t < RUN or video.shape != (b, 3, t, RESOLUTION, RESOLUTION):
            raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, t >= {RUN}, 64, 64)")
        logits = self.net(video)
        scores = logits[:, 0] if self.config.patch else logits[:, 0].mean(dim=(1, 2, 3))
        return (scores, logits[:, 1:].mean(dim=(2, 3, 4))) if self.config.classes else scores


class ImageDiscriminator(nn.Module):
    """Frames to logits; it knows no labels."""

    def __init__(self, config: ImageDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.sight = Sight(3, axes=2, width=config.width)
        self.net = judging_layers(2, _widths(config), 1, patch=config.patch, norm=config.norm, noise=config.noise)

    def forward(self, frames: Tensor) -> Tensor:
        """Judge frames in [-1, 1], (b, 3, 64, 64).

        Returns:
            Logits, above 0 for "real": one for each part of the frame, (b, 4, 4), or without `patch` (b,).
        Raises:
            ValueError: for another shape.
        """
        if frames.shape != (len(frames), 3, RESOLUTION, RESOLUTION):
            raise ValueError(f"frames has shape {tuple(frames.shape)}, wanted (b, 3, 64, 64)")
        logits = self.net(frames)
        return logits[:, 0] if self.config.patch else logits.flatten()


def _widths(config: VideoDiscriminatorConfig | ImageDiscriminatorConfig) -> list[int]:
    """Channels of all layers but the last."""
    return [config.width * 2**level for level in range(3 if config.patch else 4)]
