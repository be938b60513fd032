"""Settings of ImaGINator's three nets.

Defaults are the thesis' numbers, or the released code's where the thesis is silent.
"""

from dataclasses import dataclass
from typing import Literal

from vg_video.configs import check_at_least, check_distinct, check_one_of

SYSTEM = "imaginator"
RESOLUTION = 64  # pixels (3.4.1)
FRAMES = 32  # of a clip (3.4.3)


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes and switches of the generator (3.3.1, table 3.1)."""

    encoder_widths: tuple[int, int, int, int] = (64, 128, 256, 512)  # channels of Conv1 to Conv4
    appearance_dim: int = 100  # length of p, the channels of Conv5
    noise_dim: int = 512  # length of z; 0: no noise (table 3.8)
    decoder_widths: tuple[int, int, int, int] = (512, 256, 128, 64)  # channels of Deconv6-2 to Deconv9-2
    mid_widths: tuple[int, int, int, int, int] = (4096, 3072, 1536, 768, 36)  # M, the channels of Deconv6-1 to 10-1
    classes: tuple[str, ...] = ()  # names of the labels, fed to every decoder block as one-hot; empty: no labels
    convolution: Literal["1+2d", "3d"] = "1+2d"  # of the decoder (table 3.7); "3d" has no use for mid_widths
    equal_parameters: bool = False  # decoder_widths of "3d" such that it weighs as much as "1+2d" (table 3.12)
    fusion: bool = True  # spatio-temporal fusion; False: image and label enter the latent vector alone (table 3.8)
    appearance_norm: bool = True  # batch norm and LeakyReLU after Conv5 too (3.3.4); the released code has none

    def __post_init__(self) -> None:
        for name, count in (("encoder_widths", 4), ("decoder_widths", 4), ("mid_widths", 5)):
            widths = tuple(getattr(self, name))
            object.__setattr__(self, name, widths)  # JSON knows lists only
            if len(widths) != count or min(widths) < 1:
                raise ValueError(f"{name}={widths}, wanted {count} positive numbers")
        object.__setattr__(self, "classes", tuple(self.classes))
        check_distinct(self, "classes")
        check_at_least(self, 1, "appearance_dim")
        check_at_least(self, 0, "noise_dim")
        check_one_of(self, "convolution", "1+2d", "3d")
        if self.equal_parameters and self.convolution != "3d":
            raise ValueError("equal_parameters=True widens a 3d decoder, wanted convolution='3d' with it")


@dataclass(frozen=True, kw_only=True)
class VideoDiscriminatorConfig:
    """The video discriminator (3.3.2, table 3.3)."""

    width: int = 64  # channels of the first layer
    classes: int = 0  # number of labels; their one-hot maps join after the first layer

    def __post_init__(self) -> None:
        check_at_least(self, 1, "width")
        check_at_least(self, 0, "classes")


@dataclass(frozen=True, kw_only=True)
class ImageDiscriminatorConfig:
    """The image discriminator (3.3.2, table 3.2)."""

    width: int = 64  # channels of the first layer

    def __post_init__(self) -> None:
        check_at_least(self, 1, "width")

