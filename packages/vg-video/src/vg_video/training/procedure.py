"""The training loop of all systems: alternating updates of discriminators and generator (algorithm 1, 4.3.3, 5.2.4)."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from vg_layers import Step, clip_singular_values_
from vg_layers.penalties import Penalty, R1Penalty

from vg_video.seeds import seeded
from vg_video.training.critic import Critic, discriminator_terms, generator_terms, penalty_terms
from vg_video.training.part import Part, cut_part
from vg_video.training.state import GENERATOR, TrainState

if TYPE_CHECKING:
    from vg_video.data.clips import Batch

Losses = dict[str, Tensor]
DISCRIMINATOR_UPDATE, GENERATOR_UPDATE = 0, 1


class DivergenceError(ValueError):
    """A loss or a gradient is no longer finite; the state is that of the last good update."""


@dataclass(frozen=True)
class Generated:
    """Clips of the generator, and what else of its work its loss needs."""

    video: Tensor  # (b, 3, t, h, w) in [-1, 1]
    extra: dict[str, Tensor]


@dataclass(frozen=True)
class Round:
    """Real and generated clips, as the discriminators see them."""

    part: Part
    generated: Generated
    critics: list[Critic]


class Procedure(ABC):
    """What is a system's own in a training step; `run` does the rest.

    Attributes:
        fresh: whether each update gets newly generated clips; else the generator's update is on those that the
            discriminators were trained with.
    """

    fresh: ClassVar[bool] = False

    @abstractmethod
    def critics(self, part: Part, real: Tensor, fake: Tensor) -> list[Critic]:
        """Tell what each discriminator sees of real and generated clips, (b, 3, t, h, w)."""

    def generate(self, generator: nn.Module, part: Part) -> Generated:
        """Generate as many clips as there are real ones."""
        return Generated(generator(**part.latents, **part.conditions), {})

    def generator_terms(self, part: Part, generated: Generated) -> Losses:
        """What the generator minimizes beside the discriminators' verdict, weighted."""
        return {}


def run(state: TrainState[Any], batches: Iterable["Batch"], procedure: Procedure) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        batches: batches of clips from the state's step on: video (b, 3, t, h, w) in [-1, 1], and the label (b,) where
            the generator has classes.
        procedure: what the system does in a step.
    Yields:
        The step's index and losses, means over all processes.
    Raises:
        DivergenceError: if a loss or a gradient is not finite; the weights then are those of the last good update.
        ValueError: if a batch is of another step, cannot be cut into `config.accumulate` parts, lacks its labels, or
            has clips of another shape.
    """
    for batch in islice(batches, max(0, state.config.steps - state.step)):
        if batch.index != state.step:
            raise ValueError(
                f"batch {batch.index} came at step {state.step}, wanted batches that start at the state's step"
            )
        if len(batch.video) % state.config.accumulate:
            raise ValueError(f"{len(batch.video)} clips cannot be cut into accumulate={state.config.accumulate} parts")
        losses = _Training(state, procedure, batch).step()
        index, state.step = state.step, state.step + 1
        yield Step(index, losses)


class _Training:
    """One step of a run."""

    def __init__(self, state: TrainState[Any], procedure: Procedure, batch: "Batch") -> None:
        self.state, self.procedure, self.batch = state, procedure, batch
        self.config, self.engine = state.config, state.engine
        self.share = 1 / self.config.accumulate  # of a part in the losses
        self.losses: Losses = {}
        self.scores: dict[str, Tensor] = {}  # of each discriminator: means for real and for generated samples
        self.shared: Round | None = None  # what both updates are on, unless each has its own
        if self.config.accumulate == 1 and not procedure.fresh:
            self.shared = self._round(GENERATOR_UPDATE, 0)

    def step(self) -> Losses:
        """Update all nets and return the losses, means over all processes."""
        rate = self.config.rate(self.state.step)
        for optimizer in self.state.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * rate
        updates = [self._update_discriminators, self._update_generator]
        if not self.state.discriminators:  # a generator that learns by its own terms
            updates = [self._update_generator]
        for update in reversed(updates) if self.config.generator_first else updates:
            update()
        if self.state.ema:
            self.state.ema.update(self.state.generator)
        return self._over_all_processes()

    def _update_discriminators(self) -> None:
        state, penalties = self.state, self._penalties()
        for name in state.discriminators:
            state.optimizers[name].zero_grad()
        for round_ in self._rounds(DISCRIMINATOR_UPDATE):
            terms: Losses = {}
            draw = seeded(state.seed, state.step, self.engine.global_rank)
            for critic in round_.critics:
                net, loss = state.wrapped[critic.name], state.adversarial_loss(critic.name)
                with self.engine.autocast():
                    judged = discriminator_terms(critic, net, loss)
                terms |= judged.terms | penalty_terms(critic, net, penalties, draw)
                self._add(self.scores, critic.name, torch.stack([judged.real, judged.fake]))
            self._backward(terms)
        for name in state.discriminators:
            self._apply(name)
            if self.config.clip_every and (state.step + 1) % self.config.clip_every == 0:
                clip_singular_values_(state.nets[name])

    def _update_generator(self) -> None:
        state = self.state
        state.optimizers[GENERATOR].zero_grad()
        with _frozen(state.nets[name] for name in state.discriminators):
            for round_ in self._rounds(GENERATOR_UPDATE):
                with self.engine.autocast():
                    terms = self.procedure.generator_terms(round_.part, round_.generated)
                    for critic in round_.critics:  # the plain nets: no gradient of theirs has to reach other processes
                        loss = state.adversarial_loss(critic.name)
                        terms |= generator_terms(critic, state.nets[critic.name], loss)
                self._backward(terms)
        self._apply(GENERATOR)

    def _rounds(self, update: int) -> Iterator[Round]:
        """The clips of an update, part by part."""
        if self.shared:
            yield self.shared
            return
        for index in range(self.config.accumulate):
            yield self._round(update, index)

    def _round(self, update: int, index: int) -> Round:
        """Part number `index` of the batch; the graph of the generator is only there for its own update."""
        state, size = self.state, len(self.batch.video) // self.config.accumulate
        key = (state.seed, state.step, update) if self.procedure.fresh else (state.seed, state.step)
        first = self.engine.global_rank * len(self.batch.video)
        clips = range(index * size, (index + 1) * size)
        part = cut_part(self.batch, clips, key, first, state.generator, self.engine.device)
        own = update == GENERATOR_UPDATE
        with self.engine.autocast(), torch.set_grad_enabled(own):
            generated = self.procedure.generate(state.wrapped[GENERATOR] if own else state.generator, part)
            real, fake = part.video, generated.video
            if self.config.augment:
                real, fake = part.augmented(real), part.augmented(fake)
            return Round(part, generated, self.procedure.critics(part, real, fake))

    def _penalties(self) -> list[tuple[str, Penalty]]:
        """Penalties that are due at this step, with the names of their terms."""
        config, kind = self.config, self.config.loss
        known: list[tuple[str, Penalty]] = []
        for name in self.state.discriminators[:1]:  # all have the same
            if own := self.state.adversarial_loss(name).penalty:
                known.append((kind, own))
        if config.r1_weight:
            known.append(("r1", R1Penalty(gamma=config.r1_weight, every=config.r1_every)))
        return [(name, penalty) for name, penalty in known if self.state.step % penalty.every == 0]

    def _backward(self, terms: Losses) -> None:
        self.engine.backward(self.share * sum(terms.values(), torch.zeros((), device=self.engine.device)))
        for name, term in terms.items():
            self._add(self.losses, name, term.detach())

    def _add(self, sums: Losses, name: str, value: Tensor) -> None:
        sums[name] = sums.get(name, 0) + self.share * value

    def _apply(self, name: str) -> None:
        """Take the optimizer's step, if the gradient is finite."""
        gradients = [p.grad for p in self.state.nets[name].parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not norm.isfinite():
            raise DivergenceError(
                f"the gradient of {name} is {float(norm)} at step {self.state.step}, and was not applied: "
                "go on from the last checkpoint with a lower learning rate"
            )
        self.state.wrapped_optimizers[name].step()

    def _over_all_processes(self) -> Losses:
        """Losses as means over all processes; the adversarial losses learn of the mean scores (BEGAN)."""
        scores = self.scores
        values = torch.stack([*self.losses.values(), *(score for pair in scores.values() for score in pair)])
        values = self.engine.all_reduce(values, reduce_op="mean")
        losses = dict(zip(self.losses, values, strict=False))
        for name, pair in zip(scores, values[len(losses) :].view(-1, 2), strict=True):
            self.state.adversarial_loss(name).update(*pair)
        if bad := [f"{name} is {float(loss)}" for name, loss in losses.items() if not loss.isfinite()]:
            raise DivergenceError(f"loss {bad[0]} at step {self.state.step}: try a lower learning rate")
        return losses


@contextmanager
def _frozen(nets: Iterable[nn.Module]) -> Iterator[None]:
    """Nets that gradients go through, but none is computed for."""
    parameters = [parameter for net in nets for parameter in net.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
