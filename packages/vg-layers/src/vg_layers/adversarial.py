"""Adversarial losses on scores: the rows of table 2.1, and the hinge loss.

A score is what a discriminator says of a sample, before any sigmoid: where table 2.1 has log D(x), D is the sigmoid of
the score. The signs that table 2.1 misprints are those of the methods' own papers (docs/decisions/layers.md).
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vg_layers.penalties import DRAGANPenalty, Penalty, WGANGPPenalty
from vg_layers.penalties import r1_penalty as r1_penalty

LossKind = Literal["mm", "ns", "wgan", "wgan-gp", "lsgan", "dragan", "began", "hinge"]


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Binary cross-entropy of real against generated, the negative of eq. 4.6: -E[log D(x)] - E[log(1 - D(G(z)))].

    Args:
        real_logits: D(x) before the sigmoid, any shape.
        fake_logits: D(G(z)) before the sigmoid, any shape.
    Returns:
        Scalar: the sum of the two means, 2 log 2 where D cannot tell.
    """
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating loss of the generator, -E[log D(G(z))].

    It has the fixed points of log(1 - D(G(z))) in eq. 4.6 and a gradient also where D is sure, as in DCGAN (4.3.3).

    Args:
        fake_logits: D(G(z)) before the sigmoid, any shape.
    Returns:
        Scalar.
    """
    return F.softplus(-fake_logits).mean()


class AdversarialLoss(nn.Module, ABC):
    """What discriminator and generator minimize, as one value that a training loop takes.

    With networks D and G and an optimizer for each, the same lines serve every kind:

        d_loss = loss.discriminator(D(real), D(fake.detach()))
        if loss.penalty and step % loss.penalty.every == 0:
            d_loss = d_loss + loss.penalty(D, real, fake)
        g_loss = loss.generator(D(fake))
        loss.update(real_scores, fake_scores)

    Attributes:
        penalty: the term that belongs to the kind, or None. Others, such as R1, can be added to any kind.
    """

    penalty: Penalty | None = None

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the discriminator's loss, a scalar, from the scores of real and of generated samples, any shapes."""

    @abstractmethod
    def generator(self, fake: Tensor) -> Tensor:
        """Return the generator's loss, a scalar, from the scores of generated samples, any shape."""

    def update(self, real: Tensor, fake: Tensor) -> None:
        """Adapt to the scores of a step once it is done, or to their means over all processes; only `BEGAN` does."""


class MMGAN(AdversarialLoss):
    """Minimax GAN (table 2.1, eq. 2.2): the generator minimizes log(1 - D), which is flat where D is sure."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E[log D(x)] - E[log(1 - D(x^))]."""
        return discriminator_loss(real, fake)

    def generator(self, fake: Tensor) -> Tensor:
        """E[log(1 - D(x^))]."""
        return -F.softplus(fake).mean()


class NSGAN(MMGAN):
    """Non-saturating GAN (table 2.1): the loss of G3AN (4.3.3) and, with `R1Penalty`, of MintGAN (5.2.4)."""

    def generator(self, fake: Tensor) -> Tensor:
        """-E[log D(x^)]."""
        return generator_loss(fake)


class WGAN(AdversarialLoss):
    """Wasserstein GAN (table 2.1): scores are any numbers, and D has to be kept from growing steep.

    `clip_singular_values_`, as in TGAN, does that, or the penalty of `WGANGP`.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E[D(x)] + E[D(x^)]."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E[D(x^)]."""
        return -fake.mean()


class WGANGP(WGAN):
    """Wasserstein GAN with gradient penalty (table 2.1).

    Args:
        weight: lambda of the penalty.
    """

    def __init__(self, weight: float = 10.0) -> None:
        super().__init__()
        self.penalty = WGANGPPenalty(weight=weight)


class LSGAN(AdversarialLoss):
    """Least squares GAN (table 2.1): scores of real samples are drawn to 1, of generated ones to 0."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E[(D(x) - 1)^2] + E[D(x^)^2]."""
        return (real - 1).square().mean() + fake.square().mean()

    def generator(self, fake: Tensor) -> Tensor:
        """E[(D(x^) - 1)^2]."""
        return (fake - 1).square().mean()


class DRAGAN(MMGAN):
    """Minimax GAN with a gradient penalty around real samples (table 2.1).

    Args:
        weight: lambda of the penalty.
        deviation: of the noise that leads away from the real samples, in standard deviations of the batch.
    """

    def __init__(self, weight: float = 10.0, deviation: float = 0.5) -> None:
        super().__init__()
        self.penalty = DRAGANPenalty(weight=weight, deviation=deviation)


class BEGAN(AdversarialLoss):
    """Boundary equilibrium GAN (table 2.1): D is an autoencoder, and its scores are `reconstruction_error`.

    Low scores mean "real" here, as D learns to reconstruct real samples well and, by the share k, generated ones badly.
    `update` holds the mean score of generated samples at `diversity` times that of real ones.

    Args:
        diversity: that ratio, 0 to 1: gamma of the method's own paper.
        gain: by how much an error of the balance changes k: lambda_k of the same paper.
    Attributes:
        control: k, 0 to 1, a buffer and so part of the state dict; 0 at first.
    Raises:
        ValueError: if diversity is outside 0 to 1.
    """

    control: Tensor

    def __init__(self, diversity: float = 0.5, gain: float = 1e-3) -> None:
        super().__init__()
        if not 0 <= diversity <= 1:
            raise ValueError(f"diversity={diversity} is outside 0 to 1")
        self.diversity = diversity
        self.gain = gain
        self.register_buffer("control", torch.zeros(()))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E[|x - AE(x)|] - k E[|x^ - AE(x^)|]."""
        return real.mean() - self.control * fake.mean()

    def generator(self, fake: Tensor) -> Tensor:
        """E[|x^ - AE(x^)|]."""
        return fake.mean()

    @torch.no_grad()
    def update(self, real: Tensor, fake: Tensor) -> None:
        """Move k by gain times (diversity times the mean of real scores - that of generated ones)."""
        balance = self.diversity * real.mean() - fake.mean()
        self.control.copy_((self.control + self.gain * balance).clamp(0, 1))


class HingeGAN(AdversarialLoss):
    """Hinge loss, not in table 2.1: D stops to care for real scores above 1 and generated ones below -1."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E[max(0, 1 - D(x))] + E[max(0, 1 + D(x^))]."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E[D(x^)]."""
        return -fake.mean()


def reconstruction_error(inputs: Tensor, reconstruction: Tensor) -> Tensor:
    """Mean absolute difference of each sample from its reconstruction, the scores of `BEGAN`; (b, ...) twice to (b,).

    The 1-norm of table 2.1 divided by the number of values, so that the gain of `BEGAN` does not depend on the size.
    """
    return (inputs - reconstruction).abs().flatten(1).mean(1)


def adversarial_loss(kind: LossKind) -> AdversarialLoss:
    """Build a row of table 2.1, or "hinge", with its default settings, for a training procedure to take.

    Raises:
        ValueError: for another kind.
    """
    kinds: dict[str, type[AdversarialLoss]] = {
        "mm": MMGAN,
        "ns": NSGAN,
        "wgan": WGAN,
        "wgan-gp": WGANGP,
        "lsgan": LSGAN,
        "dragan": DRAGAN,
        "began": BEGAN,
        "hinge": HingeGAN,
    }
    if kind not in kinds:
        raise ValueError(f"kind={kind!r}, wanted one of {', '.join(kinds)}")
    return kinds[kind]()
