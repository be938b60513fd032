"""Settings of MoCoGAN's three nets.

The thesis compares with MoCoGAN and gives none of its numbers: these are the released code's.
"""

from dataclasses import dataclass
from typing import Literal

from vg_video.configs import check_at_least, check_distinct, check_one_of, check_positive

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
