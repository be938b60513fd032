"""The temporal pyramid: a 2-D discriminator for each of several speeds at which a clip is looked at (5.2.3).

It takes the place of the video discriminator of any system, as in table 5.2; losses and optimizers stay the system's
own. Each speed is trained as a discriminator of its own: a system that has a pyramid makes its nets by `pyramid_nets`,
and shows them what its video discriminator would have been shown by `pyramid_critics`.
"""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from vg_layers.configs import check_positive

from vg_video.image_discriminator import ImageDiscriminator, ImageDiscriminatorConfig, Norm
from vg_video.training.critic import Critic


@dataclass(frozen=True, kw_only=True)
class PyramidConfig(ImageDiscriminatorConfig):
    """The video discriminators D_V0 to D_V(n-1); all have the net that the inherited settings describe (5.2.3)."""

    speeds: int = 4  # n: strides 1, 2, 4, ... (table 5.3)
    frames: int = 16  # of a clip

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "speeds")
        fastest = self.strides[-1]
        if self.frames % fastest or self.frames < 2 * fastest:
            raise ValueError(
                f"frames={self.frames} with speeds={self.speeds}, wanted a multiple of {fastest}, the largest stride, "
                f"and at least {2 * fastest}: the fastest view needs two frames"
            )

    @property
    def strides(self) -> tuple[int, ...]:
        """Frames from one that a net sees to the next: 1, 2, 4, ..."""
        return tuple(2**speed for speed in range(self.speeds))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nets by their strides: video_discriminator_1, video_discriminator_2, ..."""
        return tuple(f"video_discriminator_{stride}" for stride in self.strides)


def host_pyramid(
    speeds: int, *, frames: int, resolution: int, width: int, norm: Norm, classes: int, auxiliary: bool = False
) -> PyramidConfig | None:
    """Settings of the pyramid in the place of a video discriminator of DCGAN's kind (table 5.2).

    Args:
        speeds: n; 0 leaves the discriminator in its place.
        frames: of a clip.
        resolution: pixels.
        width: channels of the discriminator's first layer.
        norm: its norm.
        classes: number of labels that it is told, or tells.
        auxiliary: whether it tells them.
    Returns:
        Nets as wide as the discriminator and with its norm, or None for no speeds.
    """
    if not speeds:
        return None
    return PyramidConfig(
        speeds=speeds,
        frames=frames,
        resolution=resolution,
        arch="dcgan2d",
        channel_base=width * resolution // 2,
        max_channels=8 * width,
        norm=norm,
        classes=classes,
        auxiliary=auxiliary,
    )


class TemporalPyramid(nn.Module):
    """All speeds in one module, for a training loop of one's own."""

    def __init__(self, config: PyramidConfig) -> None:
        super().__init__()
        self.config = config
        self.nets = nn.ModuleDict(pyramid_nets(config))

    def views(self, video: Tensor) -> dict[str, Tensor]:
        """What each net sees of clips; see `pyramid_views`."""
        return pyramid_views(self.config, video)

    def forward(self, video: Tensor, label: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Judge clips at all speeds.

        Args:
            video: clips in [-1, 1], (b, 3, t, h, w).
            label: class indices, (b,), when the nets have classes and do not tell them themselves.
        Returns:
            Scores, (b, n), the slowest speed first; with `auxiliary` also logits of the classes, (b, n, classes).
        Raises:
            ValueError: for another shape, or a label that is missing, unknown, or not wanted.
        """
        judged = [self.nets[name](view, label) for name, view in self.views(video).items()]
        if self.config.auxiliary:
            scores, classes = zip(*judged, strict=True)
            return torch.stack(scores, dim=1), torch.stack(classes, dim=1)
        return torch.stack(judged, dim=1)


def pyramid_nets(config: PyramidConfig) -> dict[str, nn.Module]:
    """Make the net of each speed, by name, to stand in the place of "video_discriminator" among a system's nets."""
    return {
        name: ImageDiscriminator(config, 3 * (config.frames // stride))
        for name, stride in zip(config.names, config.strides, strict=True)
    }


def pyramid_views(config: PyramidConfig, video: Tensor) -> dict[str, Tensor]:
    """Show clips at all speeds, time to channel (TtoC, 5.2.3).

    Args:
        config: speeds, and the size of clips.
        video: clips, (b, 3, t, h, w).
    Returns:
        By the name of its net, for each stride s the frames 0, s, 2s, ... one after another as channels,
        (b, 3 t / s, h, w).
    Raises:
        ValueError: for another shape.
    """
    wanted = (len(video), 3, config.frames, config.resolution, config.resolution)
    if video.shape != wanted:
        raise ValueError(f"video has shape {tuple(video.shape)}, wanted {wanted}")
    return {
        name: video[:, :, ::stride].transpose(1, 2).flatten(1, 2)
        for name, stride in zip(config.names, config.strides, strict=True)
    }


def pyramid_critics(config: PyramidConfig, critic: Critic) -> list[Critic]:
    """Show the nets of all speeds what a video discriminator is shown in a training step.

    Args:
        config: speeds, and the size of clips.
        critic: of a video discriminator: real and generated clips, labels, and the weight, which each speed then has.
    Raises:
        ValueError: for clips of another shape.
    """
    real, fake = pyramid_views(config, critic.real), pyramid_views(config, critic.fake)
    return [dataclasses.replace(critic, name=name, real=real[name], fake=fake[name]) for name in config.names]
