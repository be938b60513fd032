"""All of a training run that must survive a crash."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast

import torch
from torch import nn
from torch.optim import Adam, Optimizer
from vg_layers import AdversarialLoss, Ema, Engine, SingleDevice, adversarial_loss
from vg_layers.configs import config_dict
from vg_layers.storage import differences, from_tensors, to_tensors

from vg_video.autoencoder import Autoencoder
from vg_video.generator import VideoGenerator
from vg_video.training.config import TrainingConfig

C = TypeVar("C", bound=TrainingConfig)

GENERATOR = "generator"


class TrainState(ABC, Generic[C]):
    """Nets, optimizers, averaged generator, losses and step of a run.

    Args:
        config: the run's settings.
        seed: weights and all draws of the run are functions of it; 0 or more.
        engine: device and processes to train on; one CPU by default.
    Attributes:
        system: its name, which the state of another one does not have.
        nets: the plain modules by name, on the engine's device: "generator", then the discriminators.
        wrapped: the same as the engine wrapped them: what a training step calls.
        optimizers: one for each net.
        losses: the row of table 2.1 for each discriminator; that of BEGAN has a state.
        ema: the average of the generator's weights over the steps, or None; `averaged` is what to sample and to save.
        step: steps done.
    """

    system: ClassVar[str]

    def __init__(self, config: C, seed: int = 0, engine: Engine | None = None) -> None:
        self.config, self.seed, self.step = config, seed, 0
        self.engine = engine or SingleDevice()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.nets = self.build(config)
            if config.loss == "began":
                self.nets |= {name: Autoencoder.like(self.nets[name]) for name in self.discriminators}
        self.optimizers = {name: self.optimizer(name, net) for name, net in self.nets.items()}
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        ready = {name: self.engine.setup(net, self.optimizers[name]) for name, net in self.nets.items()}
        self.wrapped = {name: net for name, (net, _) in ready.items()}
        self.wrapped_optimizers = {name: optimizer for name, (_, optimizer) in ready.items()}
        self.losses = nn.ModuleDict({name: adversarial_loss(config.loss) for name in self.discriminators})
        self.losses.to(self.engine.device)
        self.ema = Ema(self.generator, config.ema_decay) if config.ema_decay else None

    @abstractmethod
    def build(self, config: C) -> dict[str, nn.Module]:
        """Make the nets by name, "generator" first; the random state is that of the seed."""

    def optimizer(self, name: str, net: nn.Module) -> Optimizer:
        """Make the optimizer of a net; Adam unless a system overrides this."""
        return Adam(net.parameters(), self.learning_rate(name), self.config.betas, fused=True)

    def learning_rate(self, name: str) -> float:
        """The rate of a net at the first step."""
        config = self.config
        if name == GENERATOR or config.discriminator_learning_rate is None:
            return config.learning_rate
        return config.discriminator_learning_rate

    @property
    def generator(self) -> VideoGenerator:
        """The generator that is trained; samples come from `averaged`."""
        return cast(VideoGenerator, self.nets[GENERATOR])

    @property
    def averaged(self) -> VideoGenerator:
        """The averaged generator, or without averaging the generator itself."""
        return cast(VideoGenerator, self.ema.module) if self.ema else self.generator

    @property
    def discriminators(self) -> tuple[str, ...]:
        """Names of the discriminators."""
        return tuple(name for name in self.nets if name != GENERATOR)

    def adversarial_loss(self, name: str) -> AdversarialLoss:
        """The row of table 2.1 that belongs to a discriminator."""
        return cast(AdversarialLoss, self.losses[name])

    def state_dict(self) -> dict[str, Any]:
        """Everything, as {"tensors": flat names to tensors, "meta": what JSON can hold}; the tensors are not copies."""
        meta = {"system": self.system, "step": self.step, "seed": self.seed, "config": config_dict(self.config)}
        return {"tensors": to_tensors(self._modules(), self.optimizers), "meta": meta}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` described; a run that goes on from here equals one that was not interrupted.

        Raises:
            ValueError: naming what differs, if it comes from another system, seed or config or has other tensors.
        """
        meta = state["meta"]
        found = {key: meta.get(key) for key in ("system", "seed", "config")}
        wanted = {"system": self.system, "seed": self.seed, "config": config_dict(self.config)}
        if different := list(differences(found, wanted)):
            raise ValueError(f"the state is of another run: {'; '.join(different)}")
        from_tensors(self._modules(), self.optimizers, state["tensors"])
        self.step = meta["step"]

    def _modules(self) -> dict[str, nn.Module | Ema]:
        """All that has weights, by the names of its tensors."""
        return {**self.nets, **({"ema": self.ema} if self.ema else {}), "losses": self.losses}
