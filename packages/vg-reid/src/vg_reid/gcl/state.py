"""All of a training run of GCL that must survive a crash."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer
from vg_layers import Engine, SingleDevice
from vg_layers.configs import config_dict
from vg_layers.storage import differences, from_tensors, to_tensors

from vg_reid.discriminator import Discriminator
from vg_reid.encoder import Encoder
from vg_reid.gcl.config import GCLConfig
from vg_reid.generator import ViewGenerator
from vg_reid.memory import MemoryBank

JOINT_ONLY = (  # settings that stage 3 alone reads: runs that share a stage 2 may differ in them
    *("contrast", "clusters", "norm_updates"),
    *("schedule.joint_epochs", "schedule.encoder_rate", "schedule.momentum"),
    *("schedule.decay", "schedule.decay_after", "schedule.decay_all"),
)


class TrainState:
    """Nets, optimizers, memory bank, pseudo labels and position of a run.

    Args:
        config: the run's settings.
        seed: weights that are not given, and all draws of the run, are functions of it; 0 or more.
        engine: device; one CPU by default.
        encoder: E_id as its own warm-up left it (stage 1, 6.3.3); it is copied. None starts at random.

    Attributes:
        encoder: E_id.
        generator: E_str and G, or None without generation.
        discriminator: D, or None without generation.
        optimizers: one of E_id ("encoder"), one of E_str and G ("generator"), one of D.
        bank: the memory bank of stage 3, None before it and without contrast.
        labels: pseudo labels of all images for this epoch, (n,) on the CPU, -1 for outliers; None without a bank.
        reports: what each clustering found, in the order of the epochs, as plain values.
        images: digest of the names of the images that the run is on, once it has begun.
        epoch: epochs done, of both stages.
        batch: steps done in this epoch.
        step: steps done in all.

    Raises:
        ValueError: if the encoder given is of other sizes than the config's, or the engine has several processes.
    """

    system: ClassVar[str] = "vg-reid/gcl"

    def __init__(
        self, config: GCLConfig, seed: int = 0, *, engine: Engine | None = None, encoder: Encoder | None = None
    ) -> None:
        self.config, self.seed, self.engine = config, seed, engine or SingleDevice()
        if self.engine.world_size > 1:
            raise ValueError(f"found {self.engine.world_size} processes, wanted 1: GCL trains in one")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = Encoder(replace(config.encoder, weights="trained"))
            self.generator = ViewGenerator(replace(config.generator, weights="trained")) if config.generation else None
            self.discriminator = Discriminator(config.discriminator) if config.generation else None
        if encoder is not None:
            self._start_from(encoder)
        for net in self.nets.values():
            net.to(self.device).to(memory_format=torch.channels_last)  # the layout that convolutions are fastest in
        self.optimizers = self._optimizers()
        self.bank: MemoryBank | None = None
        self.labels: Tensor | None = None
        self.reports: list[dict[str, Any]] = []
        self.images: str | None = None
        self.epoch = 0 if config.generation else config.schedule.warm_up_epochs  # stage 2 warms up the generator only
        self.batch = self.step = 0

    @property
    def nets(self) -> dict[str, nn.Module]:
        """All nets by name."""
        nets = {"encoder": self.encoder, "generator": self.generator, "discriminator": self.discriminator}
        return {name: net for name, net in nets.items() if net is not None}

    @property
    def joint(self) -> bool:
        """Whether the next step is of stage 3, in which E_id is trained too."""
        return self.epoch >= self.config.schedule.warm_up_epochs

    @property
    def contrasting(self) -> bool:
        """Whether the next step has view-invariant losses, and so needs bank and pseudo labels."""
        return self.joint and bool(self.config.contrast.terms)

    @property
    def done(self) -> bool:
        """Whether all epochs are done."""
        return self.epoch >= self.config.schedule.epochs

    @property
    def device(self) -> torch.device:
        """Where the nets are."""
        return self.engine.device

    def set_rates(self) -> None:
        """Give the optimizers the learning rates of the epoch (6.4.2)."""
        schedule = self.config.schedule
        late = self.epoch >= schedule.warm_up_epochs + schedule.decay_after
        for name, optimizer in self.optimizers.items():
            share = schedule.decay if late and (schedule.decay_all or name == "encoder") else 1.0
            rate = schedule.encoder_rate if name == "encoder" else schedule.learning_rate
            for group in optimizer.param_groups:
                group["lr"] = rate * share

    def advance(self, batches: int) -> None:
        """Count a step, and an epoch after its last step."""
        self.step += 1
        self.batch += 1
        if self.batch == batches:
            self.epoch, self.batch = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Everything, as {"tensors": flat names to tensors, "meta": what JSON can hold}; the tensors are not copies."""
        labels = {} if self.labels is None else {"labels": self.labels}
        meta = {
            "system": self.system,
            "seed": self.seed,
            "config": config_dict(self.config),
            "images": self.images,
            "reports": self.reports,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
        }
        return {"tensors": to_tensors(self._modules(), self.optimizers) | labels, "meta": meta}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` described; a run that goes on from here equals one that was not interrupted.

        Raises:
            ValueError: naming what differs, if it comes from another system, seed or config or has other tensors.
        """
        self._load(state, ignored=())

    def load_warm_up(self, state: Mapping[str, Any]) -> None:
        """Take over the end of a stage 2 whose stage 3 may differ, so that several runs share one warm-up (table 6.3).

        Args:
            state: what `state_dict` gave, of a run with the same seed, nets and stage 2.
        Raises:
            ValueError: naming what differs, or if the run is not at the end of its stage 2.
        """
        at, end = state["meta"].get("epoch"), self.config.schedule.warm_up_epochs
        if at != end or state["meta"].get("batch"):
            raise ValueError(f"the state is of epoch {at}, wanted the end of stage 2, epoch {end}")
        self._load(state, ignored=JOINT_ONLY)

    def _load(self, state: Mapping[str, Any], ignored: Sequence[str]) -> None:
        """Load; the settings named in `ignored` may differ."""
        meta, tensors = state["meta"], dict(state["tensors"])
        wanted = {"system": self.system, "seed": self.seed, "config": config_dict(self.config)}
        found = differences({key: meta.get(key) for key in wanted}, wanted)
        if different := [line for line in found if not line.startswith(tuple(f"config.{name}" for name in ignored))]:
            raise ValueError(f"the state is of another run: {'; '.join(different)}")
        self.images, self.reports = meta["images"], list(meta["reports"])
        labels = tensors.pop("labels", None)
        if labels is not None:
            self.labels = labels
            self.start_bank(tensors["bank.vectors"])
        from_tensors(self._modules(), self.optimizers, tensors)
        self.epoch, self.batch, self.step = meta["epoch"], meta["batch"], meta["step"]

    def start_bank(self, vectors: Tensor) -> MemoryBank:
        """Fill the memory bank with the embeddings of all images, (n, d)."""
        momentum, dataset = self.config.contrast.momentum, self.images or ""
        self.bank = MemoryBank(vectors.to(self.device), momentum, dataset=dataset)
        return self.bank

    def _modules(self) -> dict[str, nn.Module]:
        """All that has weights or buffers."""
        return self.nets | ({} if self.bank is None else {"bank": self.bank})

    def _start_from(self, encoder: Encoder) -> None:
        found, wanted = (replace(config, weights="trained") for config in (encoder.config, self.config.encoder))
        if found != wanted:
            raise ValueError(f"the encoder to start from is {found}, wanted {wanted}")
        self.encoder.load_state_dict(encoder.state_dict())

    def _optimizers(self) -> dict[str, Optimizer]:
        """SGD for E_id, Adam for the others (6.4.2)."""
        schedule, rate = self.config.schedule, self.config.schedule.learning_rate
        encoder = SGD(
            self.encoder.parameters(),
            schedule.encoder_rate,
            momentum=schedule.momentum,
            weight_decay=schedule.weight_decay,
            nesterov=schedule.momentum > 0,
            fused=True,
        )
        adam = {
            name: Adam(net.parameters(), rate, schedule.betas, weight_decay=schedule.weight_decay, fused=True)
            for name, net in self.nets.items()
            if name != "encoder"
        }
        return {"encoder": encoder, **adam}
