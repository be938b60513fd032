"""Settings that all warm-ups share."""

from dataclasses import dataclass, field

from vg_layers.configs import check_at_least, check_positive

from vg_reid.encoder import EncoderConfig


@dataclass(frozen=True, kw_only=True)
class WarmupConfig:
    """How E_id is warmed up; each method inherits this with the numbers of its paper or its released code."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    epochs: int
    batch_size: int  # images a step
    learning_rate: float
    new_rate: float = 1.0  # times the rate, for layers that an ImageNet model lacks
    momentum: float = 0.9  # Nesterov's, of SGD; Adam has its own
    weight_decay: float = 5e-4
    decay: float = 0.1  # of the rate
    decay_every: int = 40  # epochs
    epoch_steps: int = 0  # steps of an epoch at most; 0: as many as there are batches

    def __post_init__(self) -> None:
        check_positive(self, "epochs", "batch_size", "learning_rate", "new_rate", "decay", "decay_every")
        check_at_least(self, 0, "momentum", "weight_decay", "epoch_steps")

    def rate(self, epoch: int) -> float:
        """Share of the learning rates that is left in an epoch, counted from 0."""
        return self.decay ** (epoch // self.decay_every)
