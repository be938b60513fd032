"""Settings of ImaGINator: the three nets and a training run.

Defaults are the thesis' numbers, or the released code's where the thesis is silent.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from vg_layers.configs import check_at_least, check_distinct, check_one_of

from vg_video.training.config import ConditionalConfig

Norm = Literal["spectral", "none"]
Judges = Literal["both", "video", "image", "none"]

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
    norm: Norm = "spectral"
    classes: int = 0  # number of labels; their one-hot maps join after the first layer

    def __post_init__(self) -> None:
        check_at_least(self, 1, "width")
        check_one_of(self, "norm", "spectral", "none")
        check_at_least(self, 0, "classes")


@dataclass(frozen=True, kw_only=True)
class ImageDiscriminatorConfig:
    """The image discriminator (3.3.2, table 3.2)."""

    width: int = 64  # channels of the first layer
    norm: Norm = "spectral"

    def __post_init__(self) -> None:
        check_at_least(self, 1, "width")
        check_one_of(self, "norm", "spectral", "none")


@dataclass(frozen=True, kw_only=True)
class ImaGINatorConfig(ConditionalConfig):
    """Everything a training run of ImaGINator depends on, besides its data and its seed (3.3.3, 3.3.5)."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    video_discriminator: VideoDiscriminatorConfig = field(default_factory=VideoDiscriminatorConfig)
    image_discriminator: ImageDiscriminatorConfig = field(default_factory=ImageDiscriminatorConfig)
    judges: Judges = "both"  # the discriminators that there are (table 3.7, table 3.9)
    steps: int = 55_000  # the thesis does not say; the released code does as many on MUG
    batch_size: int = 64  # clips a step, over all processes; likewise
    learning_rate: float = 2e-4  # of G
    discriminator_learning_rate: float | None = 5e-5  # of D_I and D_V
    frames_per_clip: int = 16  # N of 3.3.2: frames of each clip that D_I sees
    reconstruction_weight: float = 1e-3  # lambda of eq. 3.1, on the sum of eq. 3.4; 0: adversarial losses only
    wrong_labels: bool = True  # D_V also refuses real clips with wrong labels (algorithm 1)
    auxiliary_classifier: bool = False  # D_V(ac) of table 3.7: with labels, D_V tells them instead of being told them

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(self, 0, "reconstruction_weight")
        if not 1 <= self.frames_per_clip <= FRAMES:
            raise ValueError(f"frames_per_clip={self.frames_per_clip}, wanted 1 to {FRAMES}")
        if self.generator.appearance_norm and self.batch_size < 2 * self.accumulate:
            raise ValueError(
                f"batch_size={self.batch_size} in accumulate={self.accumulate} parts, wanted two clips a part: "
                "the batch norm of Conv5 has one value a clip"
            )
        check_one_of(self, "judges", *get_args(Judges))
        if self.judges == "none" and not self.reconstruction_weight:
            raise ValueError("reconstruction_weight=0 with judges='none', wanted one of them: G would learn nothing")
        if self.auxiliary_classifier and self.judges not in ("both", "video"):
            raise ValueError(
                f"auxiliary_classifier=True with judges={self.judges!r}, wanted a video discriminator that tells labels"
            )

    @property
    def tells_labels(self) -> bool:
        """Whether D_V tells labels; the autoencoder that BEGAN has in its place is told them."""
        return self.auxiliary_classifier and self.video_discriminator.classes > 0 and self.loss != "began"
