"""Adversarial losses on logits, and the gradient penalty of the discriminator."""

import torch
from torch import Tensor
from torch.nn import functional as F


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


def r1_penalty(logits: Tensor, inputs: Tensor) -> Tensor:
    """Squared norm of the gradient of the discriminator at real data, averaged over the batch (R1, 5.2.4).

    The caller multiplies by gamma / 2, and by k as well if the penalty is taken at every k-th step only.

    Args:
        logits: D(inputs), one or more per sample, first axis b; depends on `inputs`.
        inputs: (b, ...), a tensor with requires_grad.
    Returns:
        Scalar, differentiable with respect to the weights of the discriminator.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()
