"""All of a training run that must survive a crash."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam
from vg_layers import Ema, Engine, SingleDevice

from vg_video.g3an.config import SYSTEM, G3ANConfig, config_dict
from vg_video.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.g3an.generator import Generator

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")


class Nets(NamedTuple):
    """The three nets, plain or as an engine wrapped them."""

    generator: nn.Module
    video_discriminator: nn.Module
    image_discriminator: nn.Module


class Optimizers(NamedTuple):
    """The optimizer of each net."""

    generator: Adam
    video_discriminator: Adam
    image_discriminator: Adam


class TrainState:
    """Nets, optimizers, averaged generator and step of a run.

    Args:
        config: the run's settings.
        seed: weights and all draws of the run are functions of it; 0 or more.
        engine: device and processes to train on; one CPU by default.
    Attributes:
        nets: the plain modules, on the engine's device.
        wrapped: the same as the engine wrapped them: what a training step calls.
        optimizers: Adam for each net.
        ema: the averaged generator, `ema.module`: what to sample and to save.
        step: steps done.
    """

    def __init__(self, config: G3ANConfig, seed: int = 0, engine: Engine | None = None) -> None:
        self.config, self.seed, self.step = config, seed, 0
        self.engine = engine or SingleDevice()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.nets = Nets(
                Generator(config.generator),
                VideoDiscriminator(config.video_discriminator),
                ImageDiscriminator(config.image_discriminator),
            )
        self.optimizers = Optimizers(
            *(Adam(net.parameters(), config.learning_rate, config.betas) for net in self.nets),
        )
        ready = [self.engine.setup(*pair) for pair in zip(self.nets, self.optimizers, strict=True)]
        self.wrapped = Nets(*(net for net, _ in ready))
        self.wrapped_optimizers = Optimizers(*(optimizer for _, optimizer in ready))
        self.ema = Ema(self.nets.generator, config.ema_decay)

    def state_dict(self) -> dict[str, Any]:
        """Everything, as {"tensors": flat names to tensors, "meta": what JSON can hold}; the tensors are not copies."""
        meta = {"system": SYSTEM, "step": self.step, "seed": self.seed, "config": config_dict(self.config)}
        optimizers = {
            f"{name}.{key}": optimizer.state[parameter][key]
            for name, parameter, optimizer in self._parameters()
            for key in ADAM_STATE
            if self.step
        }
        return {"tensors": self._weights() | optimizers, "meta": meta}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` described; a run that goes on from here equals one that was not interrupted.

        Raises:
            ValueError: naming what differs, if it comes from another system, seed or config or has other tensors.
        """
        meta, tensors = state["meta"], state["tensors"]
        found = {key: meta.get(key) for key in ("system", "seed", "config")}
        wanted = {"system": SYSTEM, "seed": self.seed, "config": config_dict(self.config)}
        if different := list(_differences(found, wanted)):
            raise ValueError(f"the state is of another run: {'; '.join(different)}")
        self.step = meta["step"]
        moments = {f"{name}.{key}" for name, _, _ in self._parameters() for key in ADAM_STATE if self.step}
        if wrong := sorted(tensors.keys() ^ (self._weights().keys() | moments)):
            raise ValueError(f"the state has missing or unknown tensors: {len(wrong)}, the first is {wrong[0]}")
        for name, net in self.nets._asdict().items():
            net.load_state_dict(_under(tensors, f"nets.{name}."))
        self.ema.load_state_dict(_under(tensors, "ema."))
        for name, parameter, optimizer in self._parameters():
            values = _under(tensors, f"{name}.")
            optimizer.state[parameter] = {
                key: value.clone() if key == "step" else torch.empty_like(parameter).copy_(value)
                for key, value in values.items()
            }

    def _weights(self) -> dict[str, Tensor]:
        nets = [(f"nets.{name}", net) for name, net in self.nets._asdict().items()]
        return {
            f"{name}.{key}": value
            for name, net in [*nets, ("ema", self.ema)]
            for key, value in net.state_dict().items()
        }

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter, Adam]]:
        """Each trained parameter with the name of its optimizer's tensors."""
        for (name, net), optimizer in zip(self.nets._asdict().items(), self.optimizers, strict=True):
            for key, parameter in net.named_parameters():
                yield f"optimizers.{name}.{key}", parameter, optimizer


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _differences(found: Any, wanted: Any, name: str = "") -> Iterator[str]:
    """Where two nested dicts differ, as 'name is this, wanted that'."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in [*wanted, *(found.keys() - wanted.keys())]:
            yield from _differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
    elif found != wanted:
        yield f"{name} is {found!r}, wanted {wanted!r}"
