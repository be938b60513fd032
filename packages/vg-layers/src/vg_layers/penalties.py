"""Penalties on the gradient of a discriminator (table 2.1, 5.2.4), and on the path length of a generator."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

Discriminator = Callable[[Tensor], Tensor]  # (b, ...) to (b,) or (b, ...), each sample judged by itself


class Penalty(Protocol):
    """A term that a discriminator minimizes beside its loss, at each step whose index `every` divides."""

    @property
    def every(self) -> int: ...  # noqa: D102

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the weighted term, times `every`, so that the steps without it are made up for.

        Args:
            discriminator: the network, or a function that calls it, with its label for instance.
            real: (b, ...).
            fake: generated, of the same shape; no gradient reaches it.
            generator: source of random points, on the CPU; PyTorch's own when None.
        Returns:
            Scalar, differentiable with respect to the weights of the discriminator.
        """
        ...


def r1_penalty(logits: Tensor, inputs: Tensor) -> Tensor:
    """Squared norm of the gradient of the discriminator at real data, averaged over the batch (R1, 5.2.4).

    The caller multiplies by gamma / 2, and by k as well if the penalty is taken at every k-th step only; `R1Penalty`
    does both.

    Args:
        logits: D(inputs), one or more per sample, first axis b; depends on `inputs`.
        inputs: (b, ...), a tensor with requires_grad.
    Returns:
        Scalar, differentiable with respect to the weights of the discriminator.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


@dataclass(frozen=True, kw_only=True)
class _Lazy:
    """What the penalties share: how often they are due."""

    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every={self.every}, wanted 1 (at each step) or more")


@dataclass(frozen=True, kw_only=True)
class R1Penalty(_Lazy):
    """gamma / 2 E[|grad D(x)|^2] at real data, by default lazily, as in StyleGAN2, whose setting 5.2.4 takes over.

    Each discriminator of a system can have its own.
    """

    gamma: float = 10.0
    every: int = 16

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the penalty at `real`; `fake` and `generator` are not used."""
        real = real.detach().requires_grad_()
        return self.every * self.gamma / 2 * r1_penalty(discriminator(real), real)


@dataclass(frozen=True, kw_only=True)
class WGANGPPenalty(_Lazy):
    """lambda E[(|grad D| - 1)^2] at random points between real and generated samples (WGAN-GP in table 2.1)."""

    weight: float = 10.0  # lambda, as in the method's own paper

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the penalty at a x + (1 - a) x^, with a new a in [0, 1] for each pair of samples.

        Raises:
            ValueError: if `fake` has another shape than `real`.
        """
        if fake.shape != real.shape:
            raise ValueError(f"fake has shape {tuple(fake.shape)}, wanted that of real, {tuple(real.shape)}")
        share = torch.rand((len(real),) + (1,) * (real.ndim - 1), generator=generator).to(real)
        points = share * real.detach() + (1 - share) * fake.detach()
        return self.every * self.weight * _distance_from_slope_1(discriminator, points)


@dataclass(frozen=True, kw_only=True)
class DRAGANPenalty(_Lazy):
    """lambda E[(|grad D| - 1)^2] around real samples (DRAGAN in table 2.1)."""

    weight: float = 10.0  # lambda, as in the method's own paper
    deviation: float = 0.5  # of the normal noise, in standard deviations of all numbers in the real batch

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the penalty at `real` with normal noise; `fake` is not used."""
        real = real.detach()
        noise = torch.randn(real.shape, generator=generator).to(real)
        points = real + self.deviation * real.std(correction=0) * noise
        return self.every * self.weight * _distance_from_slope_1(discriminator, points)


class PathLengthPenalty(nn.Module):
    """Path length regularization: a step in latent space should change the images by the same amount everywhere.

    StyleGAN2, whose generator 5.2.2 adapts, trains with it; the thesis does not mention it. The generator minimizes the
    term at each step whose index `every` divides; the result is times `every`.

    Args:
        weight: of the term.
        decay: share of a step's mean length in the running mean.
        every: how often it is due.
    Attributes:
        mean: the running mean of the lengths, a buffer; each call moves it.
    """

    mean: Tensor

    def __init__(self, weight: float = 2.0, decay: float = 0.01, every: int = 4) -> None:
        super().__init__()
        self.weight = weight
        self.decay = decay
        self.every = every
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, images: Tensor, latents: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return weight E[(|J^T y| - mean)^2], where J = d images / d latents and y is normal noise.

        Args:
            images: generated from `latents`, (b, ..., h, w): images or videos.
            latents: (b, d), or (b, l, d) with a latent for each layer or frame, which count by their root mean square.
            generator: source of the noise, on the CPU; PyTorch's own when None.
        Returns:
            Scalar, differentiable with respect to the weights of the generator.
        """
        noise = torch.randn(images.shape, generator=generator).to(images) / math.sqrt(math.prod(images.shape[-2:]))
        (gradient,) = torch.autograd.grad((images * noise).sum(), latents, create_graph=True)
        norms = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
        lengths = norms / math.sqrt(math.prod(latents.shape[1:-1]))
        mean = self.mean + self.decay * (lengths.mean() - self.mean)
        self.mean.copy_(mean.detach())
        return self.every * self.weight * (lengths - mean).square().mean()


def _distance_from_slope_1(discriminator: Discriminator, points: Tensor) -> Tensor:
    """E[(|grad D| - 1)^2] at the points, (b, ...)."""
    points.requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(points).sum(), points, create_graph=True)
    return (torch.linalg.vector_norm(gradient.flatten(1), dim=1) - 1).square().mean()
