"""Training the body regressor on renders, and its azimuth error on renders that it never saw."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from vg_layers import Engine, SingleDevice, Step
from vg_layers.configs import check_at_least, check_positive, config_dict
from vg_layers.storage import differences, from_tensors, to_tensors

from vg_reid.mesh.regressor import AZIMUTH, CAMERA, BodyRegressor, RegressorConfig, Theta
from vg_reid.mesh.regressor_photos import Views, draw_photos
from vg_reid.seeds import seeded

RESAMPLES = 2000  # of the bootstrap
STATISTICS = 512  # photos from which mean and deviation are taken
PREPARATION, HELD_OUT = 2**20, 2**20 + 1  # in the place of a step, in the key of draws that are not a step's


@dataclass(frozen=True, kw_only=True)
class RegressorTraining:
    """Settings of a run; the defaults train in a few minutes on two cores."""

    net: RegressorConfig = field(default_factory=RegressorConfig)
    steps: int = 1200
    batch_size: int = 64
    learning_rate: float = 2e-3  # of AdamW at the top: it rises over the first steps and falls as a cosine to zero
    warm_up: int = 50
    weight_decay: float = 0.02
    azimuth_weight: float = 4.0  # of each mean squared error in the loss
    camera_weight: float = 1.0
    shape_weight: float = 0.3
    pose_weight: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, "batch_size", "learning_rate")
        check_at_least(self, 0, "steps", "warm_up", "weight_decay")

    def rate(self, step: int) -> float:
        """The learning rate of a step as a share of the top one."""
        rise = min(1.0, (step + 1) / max(self.warm_up, 1))
        return rise * (1 + math.cos(math.pi * min(step / max(self.steps, 1), 1.0))) / 2


class RegressorState:
    """Net, optimizer and step of a run: all that must survive a crash; `epoch` is 1 when the last step is done.

    Args:
        config: the run's settings.
        views: what it trains on; the net counts in their mean and deviation.
        seed: weights and all draws are functions of it; 0 or more.
        engine: device to train on; one CPU by default.
    """

    system = "vg-reid/body-regressor"

    def __init__(self, config: RegressorTraining, views: Views, seed: int = 0, engine: Engine | None = None) -> None:
        self.config, self.seed, self.step, self.epoch = config, seed, 0, 0
        self.engine = engine or SingleDevice()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = BodyRegressor(config.net)
        sample = range(min(len(views), STATISTICS))
        self.net.standardize(draw_photos(views, sample, seeded(seed, PREPARATION), config.net.size)[1])
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.wrapped, self.wrapped_optimizer = self.engine.setup(self.net, self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Everything, as {"tensors": flat names to tensors, "meta": what JSON can hold}; the tensors are not copies."""
        meta = self._meta() | {"step": self.step}
        return {"tensors": to_tensors(self._nets, self._optimizers), "meta": meta}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` described; a run that goes on from here equals one that was not interrupted.

        Raises:
            ValueError: if it comes from another system, seed or config, or lacks tensors.
        """
        wanted = self._meta()
        found = {key: state["meta"].get(key) for key in wanted}
        if different := list(differences(found, wanted)):
            raise ValueError(f"the state is of another run: {'; '.join(different)}")
        from_tensors(self._nets, self._optimizers, state["tensors"])
        self.step = state["meta"]["step"]
        self.epoch = int(self.step >= self.config.steps)

    @property
    def _nets(self) -> dict[str, nn.Module]:
        return {"net": self.net}

    @property
    def _optimizers(self) -> dict[str, Optimizer]:
        return {"net": self.optimizer}

    def _meta(self) -> dict[str, Any]:
        return {"system": self.system, "seed": self.seed, "config": config_dict(self.config)}


def train(state: RegressorState, views: Views) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        views: bodies to dress anew in each step.
    Yields:
        The step's index and losses.
    Raises:
        ValueError: if there are no views, or a loss is not finite.
    """
    if not len(views):
        raise ValueError("0 views to train on, wanted at least 1")
    config, device = state.config, state.engine.device
    while state.step < config.steps:
        state.net.train()
        for group in state.optimizer.param_groups:
            group["lr"] = config.learning_rate * config.rate(state.step)
        draw = seeded(state.seed, state.step)
        indices = torch.randint(len(views), (config.batch_size,), generator=draw).tolist()
        photos, theta = draw_photos(views, indices, draw, config.net.size)
        with state.engine.autocast():
            losses = regressor_losses(state.net, state.wrapped(photos.to(device)), theta.to(device), config)
        total = torch.stack(list(losses.values())).sum()
        if not total.isfinite():
            raise ValueError(f"the loss is {total.item()} at step {state.step}, wanted a finite one")
        state.optimizer.zero_grad()
        state.engine.backward(total)
        state.wrapped_optimizer.step()
        index, state.step = state.step, state.step + 1
        state.epoch = int(state.step >= config.steps)
        yield Step(index, {name: value.detach() for name, value in losses.items()})


def regressor_losses(
    net: BodyRegressor, found: list[Tensor], theta: Tensor, config: RegressorTraining
) -> dict[str, Tensor]:
    """Weighted mean squared errors, averaged over the iterations: azimuth (as cosine and sine), camera, shape, pose.

    Args:
        net: the net, in whose standard units errors are counted.
        found: theta (b, theta) after each iteration, in those units.
        theta: the truth, rows of `Theta.flat`.
        config: the weights.
    """
    wanted = (theta - net.mean) / net.deviation
    errors = torch.stack([(step - wanted).square().mean(0) for step in found]).mean(0)
    sizes = [AZIMUTH, CAMERA, len(net.config.phenotypes), 3 * len(net.config.joints)]
    weights = (config.azimuth_weight, config.camera_weight, config.shape_weight, config.pose_weight)
    names = ("azimuth", "camera", "shape", "pose")
    return {name: weight * part.mean() for name, weight, part in zip(names, weights, errors.split(sizes), strict=True)}


@dataclass(frozen=True)
class AngleErrors:
    """Absolute differences of angles over n photos, in degrees, with 95 % intervals of a bootstrap over photos."""

    count: int
    median: float
    median_interval: tuple[float, float]
    mean: float
    mean_interval: tuple[float, float]


def angle_errors(found: Tensor, wanted: Tensor, seed: int = 0) -> AngleErrors:
    """Compare angles (n,) in degrees, the short way round.

    Raises:
        ValueError: if there are none.
    """
    if not len(wanted):
        raise ValueError("0 angles to compare, wanted at least 1")
    errors = ((found - wanted + 180) % 360 - 180).abs().double()
    draws = torch.randint(len(errors), (RESAMPLES, len(errors)), generator=seeded(seed))
    samples = errors[draws]
    tails = torch.tensor([0.025, 0.975], dtype=errors.dtype)
    median, mean = (torch.quantile(values, tails) for values in (samples.quantile(0.5, dim=1), samples.mean(1)))
    return AngleErrors(
        count=len(errors),
        median=errors.quantile(0.5).item(),
        median_interval=(median[0].item(), median[1].item()),
        mean=errors.mean().item(),
        mean_interval=(mean[0].item(), mean[1].item()),
    )


def held_out(views: Views, config: RegressorConfig, seed: int) -> tuple[Tensor, Tensor]:
    """Draw one photo a view, (n, 3, h, w) and theta (n, theta): the same ones for each net that is measured."""
    return draw_photos(views, range(len(views)), seeded(seed, HELD_OUT), config.size)


def estimate_all(net: BodyRegressor, photos: Tensor, batch_size: int = 64) -> Theta:
    """Estimate photos (n, 3, h, w) in eval mode, `batch_size` at a time."""
    net.eval()
    device = next(net.parameters()).device
    found = [net.estimate(batch.to(device)) for batch in photos.split(batch_size)]
    return Theta(*(torch.cat(values).cpu() for values in zip(*found, strict=True)))
