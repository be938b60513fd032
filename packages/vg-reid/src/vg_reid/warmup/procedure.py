"""The loop of all warm-ups: epochs of batches, pseudo labels at the start of an epoch, one update a step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from vg_layers import Step

from vg_reid.data.images import PersonImages
from vg_reid.data.transforms import normalize
from vg_reid.encoder import Encoder, IdentityCodes
from vg_reid.epochs import epoch_batches
from vg_reid.warmup.state import ENCODER, TrainState

S = TypeVar("S", bound=TrainState[Any])
Losses = dict[str, Tensor]

VIEWS, SOURCE, BANK, IDENTITIES = range(11, 15)  # what a draw is for, the first number after the seed


class DivergenceError(ValueError):
    """A loss or a gradient is no longer finite; the weights are those of the last good update."""


class Procedure(ABC, Generic[S]):
    """What is a method's own in a run; `run` does the rest.

    Args:
        state: the run.
        images: what is trained with, with the augmentation that it is to have.
    """

    def __init__(self, state: S, images: PersonImages) -> None:
        self.state, self.images = state, images

    def begin_epoch(self) -> None:
        """Renew what the epoch needs, such as pseudo labels; a run that is resumed in an epoch does not call this."""
        return

    def batches(self) -> list[list[int]]:
        """Tell which images each step of this epoch sees: all of them in a new order, unless a method overrides this.

        It is a function of the state at the epoch's start.
        """
        state, config = self.state, self.state.config
        everything, most = torch.arange(len(self.images)), config.epoch_steps
        return epoch_batches(everything, config.batch_size, seed=state.seed, epoch=state.epoch, most=most)

    @abstractmethod
    def step(self, indices: list[int]) -> Losses:
        """Update the nets by these images and return the losses, detached."""


def run(procedure: Procedure[Any]) -> Iterator[Step]:
    """Train until `config.epochs` are done, one step at each turn; the state can be saved at each.

    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if the state is of another number of images, or an epoch has no batch.
    """
    state, images = procedure.state, procedure.images
    if "labels" in state.memory and len(state.labels) != len(images):
        raise ValueError(f"the state is of {len(state.labels)} images, found {len(images)}")
    while state.epoch < state.config.epochs:
        if state.batch == 0:
            procedure.begin_epoch()
        batches = procedure.batches()
        if not batches:
            raise ValueError(f"epoch {state.epoch} has no batch of {len(images)} images")
        for indices in batches[state.batch :]:
            state.set_rates()
            for net in state.nets.values():
                net.train()
            losses = procedure.step(indices)
            yield Step(state.advance(len(batches)), losses)


def update(state: TrainState[Any], terms: Losses, name: str = ENCODER) -> Losses:
    """Take one step of an optimizer by the sum of the terms, and return them detached.

    Raises:
        DivergenceError: if a term or a gradient is not finite; the step is then not taken.
    """
    if bad := [f"{key} is {float(term.detach())}" for key, term in terms.items() if not term.isfinite()]:
        raise DivergenceError(f"loss {bad[0]} at step {state.step}: try a lower learning rate")
    optimizer = state.optimizers[name]
    optimizer.zero_grad()
    state.engine.backward(torch.stack(list(terms.values())).sum())
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if not norm.isfinite():
        raise DivergenceError(
            f"the gradient of {name} is {float(norm)} at step {state.step}: try a lower learning rate"
        )
    optimizer.step()
    return {key: term.detach() for key, term in terms.items()}


def unit_embedding(codes: IdentityCodes) -> Tensor:
    """f, (b, d), of length 1."""
    return codes.unit


@torch.no_grad()
def embed_all(
    encoder: Encoder,
    images: PersonImages,
    *,
    code: Callable[[IdentityCodes], Tensor] = unit_embedding,
    batch_size: int = 64,
) -> Tensor:
    """Embed all images without augmentation, in eval mode: (n, d) on the CPU.

    Args:
        encoder: E_id; it is left in the mode that it was in.
        images: which.
        code: which of E_id's codes, and how it is normalized.
        batch_size: images at a time.
    """
    weight, training = encoder.conv1.weight, encoder.training
    encoder.eval()
    rows = []
    for start in range(0, len(images), batch_size):
        pixels = [images.pixels(index) for index in range(start, min(start + batch_size, len(images)))]
        rows.append(code(encoder(normalize(torch.stack(pixels).to(weight) / 255))).cpu())
    encoder.train(training)
    return torch.cat(rows)
