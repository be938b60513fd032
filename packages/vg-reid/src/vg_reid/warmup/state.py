"""All of a warm-up that must survive a crash."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar, Generic, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from vg_layers import Engine, SingleDevice
from vg_layers.configs import config_dict
from vg_layers.storage import differences, from_tensors, to_tensors

from vg_reid.encoder import Encoder
from vg_reid.warmup.config import WarmupConfig

C = TypeVar("C", bound=WarmupConfig)

ENCODER = "encoder"
BACKBONE = ("conv1.", "bn1.", "layer")  # names of the layers that an ImageNet model has
MEMORY = "memory."
ON_DEVICE = {"bank", "centers"}  # of the memory: what meets embeddings; labels are NumPy's and scikit-learn's


class TrainState(ABC, Generic[C]):
    """Nets, optimizers, memory and place of a run.

    Args:
        config: the run's settings.
        seed: weights and all draws of the run are functions of it; 0 or more.
        engine: device and precision; one CPU by default.
        encoder: weights to start from, such as ImageNet's (`vg_reid.official.load`); None draws them.
    Attributes:
        system: the method's name, which the state of another one does not have.
        nets: modules by name, on the engine's device; "encoder" is E_id, which is what is saved in the end.
        optimizers: one for each net that has its own.
        memory: what else the method remembers from step to step, such as pseudo labels and a memory bank.
        epoch: epochs done.
        batch: steps done in this epoch.
        step: steps done in all.
        reports: what each clustering found, with its epoch counted from 0, as plain values.
    Raises:
        ValueError: if the weights to start from do not fit the config.
    """

    system: ClassVar[str]

    def __init__(
        self, config: C, seed: int = 0, *, engine: Engine | None = None, encoder: Encoder | None = None
    ) -> None:
        self.config, self.seed = config, seed
        self.engine = engine or SingleDevice()
        if self.engine.world_size > 1:
            raise ValueError(f"found {self.engine.world_size} processes, wanted 1: a warm-up runs in one")
        self.epoch = self.batch = self.step = 0
        self.memory: dict[str, Tensor] = {}
        self.reports: list[dict[str, Any]] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.nets = self.build(config)
        if encoder is not None:
            self._start_from(encoder)
        for net in self.nets.values():
            net.to(self.engine.device)
        self.optimizers = self.make_optimizers()

    def build(self, config: C) -> dict[str, nn.Module]:
        """Make the nets by name; the random state is that of the seed."""
        return {ENCODER: Encoder(replace(config.encoder, weights="trained"))}

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One SGD for all nets; layers that an ImageNet model lacks have `new_rate` times the rate."""
        old: list[nn.Parameter] = []
        new: list[nn.Parameter] = []
        for name, net in self.nets.items():
            for key, parameter in net.named_parameters():
                (old if name == ENCODER and key.startswith(BACKBONE) else new).append(parameter)
        config = self.config
        groups = [
            {"params": old, "initial_lr": config.learning_rate},
            {"params": new, "initial_lr": config.learning_rate * config.new_rate},
        ]
        nesterov = config.momentum > 0
        rate, momentum, decay = config.learning_rate, config.momentum, config.weight_decay
        return {ENCODER: SGD(groups, rate, momentum, weight_decay=decay, nesterov=nesterov)}

    @property
    def encoder(self) -> Encoder:
        """E_id."""
        return cast(Encoder, self.nets[ENCODER])

    @property
    def labels(self) -> Tensor:
        """Pseudo labels of all images, (n,) int64 on the CPU; -1 for an image that is in no cluster."""
        return self.memory["labels"]

    def set_rates(self) -> None:
        """Give all optimizers the learning rates of this epoch."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * self.config.rate(self.epoch)

    def advance(self, batches: int) -> int:
        """Count one step of an epoch of so many and return its index."""
        self.step, self.batch = self.step + 1, self.batch + 1
        if self.batch >= batches:
            self.epoch, self.batch = self.epoch + 1, 0
        return self.step - 1

    def report(self, labels: Tensor, eps: float) -> None:
        """Note what a clustering of this epoch found: labels, -1 for an outlier, and the radius."""
        from vg_reid.pseudo import clusters_report

        self.reports.append({"epoch": self.epoch} | asdict(clusters_report(labels.numpy(), eps)))

    def state_dict(self) -> dict[str, Any]:
        """Everything, as {"tensors": flat names to tensors, "meta": what JSON can hold}; the tensors are not copies."""
        place = {"epoch": self.epoch, "batch": self.batch, "step": self.step, "reports": self.reports}
        memory = {f"{MEMORY}{name}": value for name, value in self.memory.items()}
        return {"tensors": to_tensors(self.nets, self.optimizers) | memory, "meta": self._identity() | place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` described; a run that goes on from here equals one that was not interrupted.

        Raises:
            ValueError: naming what differs, if it comes from another method, seed or config or has other tensors.
        """
        meta, wanted = state["meta"], self._identity()
        if different := list(differences({key: meta.get(key) for key in wanted}, wanted)):
            raise ValueError(f"the state is of another run: {'; '.join(different)}")
        memory = {key: value for key, value in state["tensors"].items() if key.startswith(MEMORY)}
        rest = {key: value for key, value in state["tensors"].items() if key not in memory}
        from_tensors(self.nets, self.optimizers, rest)
        self.memory = {key.removeprefix(MEMORY): value.clone() for key, value in memory.items()}
        for name in ON_DEVICE & self.memory.keys():
            self.memory[name] = self.memory[name].to(self.engine.device)
        self.epoch, self.batch, self.step = meta["epoch"], meta["batch"], meta["step"]
        self.reports = list(meta["reports"])

    def _identity(self) -> dict[str, Any]:
        """What two states must have in common for one to become the other."""
        return {"system": self.system, "seed": self.seed, "config": config_dict(self.config)}

    def _start_from(self, encoder: Encoder) -> None:
        """Give the weights to all nets that are an E_id; of an ImageNet model only those of its backbone."""
        imagenet = encoder.config.weights == "imagenet"
        for name in ("backbone",) if imagenet else ("backbone", "embedding_dim", "linear"):
            if (found := getattr(encoder.config, name)) != (wanted := getattr(self.config.encoder, name)):
                raise ValueError(f"the encoder to start from has {name}={found!r}, wanted {wanted!r}")
        taken = BACKBONE if imagenet else ("",)
        weights = {key: value for key, value in encoder.state_dict().items() if key.startswith(taken)}
        for net in self.nets.values():
            if isinstance(net, Encoder):
                net.load_state_dict(weights, strict=not imagenet)
