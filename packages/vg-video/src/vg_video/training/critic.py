"""One discriminator in one training step: what it sees, and what it and the generator lose by it (table 2.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers import AdversarialLoss
from vg_layers.penalties import Penalty


@dataclass(frozen=True, kw_only=True)
class Critic:
    """What a discriminator is shown in a step.

    A discriminator without labels is called as net(clips), one that is told them as net(clips, label); both give scores
    (b,), or one for each patch, (b, ...). One with an auxiliary classifier is called as net(clips) and gives (scores,
    class logits (b, classes)).
    """

    name: str  # of the net, such as "video_discriminator", and of its loss
    real: Tensor  # clips or frames, (b, ...)
    fake: Tensor  # likewise, with the graph of the generator
    label: Tensor | None = None  # class indices of the real ones, (b,)
    fake_label: Tensor | None = None  # those that the generated ones were made for
    wrong_label: Tensor | None = None  # others for the real ones, with which they are to be refused (algorithm 1)
    auxiliary: bool = False  # the net tells labels instead of being told them (3.4.5)
    weight: float = 1.0  # of its terms in the generator's loss

    @property
    def short(self) -> str:
        """The name of its terms beside the adversarial one: "video" for "video_discriminator"."""
        return self.name.replace("_discriminator", "")

    def judge(self, net: nn.Module, x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Scores (b,) of what is shown, and class logits (b, classes) where the net tells labels."""
        if self.auxiliary:
            scores, classes = net(x)
            return scores, classes
        return (net(x) if label is None else net(x, label)), None


@dataclass(frozen=True)
class Judged:
    """What a discriminator minimizes, term by term, and its mean scores of real and generated samples."""

    terms: dict[str, Tensor]
    real: Tensor
    fake: Tensor


def discriminator_terms(critic: Critic, net: nn.Module, loss: AdversarialLoss) -> Judged:
    """What a discriminator minimizes at a step (eq. 3.3, eq. 4.6); no gradient reaches the generator.

    With wrong labels, generated clips and real clips with wrong labels weigh one half each, so that the discriminator
    sees as much against as for (algorithm 1). An auxiliary classifier learns the labels of real clips.
    """
    real, classes = critic.judge(net, critic.real, critic.label)
    fake, _ = critic.judge(net, critic.fake.detach(), critic.fake_label)
    value = loss.discriminator(real, fake)
    if critic.wrong_label is not None:
        refused, _ = critic.judge(net, critic.real, critic.wrong_label)
        value = (value + loss.discriminator(real, refused)) / 2
    terms = {critic.name: value}
    if classes is not None and critic.label is not None:
        terms[f"{critic.short}_class"] = F.cross_entropy(classes, critic.label)
    return Judged(terms, real.mean().detach(), fake.mean().detach())


def penalty_terms(
    critic: Critic, net: nn.Module, penalties: Sequence[tuple[str, Penalty]], draw: torch.Generator
) -> dict[str, Tensor]:
    """Named penalties on the discriminator's gradient, each weighted; `draw` is the source of their random points."""

    def score(x: Tensor) -> Tensor:
        scores = critic.judge(net, x, critic.label)[0]
        return scores.flatten(1).mean(1) if scores.ndim > 1 else scores  # of patches their mean, as in the losses

    return {f"{critic.short}_{name}": penalty(score, critic.real, critic.fake, draw) for name, penalty in penalties}


def generator_terms(critic: Critic, net: nn.Module, loss: AdversarialLoss) -> dict[str, Tensor]:
    """What the generator minimizes by a discriminator, weighted (eq. 3.2, eq. 4.5, eq. 5.5)."""
    fake, classes = critic.judge(net, critic.fake, critic.fake_label)
    terms = {f"generator_{critic.short}": critic.weight * loss.generator(fake)}
    if classes is not None and critic.fake_label is not None:
        terms[f"generator_{critic.short}_class"] = critic.weight * F.cross_entropy(classes, critic.fake_label)
    return terms
