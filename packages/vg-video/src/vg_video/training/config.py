"""Settings that the training runs of all systems share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

from vg_layers.adversarial import LossKind
from vg_layers.configs import check_at_least, check_one_of, check_positive


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a generator and its discriminators are trained; each system inherits this with its own numbers.

    What the thesis does not use is off by default: it is there for `tiny` recipes and for one's own.
    """

    steps: int
    batch_size: int  # clips a step, over all processes
    accumulate: int = 1  # parts into which a process cuts its clips, one after another in memory
    learning_rate: float  # of the generator
    discriminator_learning_rate: float | None = None  # None: the same
    final_rate: float = 1.0  # share of the rates left at the end, reached in a straight line over the second half
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    loss: LossKind = "ns"  # row of table 2.1; "began" makes the discriminators autoencoders
    r1_weight: float = 0.0  # gamma of the penalty on the discriminators' gradients at real clips
    r1_every: int = 8  # steps from one penalty to the next, which counts that many times
    clip_every: int = 0  # steps from one clipping of the discriminators' singular values to the next; 0: never
    augment: bool = False  # discriminators see clips with changed brightness, contrast and place
    ema_decay: float = 0.0  # of the averaged generator that is sampled; 0: the generator itself
    generator_first: bool = False  # the generator's update before the discriminators', on the same clips

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))  # JSON knows lists only
        check_positive(self, "steps", "batch_size", "accumulate", "learning_rate", "r1_every")
        check_at_least(self, 0, "r1_weight", "clip_every", "final_rate")
        check_one_of(self, "loss", *get_args(LossKind))
        if self.discriminator_learning_rate is not None:
            check_positive(self, "discriminator_learning_rate")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas={self.betas}, wanted two numbers from 0 to below 1")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay={self.ema_decay}, wanted 0 to below 1")

    def with_classes(self, classes: Sequence[str]) -> Self:
        """Return the same run conditioned on these labels; no names, no labels.

        Raises:
            ValueError: if the system knows no labels.
        """
        if classes:
            raise ValueError(f"labels {', '.join(classes)} were given, but this system knows none")
        return self

    def rate(self, step: int) -> float:
        """Share of the learning rates at a step: 1, and in the second half in a straight line to `final_rate`."""
        done = max(0.0, 2 * step / self.steps - 1)
        return 1 + done * (self.final_rate - 1)


@dataclass(frozen=True, kw_only=True)
class ConditionalConfig(TrainingConfig):
    """A run of a system that can learn labels: generator and video discriminator have as many classes."""

    generator: Any  # each system has its own kind
    video_discriminator: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.video_discriminator.classes != len(self.generator.classes):
            raise ValueError(
                f"video_discriminator.classes={self.video_discriminator.classes}, "
                f"wanted {len(self.generator.classes)} as in generator.classes (see with_classes)"
            )

    def with_classes(self, classes: Sequence[str]) -> Self:
        """Return the same run conditioned on these labels; no names, no labels."""
        generator = replace(self.generator, classes=tuple(classes))
        video_discriminator = replace(self.video_discriminator, classes=len(classes))
        return replace(self, generator=generator, video_discriminator=video_discriminator)
