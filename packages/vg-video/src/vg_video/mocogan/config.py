"""Settings of MoCoGAN: the three nets and a training run.

The thesis compares with MoCoGAN and gives none of its numbers: these are the released code's (sergeytulyakov/mocogan).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from vg_layers.configs import check_at_least, check_distinct, check_one_of, check_positive

from vg_video.temporal_pyramid import PyramidConfig, host_pyramid
from vg_video.training.config import ConditionalConfig

SYSTEM = "mocogan"
RESOLUTION = 64  # pixels (3.4.3, 5.3.3)
RUN = 16  # frames that D_V looks at at a time; what 5.3.3 generates


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes and switches of the generator."""

    frames: int = RUN  # of a clip unless another length is asked for; 32 in 3.4.3
    content_dim: int = 50  # length of z_C, which stays the same in a clip
    motion_dim: int = 10  # length of z_M, which each frame has its own of
    widths: tuple[int, int, int, int] = (512, 256, 128, 64)  # channels of the maps of 4, 8, 16 and 32 pixels
    classes: tuple[str, ...] = ()  # names of the labels, joined to each frame's vector as one-hot; empty: no labels
    image_conditioned: bool = False  # content and first motion come from an image instead of noise (3.4.3)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON knows lists only
        object.__setattr__(self, "classes", tuple(self.classes))
        if len(self.widths) != 4 or min(self.widths) < 1:
            raise ValueError(f"widths={self.widths}, wanted 4 positive numbers")
        check_positive(self, "frames", "content_dim", "motion_dim")
        check_distinct(self, "classes")


@dataclass(frozen=True, kw_only=True)
class VideoDiscriminatorConfig:
    """The video discriminator D_V, which also tells the labels of clips."""

    width: int = 64  # channels of the first layer
    classes: int = 0  # number of labels that it tells
    patch: bool = False  # a score for each part of a clip instead of one for all
    norm: Literal["batch", "none"] = "batch"  # in all layers but the first and the last
    noise: float = 0.0  # standard deviation of what is added before the convolutions in training; released: 0 or 0.1

    def __post_init__(self) -> None:
        check_positive(self, "width")
        check_at_least(self, 0, "classes", "noise")
        check_one_of(self, "norm", "batch", "none")


@dataclass(frozen=True, kw_only=True)
class ImageDiscriminatorConfig:
    """The image discriminator D_I."""

    width: int = 64  # channels of the first layer
    patch: bool = True  # a score for each part of a frame instead of one for all
    norm: Literal["batch", "none"] = "batch"  # in all layers but the first and the last
    noise: float = 0.0  # standard deviation of what is added before the convolutions in training; released: 0 or 0.1

    def __post_init__(self) -> None:
        check_positive(self, "width")
        check_at_least(self, 0, "noise")
        check_one_of(self, "norm", "batch", "none")


@dataclass(frozen=True, kw_only=True)
class MoCoGANConfig(ConditionalConfig):
    """Everything a training run of MoCoGAN depends on, besides its data and its seed."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    video_discriminator: VideoDiscriminatorConfig = field(default_factory=VideoDiscriminatorConfig)
    image_discriminator: ImageDiscriminatorConfig = field(default_factory=ImageDiscriminatorConfig)
    steps: int = 100_000
    batch_size: int = 32
    learning_rate: float = 2e-4  # of all three nets
    weight_decay: float = 1e-5  # of Adam, likewise
    frames_per_clip: int = 1  # that D_I sees
    first_frame_weight: float = 0.0  # of the mean absolute difference of the first frame from the image
    pyramid_speeds: int = 0  # n of a temporal pyramid in the place of D_V, as in table 5.2; 0: D_V itself

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "frames_per_clip")
        check_at_least(self, 0, "weight_decay", "first_frame_weight", "pyramid_speeds")
        if self.first_frame_weight and not self.generator.image_conditioned:
            raise ValueError(
                f"first_frame_weight={self.first_frame_weight}, wanted 0 unless generator.image_conditioned"
            )
        if self.pyramid_speeds and (self.video_discriminator.patch or self.video_discriminator.noise):
            raise ValueError("video_discriminator has patches or noise, wanted none: a temporal pyramid has neither")
        _ = self.pyramid

    @property
    def tells_labels(self) -> bool:
        """Whether the video discriminator tells labels; the autoencoder that BEGAN has in its place is told them."""
        return self.video_discriminator.classes > 0 and self.loss != "began"

    @property
    def pyramid(self) -> PyramidConfig | None:
        """The temporal pyramid in the place of D_V, with nets as wide as D_V and its norm; None for D_V itself."""
        net = self.video_discriminator
        return host_pyramid(
            self.pyramid_speeds,
            frames=self.generator.frames,
            resolution=RESOLUTION,
            width=net.width,
            norm=net.norm,
            classes=net.classes,
            auxiliary=self.tells_labels,
        )


def image_conditioned(classes: Sequence[str] = ()) -> MoCoGANConfig:
    """MoCoGAN that goes on from an image, with clips of 32 frames, for the comparison of 3.4.3.

    The thesis does not say how it was done: an encoder takes the place of the content noise, and the first frame is
    held to the image with the weight that VGAN's released code has for it.
    """
    generator = GeneratorConfig(frames=32, image_conditioned=True)
    return MoCoGANConfig(generator=generator, first_frame_weight=10.0).with_classes(classes)
