"""Settings of VGAN: its nets and a training run.

Sizes are those of the released code (cvondrick/videogan): the thesis takes VGAN as it is (5.3.3), and in 3.4.3 lets it
go on from an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from vg_layers.configs import check_at_least, check_distinct, check_one_of

from vg_video.temporal_pyramid import PyramidConfig, host_pyramid
from vg_video.training.config import ConditionalConfig

SYSTEM = "vgan"
RESOLUTION = 64  # pixels (5.3.3)
FRAMES = 32  # of a clip (3.4.3, 5.3.3)


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes of the two-stream generator (2.4.1)."""

    noise_dim: int = 100  # length of z; can be 0 with `image_conditioned`
    widths: tuple[int, int, int, int] = (512, 256, 128, 64)  # channels of the maps of 4, 8, 16 and 32 pixels
    classes: tuple[str, ...] = ()  # names of the labels, beside z as one-hot; empty: no labels
    image_conditioned: bool = False  # go on from an image, read by an encoder of the same widths (3.4.3)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON knows lists only
        object.__setattr__(self, "classes", tuple(self.classes))
        check_distinct(self, "classes")
        if len(self.widths) != 4 or min(self.widths) < 1:
            raise ValueError(f"widths={self.widths}, wanted 4 positive numbers")
        check_at_least(self, 0 if self.image_conditioned else 1, "noise_dim")


@dataclass(frozen=True, kw_only=True)
class VideoDiscriminatorConfig:
    """The discriminator: five 3D convolutions."""

    width: int = 64  # channels of the first layer
    norm: Literal["batch", "none"] = "batch"  # of the three layers in the middle
    classes: int = 0  # number of labels; their one-hot maps join after the first layer

    def __post_init__(self) -> None:
        check_at_least(self, 1, "width")
        check_one_of(self, "norm", "batch", "none")
        check_at_least(self, 0, "classes")


@dataclass(frozen=True, kw_only=True)
class VGANConfig(ConditionalConfig):
    """Everything a training run of VGAN depends on, besides its data and its seed.

    The thesis gives none of these numbers: they are the released code's, but for the steps, which it counts in passes
    over its own data.
    """

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    video_discriminator: VideoDiscriminatorConfig = field(default_factory=VideoDiscriminatorConfig)
    steps: int = 60_000
    batch_size: int = 64
    learning_rate: float = 2e-4
    generator_first: bool = True
    mask_weight: float = 0.1  # of the mean of the mask, which keeps the foreground small
    first_frame_weight: float = 0.0  # of the mean absolute difference of the first frame from the image
    pyramid_speeds: int = 0  # n of a temporal pyramid in the place of D, as in table 5.2; 0: D itself

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(self, 0, "mask_weight", "first_frame_weight", "pyramid_speeds")
        if self.first_frame_weight and not self.generator.image_conditioned:
            raise ValueError(
                f"first_frame_weight={self.first_frame_weight}, wanted 0 unless generator.image_conditioned"
            )
        _ = self.pyramid  # refuses speeds for which clips are too short

    @property
    def pyramid(self) -> PyramidConfig | None:
        """The temporal pyramid in the place of D, with nets as wide as D and its norm; None for D itself."""
        net = self.video_discriminator
        return host_pyramid(
            self.pyramid_speeds,
            frames=FRAMES,
            resolution=RESOLUTION,
            width=net.width,
            norm=net.norm,
            classes=net.classes,
        )


def image_conditioned(classes: Sequence[str] = ()) -> VGANConfig:
    """VGAN that goes on from an image, for the comparison of 3.4.3: the released code's recipe for it.

    Both nets are twice as wide, an encoder takes the place of the noise, and the first frame is held to the image
    instead of the mask to a small area.
    """
    return VGANConfig(
        generator=GeneratorConfig(noise_dim=0, widths=(1024, 512, 256, 128), image_conditioned=True),
        video_discriminator=VideoDiscriminatorConfig(width=128),
        batch_size=32,
        mask_weight=0.0,
        first_frame_weight=10.0,
    ).with_classes(classes)
