"""Settings of TGAN: its nets and a training run.

Sizes are those of the released code (pfnet-research/tgan) with latent vectors of 100 numbers: the thesis takes TGAN as
it is (5.3.3).
"""

from dataclasses import dataclass, field
from typing import Literal

from vg_layers.adversarial import LossKind
from vg_layers.configs import check_at_least, check_distinct, check_one_of, check_positive

from vg_video.temporal_pyramid import PyramidConfig, host_pyramid
from vg_video.training.config import ConditionalConfig

SYSTEM = "tgan"
RESOLUTION = 64  # pixels (5.3.3)
MIN_FRAMES = 16  # that the video discriminator's four halvings reduce to one

Start = Literal["uniform", "lecun"]  # weights from U(-0.01, 0.01), or from N(0, 1 / fan-in)


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes of the temporal generator and the image generator (2.4.1)."""

    latent_dim: int = 100  # length of z_slow, one for a clip, and of z_fast, one for each frame
    temporal_widths: tuple[int, ...] = (512, 256, 128, 128)  # channels at 1, 2, 4, 8, ... codes; each doubles them
    widths: tuple[int, int, int, int, int] = (512, 256, 128, 64, 32)  # channels of the maps of 4, 8, 16, 32, 64 pixels
    classes: tuple[str, ...] = ()  # names of the labels, beside z_slow as one-hot; empty: no labels
    shift: bool = True  # of the temporal generator's batch norms; the released recipes leave it out
    start: Start = "uniform"  # weights of the temporal generator; those of the image generator always are uniform

    def __post_init__(self) -> None:
        for name in ("temporal_widths", "widths", "classes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON knows lists only
        check_positive(self, "latent_dim")
        check_distinct(self, "classes")
        check_one_of(self, "start", "uniform", "lecun")
        if not self.temporal_widths or min(self.temporal_widths) < 1:
            raise ValueError(f"temporal_widths={self.temporal_widths}, wanted positive numbers, one at least")
        if len(self.widths) != 5 or min(self.widths) < 1 or self.widths[0] % 2:
            raise ValueError(f"widths={self.widths}, wanted 5 positive numbers, the first one even")

    @property
    def frames(self) -> int:
        """Frames of a clip: each layer of the temporal generator doubles their number."""
        return 2 ** len(self.temporal_widths)


@dataclass(frozen=True, kw_only=True)
class VideoDiscriminatorConfig:
    """The discriminator: four 3D convolutions, and a 2D one for each time that is left."""

    width: int = 64  # channels of the first layer
    norm: Literal["batch", "none"] = "batch"  # of the three layers in the middle
    shift: bool = True  # of the batch norms; the released recipes leave it out
    start: Start = "uniform"  # weights of all layers
    classes: int = 0  # number of labels; their one-hot maps join after the first layer

    def __post_init__(self) -> None:
        check_at_least(self, 1, "width")
        check_one_of(self, "norm", "batch", "none")
        check_one_of(self, "start", "uniform", "lecun")
        check_at_least(self, 0, "classes")


@dataclass(frozen=True, kw_only=True)
class TGANConfig(ConditionalConfig):
    """Everything a training run of TGAN depends on, besides its data and its seed.

    The thesis gives none of these numbers: they are the released code's, but for the steps, of which it does 300,000 on
    UCF101.
    """

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    video_discriminator: VideoDiscriminatorConfig = field(default_factory=VideoDiscriminatorConfig)
    steps: int = 60_000
    batch_size: int = 32
    learning_rate: float = 5e-5
    optimizer: Literal["rmsprop", "adam"] = "rmsprop"  # betas are those of "adam"
    loss: LossKind = "wgan"
    clip_every: int = 5
    generator_first: bool = True
    pyramid_speeds: int = 0  # n of a temporal pyramid in the place of D, as in table 5.2; 0: D itself

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_of(self, "optimizer", "rmsprop", "adam")
        check_at_least(self, 0, "pyramid_speeds")
        if self.generator.frames < MIN_FRAMES and not self.pyramid_speeds:
            raise ValueError(
                f"generator.temporal_widths gives {self.generator.frames} frames, wanted {MIN_FRAMES} at least"
            )
        _ = self.pyramid  # refuses speeds for which clips are too short

    @property
    def pyramid(self) -> PyramidConfig | None:
        """The temporal pyramid in the place of D, with nets as wide as D and its norm; None for D itself."""
        net = self.video_discriminator
        return host_pyramid(
            self.pyramid_speeds,
            frames=self.generator.frames,
            resolution=RESOLUTION,
            width=net.width,
            norm=net.norm,
            classes=net.classes,
        )
