"""One step of GCL: the discriminator's update, then that of all others, by eq. 6.4 in stage 2, eq. 6.9 in stage 3.

The losses are those of the plain form, in which all nets run first and the whole graph is walked back at the end, with
less work and memory:

* E_str and G have no batch statistics, so both structures of a batch go through them in one pass.
* Real images go through D once for all three generated ones, and so does R1.
* E_id has batch norm, which in training sees each pass on its own: its passes stay apart.
* A loss on a generated image is brought back to that image at once, which frees the graph between them before the
  next is made; the graph behind the images is walked once, at the end, with all that arrived there.
* No gradient is computed for weights that are not updated: E_id's in stage 2, D's in the generator's update.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vg_reid.contrastive import Pairs, contrast_loss, view_losses
from vg_reid.discriminator import Discriminator
from vg_reid.encoder import IdentityCodes
from vg_reid.gcl.batches import Batch
from vg_reid.gcl.config import Pass
from vg_reid.gcl.state import TrainState
from vg_reid.generative import discriminator_terms, feature_loss, generator_loss, image_loss
from vg_reid.generator import ViewGenerator

Losses = dict[str, Tensor]


def update(state: TrainState, batch: Batch) -> Losses:
    """Update the nets of the state by one batch, and in stage 3 its memory bank.

    Args:
        state: the run; its learning rates are those of the step.
        batch: what to learn from.
    Returns:
        The losses as detached scalars, weighted as in eq. 6.4 and eq. 6.9.
    Raises:
        ValueError: if a gradient is not finite; the weights that it is for, and the bank, are then as they were. Or if
            the batch lacks structures that the run's generation needs.
    """
    return _Update(state, batch).run()


def contrast_terms(state: TrainState, f: Tensor, f_new: Tensor | None, pairs: Pairs) -> Losses:
    """The view-invariant losses that are on (6.3.2), or that of one view alone (6.4.3).

    Args:
        state: the run, with its memory bank.
        f: features of the images, (b, d) with rows of length 1.
        f_new: of their generated views, likewise; None without generation.
        pairs: what they are contrasted with.
    Raises:
        ValueError: if the state has no bank yet.
    """
    config = state.config.contrast
    if state.bank is None:
        raise ValueError("the state has no memory bank, wanted one: `train` starts it in stage 3")
    if f_new is None:
        return {"contrast": contrast_loss(f, pairs, state.bank, temperature=config.temperature)}
    terms = view_losses(
        f,
        f_new,
        pairs,
        state.bank,
        terms=config.terms,
        temperature=config.temperature,
        negatives_from=config.negatives_from,
        released=config.released,
    )
    return {str(name): term for name, term in terms.items()}


class _Update:
    """One step of a run."""

    def __init__(self, state: TrainState, batch: Batch) -> None:
        self.state, self.config, self.batch = state, state.config, batch
        self.losses: Losses = {}

    def run(self) -> Losses:
        """Take the step."""
        state = self.state
        state.encoder.train(state.joint)
        for optimizer in state.optimizers.values():
            optimizer.zero_grad()
        with frozen(state.encoder, when=not state.joint):
            codes = self._identify(self.batch.images, "original")
            if state.generator and state.discriminator:
                self._learn_views(codes, state.generator, state.discriminator)
                self._apply("generator")
            elif self.batch.pairs:
                self._contrast(codes, None, self.batch.pairs).backward()
        if state.joint:
            self._apply("encoder")
        if self.batch.pairs and state.bank is not None:
            state.bank.update(self.batch.indices, codes.unit.detach())
        return self.losses

    def _learn_views(self, codes: IdentityCodes, generator: ViewGenerator, discriminator: Discriminator) -> None:
        """Generate x'_ori, x'_new and x''_ori, improve D, bring all other gradients to G, E_str and E_id (6.3.1)."""
        if self.batch.structures is None:
            raise ValueError("the batch has no structures, wanted those of its images: generation is on")
        structures = generator.structure_encoder(self.batch.structures)
        reconstructed, new = generator.decoder(structures, codes.part_code.repeat(2, 1)).chunk(2)
        views = [reconstructed, new]
        leaves = [_leaf(view) for view in views]
        self._match_reconstructed(codes, leaves[0])
        new_codes = self._identify(new, "new")
        cycle = generator.decoder(structures.chunk(2)[0], new_codes.part_code)
        views, leaves = [*views, cycle], [*leaves, _leaf(cycle)]
        self._match(codes, self._identify(leaves[2], "cycle")).backward()

        for term in discriminator_terms(discriminator, self.batch.images, leaves, self.config.generative):
            self._note("discriminator", term).backward()
        self._apply("discriminator")

        with frozen(discriminator):
            for leaf in leaves:
                self._note("adversarial", generator_loss(discriminator, [leaf], self.config.generative)).backward()
        image = self.config.generative.image_weight * image_loss(self.batch.images, reconstructed, cycle)
        main = self._note("image", image)
        if self.config.generative.features == "thesis":
            main = main + self._match(codes, new_codes)
        if self.batch.pairs:
            main = main + self._contrast(codes, new_codes, self.batch.pairs)
        torch.autograd.backward([main, *views], [None, *(leaf.grad for leaf in leaves)])

    def _match_reconstructed(self, codes: IdentityCodes, image: Tensor) -> None:
        """Run E_id on x'_ori where its code or its batch statistics are asked for."""
        if self.config.generative.features == "official":
            self._match(codes, self._identify(image, "reconstructed")).backward()
        elif self.state.joint and "reconstructed" in self.config.norm_updates:
            with torch.no_grad():
                self._identify(image, "reconstructed")

    def _match(self, codes: IdentityCodes, generated: IdentityCodes) -> Tensor:
        """A term of eq. 6.2, weighted."""
        loss = self.config.generative.feature_weight * feature_loss(codes.part_code, generated.part_code)
        return self._note("feature", loss)

    def _contrast(self, codes: IdentityCodes, new_codes: IdentityCodes | None, pairs: Pairs) -> Tensor:
        """The sum of the view-invariant losses that are on."""
        terms = contrast_terms(self.state, codes.unit, new_codes.unit if new_codes else None, pairs)
        return torch.stack([self._note(name, term) for name, term in terms.items()]).sum()

    def _identify(self, images: Tensor, name: Pass) -> IdentityCodes:
        """A pass of E_id; in stage 3 its batch statistics move the running ones if the config says so."""
        with kept_statistics(self.state.encoder, when=name not in self.config.norm_updates):
            return self.state.encoder(images)

    def _note(self, name: str, loss: Tensor) -> Tensor:
        """Remember a loss, or a further term of it."""
        self.losses[name] = self.losses.get(name, 0) + loss.detach()
        return loss

    def _apply(self, name: str) -> None:
        """Take an optimizer's step, if the gradient is finite."""
        gradients = [p.grad for p in self.state.nets[name].parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not norm.isfinite():
            raise ValueError(
                f"the gradient of the {name} is {float(norm)} at step {self.state.step}, and was not applied: "
                "go on from the last checkpoint with a lower learning rate"
            )
        self.state.optimizers[name].step()


@contextmanager
def frozen(net: nn.Module, *, when: bool = True) -> Iterator[None]:
    """Let gradients go through a net without computing those of its weights."""
    parameters = [parameter for parameter in net.parameters() if when and parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def kept_statistics(net: nn.Module, *, when: bool = True) -> Iterator[None]:
    """Let batch norm use the statistics of its batch, in training, without moving its running ones."""
    norms = [layer for layer in net.modules() if when and isinstance(layer, _BatchNorm) and layer.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _leaf(image: Tensor) -> Tensor:
    """The same values, where a gradient can be collected on its way back."""
    return image.detach().requires_grad_()
