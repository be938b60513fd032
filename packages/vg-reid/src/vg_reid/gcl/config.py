"""Settings of GCL; the defaults are the thesis' own (6.4.2), `official` are those of the released code."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from vg_layers.configs import check_at_least, check_one_of, check_positive

from vg_reid.contrastive import TERMS, Term
from vg_reid.discriminator import DiscriminatorConfig
from vg_reid.encoder import EncoderConfig
from vg_reid.generative import GenerativeConfig
from vg_reid.generator import GeneratorConfig
from vg_reid.mesh.rotate import AZIMUTHS, OFFICIAL_AZIMUTHS
from vg_reid.pseudo import Rule

Pass = Literal["original", "reconstructed", "new", "cycle"]
"""A pass of E_id: over x, x'_ori, x'_new or x''_ori."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The View Contrast module (6.3.2)."""

    terms: tuple[Term, ...] = TERMS  # eq. 6.6 to eq. 6.8; none: generation without contrast
    temperature: float = 0.04  # tau
    negatives: int = 8192  # K; all there are when there are fewer
    negatives_from: Literal["generated", "original"] = "generated"
    momentum: float = 0.2  # alpha of eq. 6.5
    released: bool = False  # the pairs of the released code: see `view_losses`

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(self.terms))  # JSON knows lists only
        if unknown := set(self.terms) - set(TERMS):
            raise ValueError(f"terms have {sorted(unknown)}, wanted some of {', '.join(TERMS)}")
        if self.temperature <= 0 or self.negatives < 1:
            raise ValueError(
                f"temperature={self.temperature}, negatives={self.negatives}, wanted above 0 and at least 1"
            )
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum={self.momentum:g}, wanted at least 0 and below 1")
        if self.negatives_from not in ("generated", "original"):
            raise ValueError(f"negatives_from={self.negatives_from!r}, wanted 'generated' or 'original'")


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """Pseudo labels, renewed at the start of each epoch of the joint training (6.3.2)."""

    rule: Rule = "share"
    share: float = 2e-3  # of the smallest distances, whose mean is eps: the thesis' "density radius"
    eps: float = 0.5  # of the rule "fixed"
    min_samples: int = 4
    k1: int = 30
    k2: int = 6

    def __post_init__(self) -> None:
        check_one_of(self, "rule", *get_args(Rule))
        check_at_least(self, 1, "min_samples")
        if not 0 < self.share <= 1:
            raise ValueError(f"share={self.share:g}, wanted above 0 and at most 1")
        if not 0 <= self.eps < 1:
            raise ValueError(f"eps={self.eps:g}, wanted at least 0 and below 1")
        if not 1 <= self.k2 <= self.k1:
            raise ValueError(f"k2={self.k2}, wanted 1 to k1={self.k1}")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast (6.3.3, 6.4.2)."""

    warm_up_epochs: int = 40  # stage 2: E_id is fixed
    joint_epochs: int = 20  # stage 3
    epoch_steps: int = 0  # steps of an epoch at most; 0: as many as there are batches
    batch_size: int = 16
    learning_rate: float = 1e-4  # Adam's, of E_str, G and D
    encoder_rate: float = 3.5e-4  # SGD's, of E_id
    betas: tuple[float, float] = (0.0, 0.999)  # of Adam; what the thesis does not say is the released code's
    momentum: float = 0.9  # Nesterov's, of SGD
    weight_decay: float = 5e-4
    decay: float = 0.1  # of the rates in the joint training
    decay_after: int = 10  # epochs of it
    decay_all: bool = True  # False: E_id's rate alone falls, as in the released code

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))  # JSON knows lists only
        check_at_least(self, 0, "warm_up_epochs", "joint_epochs", "epoch_steps", "decay_after")
        check_positive(self, "learning_rate", "encoder_rate", "decay")
        if self.batch_size < 2:
            raise ValueError(f"batch_size={self.batch_size}, wanted at least 2: batch norm has nothing to compare in 1")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas={self.betas}, wanted two numbers from 0 to below 1")

    @property
    def epochs(self) -> int:
        """Of both stages."""
        return self.warm_up_epochs + self.joint_epochs


@dataclass(frozen=True, kw_only=True)
class GCLConfig:
    """All settings of stages 2 and 3."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    generation: bool = True  # False: contrast without generation (6.4.3), no stage 2
    generative: GenerativeConfig = field(default_factory=GenerativeConfig)  # L_gan
    azimuths: tuple[int, ...] = AZIMUTHS  # degrees of a new view (6.3.1)
    contrast: Contrast = field(default_factory=Contrast)
    clusters: Clustering = field(default_factory=Clustering)
    schedule: Schedule = field(default_factory=Schedule)
    norm_updates: tuple[Pass, ...] = ("original", "new", "cycle")  # passes of E_id that move running batch statistics

    def __post_init__(self) -> None:
        for name in ("azimuths", "norm_updates"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON knows lists only
        if not self.azimuths:
            raise ValueError("azimuths are empty, wanted one or more angles in degrees")
        if unknown := set(self.norm_updates) - set(get_args(Pass)):
            raise ValueError(f"norm_updates has {sorted(unknown)}, wanted some of {', '.join(get_args(Pass))}")
        if not self.generation and not self.contrast.terms:
            raise ValueError("neither generation nor terms of contrast, wanted one of them at least")
        encoder, generator = self.encoder, self.generator
        if (encoder.height, encoder.width) != (generator.height, generator.width):
            raise ValueError(
                f"the generator makes {generator.height}x{generator.width} pixels, "
                f"wanted {encoder.height}x{encoder.width} as E_id reads"
            )
        if encoder.code_dim != generator.decoder.code_dim:
            raise ValueError(
                f"generator.decoder.code_dim={generator.decoder.code_dim}, wanted {encoder.code_dim} as E_id gives"
            )


def official() -> GCLConfig:
    """What the released code does where it differs from the thesis.

    The adversarial loss is of least squares with R1, eq. 6.2 compares x'_ori instead of x'_new, no new view is turned
    by 315 degrees, f'_new is drawn to the image's own entry of the memory instead of f, eq. 6.6 and eq. 6.8 have each
    a positive of their own, E_id alone is slowed down after ten joint epochs, and all its passes move the running
    statistics.
    """
    return GCLConfig(
        generative=GenerativeConfig(adversarial="lsgan_r1", features="official"),
        azimuths=OFFICIAL_AZIMUTHS,
        contrast=Contrast(released=True),
        schedule=Schedule(decay_all=False),
        norm_updates=get_args(Pass),
    )
