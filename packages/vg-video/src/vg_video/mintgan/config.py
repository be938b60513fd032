"""Settings of MintGAN: the generator and a training run.

Defaults are the thesis' numbers, or StyleGAN2's where the thesis is silent (5.2.2, 5.2.4).
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal, Self

from vg_layers import BankMode, BankOrder
from vg_layers.configs import check_at_least, check_one_of, check_positive

from vg_video.image_discriminator import ImageDiscriminatorConfig, channels_by_size
from vg_video.temporal_pyramid import PyramidConfig
from vg_video.training import TrainingConfig

SYSTEM = "mintgan"


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes and switches of the generator (5.2.2, 5.2.5)."""

    resolution: int = 64  # pixels of a frame, a power of two; 128 in 5.3.6
    frames: int = 16  # of a clip unless another length is asked for
    appearance_dim: int = 512  # length of z_a, and of the state of the GRU, which starts as z_a
    motion_dim: int = 256  # length of each z_m
    style_dim: int = 512  # length of w, and of a direction
    directions: int = 512  # N, at most style_dim
    mapping_layers: int = 8  # of G_A, and of G_M
    mapping_rate: float = 0.01  # their learning rate relative to that of the optimizer
    bank: BankMode = "svd"  # what makes directions of M
    order: BankOrder = "ascending"  # of the singular values of the directions (5.3.4)
    motion_gain: float = 1.0  # factor of the magnitudes A
    leak: float = 0.0  # share of the way from w_0 that is lost at each transition, which keeps long clips near it
    noise: bool = False  # maps of noise after each convolution, the same in all frames of a clip
    channel_base: int = 16384  # maps of n pixels have channel_base / n channels
    max_channels: int = 512  # but no more than this
    upsampling: Literal["smooth", "box"] = "smooth"  # by StyleGAN2's filter [1, 3, 3, 1], or by repeating pixels
    rgb_scale: float = 1.0  # of the weights that make colors of maps, at the start

    def __post_init__(self) -> None:
        check_positive(self, "frames", "appearance_dim", "motion_dim", "style_dim", "directions", "mapping_layers")
        check_positive(self, "mapping_rate", "motion_gain", "rgb_scale")
        check_one_of(self, "upsampling", "smooth", "box")
        if not 0 <= self.leak <= 1:
            raise ValueError(f"leak={self.leak}, wanted 0 to 1")
        _ = self.widths  # refuses a resolution that has none

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of maps of 4, 8, ... pixels, up to those of the frames."""
        return channels_by_size(self.resolution, self.channel_base, self.max_channels)


@dataclass(frozen=True, kw_only=True)
class MintGANConfig(TrainingConfig):
    """Everything a training run of MintGAN depends on, besides its data and its seed (5.2.4, 5.2.5)."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    video_discriminator: PyramidConfig = field(default_factory=PyramidConfig)
    image_discriminator: ImageDiscriminatorConfig = field(default_factory=ImageDiscriminatorConfig)
    steps: int = 50_000  # the thesis does not say; about as many frames as StyleGAN2 sees images
    batch_size: int = 32
    learning_rate: float = 0.002
    betas: tuple[float, float] = (0.0, 0.99)
    r1_weight: float = 10.0
    r1_every: int = 16
    ema_decay: float = 0.5 ** (32 / 10_000)  # 10,000 clips halve the weight of the past
    frames_per_clip: int = 1  # that D_I sees
    pyramid_weight: float = 0.5  # lambda of eq. 5.5
    path_length_weight: float = 0.0  # of StyleGAN2's path length penalty, there 2; 0: none
    path_length_every: int = 4  # steps from one to the next, which counts that many times
    kernel_learning_rate: float | None = None  # of the kernels and the constant of G_S; None: as the rest of G

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "frames_per_clip", "path_length_every")
        check_at_least(self, 0, "pyramid_weight", "path_length_weight")
        if self.kernel_learning_rate is not None:
            check_positive(self, "kernel_learning_rate")
        resolution, frames = self.generator.resolution, self.generator.frames
        for name in ("video_discriminator", "image_discriminator"):
            if (found := getattr(self, name).resolution) != resolution:
                raise ValueError(
                    f"{name}.resolution={found}, wanted {resolution} as in generator.resolution (see with_resolution)"
                )
        if self.video_discriminator.frames != frames:
            raise ValueError(
                f"video_discriminator.frames={self.video_discriminator.frames}, wanted {frames} as in generator.frames"
            )

    def with_resolution(self, resolution: int) -> Self:
        """The same run with frames of so many pixels, for the generator and all discriminators."""
        names = ("generator", "video_discriminator", "image_discriminator")
        nets = {name: dataclasses.replace(getattr(self, name), resolution=resolution) for name in names}
        return dataclasses.replace(self, **nets)
