"""Each row of table 2.1 in both directions, as one value that a training loop takes."""

import math
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from vg_layers.adversarial import (
    BEGAN,
    DRAGAN,
    LSGAN,
    MMGAN,
    NSGAN,
    WGAN,
    WGANGP,
    AdversarialLoss,
    HingeGAN,
    LossKind,
    adversarial_loss,
    reconstruction_error,
)
from vg_layers.penalties import DRAGANPenalty, WGANGPPenalty
from vg_layers.spectral import clip_singular_values_

KINDS = get_args(LossKind)


def mean(function, scores: Tensor) -> float:
    return sum(function(score) for score in scores.tolist()) / len(scores)


def probability(score: float) -> float:
    return 1 / (1 + math.exp(-score))


def formulas(kind: str, real: Tensor, fake: Tensor) -> tuple[float, float]:
    """The losses of D and of G, one sample after another, D(x) a probability where the table takes its logarithm."""
    cross_entropy = -mean(lambda s: math.log(probability(s)), real) - mean(lambda s: math.log(1 - probability(s)), fake)
    minimax = mean(lambda s: math.log(1 - probability(s)), fake)
    critic = -mean(float, real) + mean(float, fake)
    return {
        "mm": (cross_entropy, minimax),
        "ns": (cross_entropy, -mean(lambda s: math.log(probability(s)), fake)),
        "wgan": (critic, -mean(float, fake)),
        "wgan-gp": (critic, -mean(float, fake)),
        "lsgan": (mean(lambda s: (s - 1) ** 2, real) + mean(lambda s: s**2, fake), mean(lambda s: (s - 1) ** 2, fake)),
        "dragan": (cross_entropy, minimax),
        "began": (mean(float, real) - 0.3 * mean(float, fake), mean(float, fake)),
        "hinge": (mean(lambda s: max(0, 1 - s), real) + mean(lambda s: max(0, 1 + s), fake), -mean(float, fake)),
    }[kind]


def under_way(kind: LossKind) -> AdversarialLoss:
    """The loss in the middle of a training: at its start, BEGAN's control is 0."""
    loss = adversarial_loss(kind).double()
    if isinstance(loss, BEGAN):
        loss.control.fill_(0.3)
    return loss


def scores(rng, count: int) -> Tensor:
    return torch.randn(count, dtype=torch.float64, generator=rng).requires_grad_()


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_the_formulas_of_table_2_1(kind, rng):
    real, fake = scores(rng, 7), scores(rng, 5)
    loss = under_way(kind)
    for_discriminator, for_generator = formulas(kind, real, fake)
    assert loss.discriminator(real, fake).item() == pytest.approx(for_discriminator, rel=1e-10)
    assert loss.generator(fake).item() == pytest.approx(for_generator, rel=1e-10)
    maps = loss.discriminator(real.detach()[:6].view(2, 1, 3), fake.detach()[:4].view(2, 2))  # such as patch scores
    assert maps.item() == pytest.approx(formulas(kind, real[:6], fake[:4])[0], rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_each_player_gains_by_what_it_should_which_misprinted_signs_would_undo(kind, rng):
    """D tells real from generated, G makes generated look real; in BEGAN a low score means real."""
    real, fake = (0.4 * torch.rand(2, 6, dtype=torch.float64, generator=rng) + 0.3).unbind()  # within all kinks
    real.requires_grad_(), fake.requires_grad_()
    loss, looks_real = under_way(kind), -1 if kind == "began" else 1
    loss.discriminator(real, fake).backward()
    assert (-real.grad * looks_real > 0).all()
    assert (-fake.grad * looks_real < 0).all()
    fake.grad = None
    loss.generator(fake).backward()
    assert (-fake.grad * looks_real > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_second_derivatives(kind, rng):
    loss, real, fake = under_way(kind), scores(rng, 4), scores(rng, 3)
    assert torch.autograd.gradcheck(loss.discriminator, (real, fake))
    assert torch.autograd.gradgradcheck(loss.discriminator, (real, fake))
    assert torch.autograd.gradcheck(loss.generator, fake)
    assert torch.autograd.gradgradcheck(loss.generator, fake)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_stay_finite_at_extreme_scores(kind):
    extreme = torch.tensor([-1e4, 1e4])
    loss = under_way(kind).float()
    assert loss.discriminator(extreme, extreme).isfinite()
    assert loss.generator(extreme).isfinite()


def test_minimax_has_no_gradient_where_the_discriminator_is_sure_and_non_saturating_has():
    for loss, gradient in ((MMGAN(), 0), (NSGAN(), -1)):
        fake = torch.tensor([-100.0], requires_grad=True)
        loss.generator(fake).backward()
        assert fake.grad.item() == pytest.approx(gradient)


def test_every_row_can_be_chosen_by_its_kind():
    rows = {"mm": MMGAN, "ns": NSGAN, "wgan": WGAN, "wgan-gp": WGANGP, "lsgan": LSGAN, "dragan": DRAGAN, "began": BEGAN}
    assert {kind: type(adversarial_loss(kind)) for kind in KINDS} == rows | {"hinge": HingeGAN}
    with pytest.raises(ValueError, match="kind='gan', wanted one of mm, ns, wgan"):
        adversarial_loss("gan")


def test_only_wgan_gp_and_dragan_bring_a_penalty():
    penalties = {kind: adversarial_loss(kind).penalty for kind in KINDS}
    assert penalties.pop("wgan-gp") == WGANGPPenalty(weight=10)
    assert penalties.pop("dragan") == DRAGANPenalty(weight=10, deviation=0.5)
    assert set(penalties.values()) == {None}
    assert WGANGP(weight=3).penalty.weight == 3
    assert (DRAGAN(2, 0.1).penalty.weight, DRAGAN(2, 0.1).penalty.deviation) == (2, 0.1)


# --- BEGAN's control --------------------------------------------------------------------------------------------------


def test_control_follows_its_recurrence_within_0_and_1(rng):
    loss, k = BEGAN(diversity=0.4, gain=0.5), 0.0
    seen = []
    for step in range(40):
        real, fake = torch.rand(5, generator=rng) + 1, torch.rand(3, generator=rng) * (step % 8) / 3
        loss.update(real.requires_grad_(), fake)
        k = min(1, max(0, k + 0.5 * (0.4 * real.mean().item() - fake.mean().item())))
        assert loss.control.item() == pytest.approx(k, abs=1e-5)
        seen.append(k)
    assert (min(seen), max(seen)) == (0, 1)
    assert not loss.control.requires_grad


def test_control_depends_on_mean_scores_only_so_processes_can_agree(rng):
    whole, parts = BEGAN(gain=0.1), BEGAN(gain=0.1)
    real, fake = torch.rand(6, generator=rng) + 2, torch.rand(6, generator=rng)
    whole.update(real, fake)
    parts.update(*((x[:3].mean() + x[3:].mean()) / 2 for x in (real, fake)))  # as `Engine.all_reduce` returns
    torch.testing.assert_close(parts.control, whole.control)


def test_control_is_state_and_belongs_to_one_loss():
    loss, other = BEGAN(gain=0.1), BEGAN(gain=0.1)
    loss.update(torch.ones(2), torch.zeros(2))
    assert list(loss.state_dict()) == ["control"]
    assert (loss.control.item(), other.control.item()) == (pytest.approx(0.05), 0)
    other.load_state_dict(loss.state_dict())
    for each in (loss, other):
        each.update(torch.ones(2), torch.zeros(2))
    assert torch.equal(loss.control, other.control)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "began"])
def test_other_kinds_have_no_state(kind):
    loss = adversarial_loss(kind)
    loss.update(torch.ones(2), torch.zeros(2))
    assert loss.state_dict() == {}


def test_diversity_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"diversity=1\.5 is outside 0 to 1"):
        BEGAN(diversity=1.5)


def test_reconstruction_error_is_the_mean_absolute_difference_of_each_sample(rng):
    x, y = torch.randn(2, 3, 2, 4, 5, dtype=torch.float64, generator=rng)
    expected = [
        sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 40
        for p, q in zip(x.flatten(1).tolist(), y.flatten(1).tolist(), strict=True)
    ]
    assert reconstruction_error(x, y).tolist() == pytest.approx(expected)
    assert torch.autograd.gradcheck(reconstruction_error, (x[:1].requires_grad_(), y[:1].requires_grad_()))


# --- one loop for all -------------------------------------------------------------------------------------------------


class Prototype(nn.Module):
    """The least autoencoder, with a code of no numbers, as the discriminator that BEGAN wants."""

    def __init__(self) -> None:
        super().__init__()
        self.point = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        return reconstruction_error(x, self.point.expand_as(x))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_lines_train_with_every_kind(kind, rng):
    """Points that start around the origin go where the real ones are, around (2, -2)."""
    loss = adversarial_loss(kind)
    judge = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    discriminator = Prototype() if kind == "began" else judge
    target, place = torch.tensor([2.0, -2.0]), nn.Parameter(torch.zeros(2))
    d_step = torch.optim.Adam(discriminator.parameters(), 0.02, betas=(0.5, 0.9))
    g_step = torch.optim.Adam([place], 0.01, betas=(0.5, 0.9))
    places = []
    for _ in range(400):
        real = target + torch.randn(32, 2, generator=rng)
        fake = place + torch.randn(32, 2, generator=rng)

        real_scores, fake_scores = discriminator(real), discriminator(fake.detach())
        d_loss = loss.discriminator(real_scores, fake_scores)
        if loss.penalty:
            d_loss = d_loss + loss.penalty(discriminator, real, fake, rng)
        d_step.zero_grad()
        d_loss.backward()
        d_step.step()
        if kind == "wgan":
            clip_singular_values_(discriminator)

        g_step.zero_grad()
        loss.generator(discriminator(fake)).backward()
        g_step.step()
        loss.update(real_scores, fake_scores)
        places.append(place.detach().clone())
    around = torch.stack(places[200:]).mean(0)  # the players circle about their meeting point
    assert (around - target).norm() < 1.4  # half of what it was at first
