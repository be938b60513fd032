"""Settings of G3AN: the three nets and a training run.

Defaults are the thesis' numbers, or the released code's where the thesis is silent.
"""

from dataclasses import dataclass, field
from typing import Literal

from vg_layers.configs import check_at_least, check_distinct, check_one_of, check_positive
from vg_layers.conv import ConvKind

from vg_video.temporal_pyramid import PyramidConfig, host_pyramid
from vg_video.training.config import ConditionalConfig

SYSTEM = "g3an"
RESOLUTION = 64  # pixels; five modules, the first 1 -> 4, the others doubling (4.4.1)
MIN_FRAMES = 16  # frames that one motion vector gives (4.4.1)


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes and switches of the three-stream generator (4.3.1, 4.4.1)."""

    appearance_dim: int = 128  # length of z_a
    motion_dim: int = 10  # length of each vector of z_m
    widths: tuple[int, int, int, int, int] = (512, 512, 256, 128, 64)  # channels a stream, by module
    classes: tuple[str, ...] = ()  # names of the labels, fed to G_T as one-hot (4.4.5); empty: no labels
    convolution: ConvKind = "1+2d"  # of the video stream (table 4.4)
    equal_parameters: bool = (
        False  # M of a factorized convolution such that it weighs as much as the 3D one (table 4.4)
    )
    spatial_stream: bool = True  # G_S; False leaves its map out of the fusion (table 4.3)
    temporal_stream: bool = True  # G_T; likewise
    attention_after: int | None = 3  # module whose fused map goes through F-SA, 0 to 4, or None (table 4.5)
    official_reshape: bool = False  # F-SA with the released code's reshape instead of eq. 4.2 and 4.4
    spectral_norm: bool = True  # on the transposed convolutions and in F-SA, as the released code

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON knows lists only
        object.__setattr__(self, "classes", tuple(self.classes))
        if len(self.widths) != 5:
            raise ValueError(f"widths has {len(self.widths)} entries, wanted 5 (one a module): {self.widths}")
        check_positive(self, "appearance_dim", "motion_dim")
        if min(self.widths) < 1:
            raise ValueError(f"widths={self.widths}, wanted positive numbers")
        check_one_of(self, "convolution", "1+2d", "2+1d", "3d")
        check_distinct(self, "classes")
        if self.classes and not self.temporal_stream:
            raise ValueError(
                "temporal_stream=False with classes, wanted True: the label enters through G_T alone (4.4.5)"
            )
        if self.attention_after not in (None, 0, 1, 2, 3, 4):
            raise ValueError(f"attention_after={self.attention_after}, wanted a module from 0 to 4, or None")


@dataclass(frozen=True, kw_only=True)
class VideoDiscriminatorConfig:
    """The video discriminator: MoCoGAN's 3D one (4.3.2), or the released code's (2+1)D one with spectral norm."""

    kind: Literal["3d", "2+1d"] = "3d"
    width: int = 64  # channels of the first layer
    norm: Literal["batch", "spectral", "none"] = "batch"
    classes: int = 0  # number of labels that it tells, or is told
    auxiliary: bool = True  # it tells labels, as MoCoGAN's; False: it is told them, by one-hot maps as in 3.3.2

    def __post_init__(self) -> None:
        check_one_of(self, "kind", "3d", "2+1d")
        check_one_of(self, "norm", "batch", "spectral", "none")
        check_positive(self, "width")
        check_at_least(self, 0, "classes")


@dataclass(frozen=True, kw_only=True)
class ImageDiscriminatorConfig:
    """The image discriminator (4.3.2)."""

    width: int = 64  # channels of the first layer
    norm: Literal["spectral", "none"] = "spectral"

    def __post_init__(self) -> None:
        check_one_of(self, "norm", "spectral", "none")
        check_positive(self, "width")


@dataclass(frozen=True, kw_only=True)
class G3ANConfig(ConditionalConfig):
    """Everything a training run of G3AN depends on, besides its data and its seed (4.3.3, 4.4.1)."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    video_discriminator: VideoDiscriminatorConfig = field(default_factory=VideoDiscriminatorConfig)
    image_discriminator: ImageDiscriminatorConfig = field(default_factory=ImageDiscriminatorConfig)
    steps: int = 60_000  # the thesis does not say; the released code does about as many on UvA-NEMO
    batch_size: int = 96  # likewise
    learning_rate: float = 2e-4  # of all three nets
    frames_per_clip: int = 1  # T of 4.4.1: frames of each clip that D_I sees
    wrong_labels: bool = True  # a D_V that is told labels also refuses real clips with wrong ones (algorithm 1)
    pyramid_speeds: int = 0  # n of a temporal pyramid in the place of D_V, as in table 5.2; 0: D_V itself

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "frames_per_clip")
        check_at_least(self, 0, "pyramid_speeds")

    @property
    def tells_labels(self) -> bool:
        """Whether D_V tells labels; the autoencoder that BEGAN has in its place is told them."""
        net = self.video_discriminator
        return net.auxiliary and net.classes > 0 and self.loss != "began"

    @property
    def pyramid(self) -> PyramidConfig | None:
        """The temporal pyramid in the place of D_V, with nets as wide as D_V and its norm; None for D_V itself."""
        net = self.video_discriminator
        return host_pyramid(
            self.pyramid_speeds,
            frames=MIN_FRAMES,
            resolution=RESOLUTION,
            width=net.width,
            norm=net.norm,
            classes=net.classes,
            auxiliary=self.tells_labels,
        )


def motion_length(frames: int) -> int:
    """Motion vectors that give a clip of so many frames: frames = 4 (l + 3).

    Raises:
        ValueError: if no number of vectors gives that many; it names the nearest that exist.
    """
    if frames >= MIN_FRAMES and frames % 4 == 0:
        return frames // 4 - 3
    below = max(MIN_FRAMES, frames // 4 * 4)
    nearest = f"{below}" if frames < MIN_FRAMES else f"{below} or {below + 4}"
    raise ValueError(f"frames={frames}, wanted 16, 20, 24, ... (nearest: {nearest})")
