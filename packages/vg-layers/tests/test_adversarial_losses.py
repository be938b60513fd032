"""Adversarial losses against the formulas on probabilities, and R1 against finite differences."""

import math

import pytest
import torch
from torch import nn
from vg_layers import discriminator_loss, generator_loss, r1_penalty


def test_discriminator_loss_is_the_negative_of_equation_4_6(rng):
    real, fake = torch.randn(2, 7, dtype=torch.float64, generator=rng)
    expected = -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    torch.testing.assert_close(discriminator_loss(real, fake), expected)
    with_logits = nn.functional.binary_cross_entropy_with_logits
    torch.testing.assert_close(with_logits(real, real * 0 + 1) + with_logits(fake, fake * 0), expected)


def test_an_undecided_discriminator_pays_twice_log_two():
    assert discriminator_loss(torch.zeros(3), torch.zeros(5)).item() == pytest.approx(2 * math.log(2))


def test_generator_loss_is_non_saturating(rng):
    fake = torch.randn(7, dtype=torch.float64, generator=rng)
    torch.testing.assert_close(generator_loss(fake), -fake.sigmoid().log().mean())
    sure = torch.tensor([-100.0], requires_grad=True)  # log(1 - D) would have no gradient left here
    generator_loss(sure).backward()
    assert sure.grad.item() == pytest.approx(-1)


def test_losses_stay_finite_at_extreme_logits():
    logits = torch.tensor([-1e4, 1e4])
    assert discriminator_loss(logits, logits).item() == pytest.approx(1e4)
    assert generator_loss(logits).item() == pytest.approx(5e3)


def test_r1_penalty_is_the_mean_squared_norm_of_the_gradient(rng):
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    x = torch.randn(3, 2, 3, 2, dtype=torch.float64, generator=rng, requires_grad=True)
    penalty = r1_penalty(discriminator(x).squeeze(1), x)
    step, slow = 1e-5, 0.0
    for i, j in [(i, j) for i in range(3) for j in range(12)]:
        nudge = torch.zeros_like(x).view(3, 12)
        nudge[i, j] = step
        with torch.no_grad():
            difference = discriminator(x + nudge.view_as(x)) - discriminator(x - nudge.view_as(x))
        slow += (difference[i].item() / (2 * step)) ** 2
    assert penalty.item() == pytest.approx(slow / 3, rel=1e-6)


def test_gradient_of_r1_penalty_reaches_the_weights_of_a_convolutional_discriminator(rng):
    conv = nn.Conv3d(1, 2, (2, 3, 3), stride=(1, 2, 2), padding=1).double()
    x = torch.randn(2, 1, 2, 4, 3, dtype=torch.float64, generator=rng, requires_grad=True)

    def penalty(weight: torch.Tensor) -> torch.Tensor:
        maps = torch.func.functional_call(conv, {"weight": weight}, (x,))
        return r1_penalty(nn.functional.softplus(maps).flatten(1).sum(1), x)

    assert torch.autograd.gradcheck(penalty, conv.weight)
    assert torch.autograd.grad(penalty(conv.weight), conv.weight)[0].abs().max() > 0
