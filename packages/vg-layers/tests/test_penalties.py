"""Gradient penalties against closed forms and slow loops, and their derivatives with respect to the weights."""

import math

import pytest
import torch
from torch import Tensor, nn
from vg_layers.penalties import DRAGANPenalty, PathLengthPenalty, R1Penalty, WGANGPPenalty

ON_DISCRIMINATOR = [R1Penalty(gamma=3, every=2), WGANGPPenalty(weight=4, every=3), DRAGANPenalty(weight=5)]


def net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0)).double()


def samples(rng, count: int = 3) -> Tensor:
    return torch.randn(count, 2, 1, 3, dtype=torch.float64, generator=rng)


def slopes(discriminator, points: Tensor, step: float = 1e-5) -> list[float]:
    """The norm of the gradient at each point, by central differences."""
    norms = []
    for point in points.detach():
        squares = 0.0
        for i in range(point.numel()):
            nudge = torch.zeros(point.numel(), dtype=torch.float64)
            nudge[i] = step
            ends = [discriminator((point + sign * nudge.view_as(point)).unsqueeze(0)).item() for sign in (1, -1)]
            squares += ((ends[0] - ends[1]) / (2 * step)) ** 2
        norms.append(math.sqrt(squares))
    return norms


def test_r1_is_half_gamma_times_the_mean_squared_slope_at_real_samples(rng):
    discriminator, real = net(), samples(rng)
    expected = 2 * 3 / 2 * sum(slope**2 for slope in slopes(discriminator, real)) / 3
    penalty = R1Penalty(gamma=3, every=2)(discriminator, real, samples(rng) * math.nan)
    assert penalty.item() == pytest.approx(expected, rel=1e-6)


def test_r1_is_lazy_with_the_settings_of_stylegan2_by_default():
    assert (R1Penalty().gamma, R1Penalty().every) == (10, 16)


def test_wgan_gp_of_table_2_1_looks_between_real_and_generated_samples(rng):
    discriminator, real, fake = net(), samples(rng), samples(rng)
    share = torch.rand(3, 1, 1, 1, generator=torch.Generator().manual_seed(5)).double()
    points = share * real + (1 - share) * fake
    expected = 3 * 4 * sum((slope - 1) ** 2 for slope in slopes(discriminator, points)) / 3
    penalty = WGANGPPenalty(weight=4, every=3)(discriminator, real, fake, torch.Generator().manual_seed(5))
    assert penalty.item() == pytest.approx(expected, rel=1e-6)


def test_dragan_of_table_2_1_looks_around_real_samples(rng):
    discriminator, real = net(), samples(rng)
    noise = torch.randn(real.shape, generator=torch.Generator().manual_seed(5)).double()
    points = real + 0.7 * real.flatten().var(correction=0).sqrt() * noise
    expected = 5 * sum((slope - 1) ** 2 for slope in slopes(discriminator, points)) / 3
    dragan = DRAGANPenalty(weight=5, deviation=0.7)
    penalty = dragan(discriminator, real, samples(rng) * math.nan, torch.Generator().manual_seed(5))
    assert penalty.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("norm", [0.0, 1.0, 2.5])
def test_penalties_of_a_linear_discriminator_depend_on_its_norm_alone(norm, rng):
    direction = torch.randn(6, dtype=torch.float64, generator=rng)
    weight = (norm * direction / direction.norm()).requires_grad_()

    def discriminator(x: Tensor) -> Tensor:
        return x.flatten(1) @ weight

    real, fake = samples(rng), samples(rng)
    for penalty, expected in (
        (R1Penalty(gamma=10, every=1), 5 * norm**2),
        (WGANGPPenalty(), 10 * (norm - 1) ** 2),
        (DRAGANPenalty(), 10 * (norm - 1) ** 2),
    ):
        value = penalty(discriminator, real, fake)
        assert value.item() == pytest.approx(expected, abs=1e-10)
        assert torch.autograd.grad(value, weight)[0].isfinite().all()  # at norm 0 the slope has no direction


@pytest.mark.parametrize("penalty", ON_DISCRIMINATOR, ids=lambda penalty: type(penalty).__name__)
def test_first_and_second_derivatives_with_respect_to_the_weights(penalty, rng):
    """A discriminator that lost its second derivative would have gradients of 0 here."""
    discriminator, real, fake = net(), samples(rng, 2), samples(rng, 2)
    names = ["1.weight", "3.weight"]
    weights = [discriminator.get_parameter(name).detach().requires_grad_() for name in names]

    def value(*weights: Tensor) -> Tensor:
        def judge(x: Tensor) -> Tensor:
            return torch.func.functional_call(discriminator, dict(zip(names, weights, strict=True)), (x,))

        return penalty(judge, real, fake, torch.Generator().manual_seed(1))

    assert all(gradient.abs().max() > 0 for gradient in torch.autograd.grad(value(*weights), weights))
    assert torch.autograd.gradcheck(value, weights)
    assert torch.autograd.gradgradcheck(value, weights)


@pytest.mark.parametrize("penalty", ON_DISCRIMINATOR, ids=lambda penalty: type(penalty).__name__)
def test_no_gradient_reaches_the_samples(penalty, rng):
    real, fake = samples(rng).requires_grad_(), samples(rng).requires_grad_()
    penalty(net(), real, fake).backward()
    assert real.grad is None
    assert fake.grad is None


@pytest.mark.parametrize("penalty", ON_DISCRIMINATOR, ids=lambda penalty: type(penalty).__name__)
def test_penalties_take_videos_maps_of_logits_and_batches_of_one(penalty, rng):
    discriminator = nn.Sequential(nn.Conv3d(3, 2, 3, padding=1), nn.Softplus())
    real, fake = torch.randn(2, 1, 3, 1, 5, 4, generator=rng)
    penalty(discriminator, real, fake, rng).backward()
    assert discriminator[0].weight.grad.abs().max() > 0


def test_generated_samples_of_another_shape_are_refused(rng):
    with pytest.raises(ValueError, match=r"fake has shape \(2, 2, 1, 3\), wanted that of real, \(3, 2, 1, 3\)"):
        WGANGPPenalty()(net(), samples(rng), samples(rng, 2))


@pytest.mark.parametrize("penalty", [R1Penalty, WGANGPPenalty, DRAGANPenalty])
def test_a_penalty_is_due_at_least_now_and_then(penalty):
    with pytest.raises(ValueError, match="every=0, wanted 1"):
        penalty(every=0)


# --- path length ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latent", [(4,), (3, 4)])
def test_path_length_is_that_of_the_jacobian_along_noise_less_its_running_mean(latent, rng):
    count = math.prod(latent)
    matrix = torch.randn(2 * 3 * 5, count, dtype=torch.float64, generator=rng)
    penalty, mean = PathLengthPenalty(weight=3, decay=0.1, every=2).double(), 0.0
    for seed in range(3):
        w = torch.randn(2, *latent, dtype=torch.float64, generator=rng, requires_grad=True)
        images = ((w.flatten(1) ** 2) @ matrix.T).view(2, 2, 3, 5)  # J = 2 M diag(w)
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed)).double() / 15**0.5
        lengths = []
        for b in range(2):
            along = (2 * matrix * w[b].detach().flatten()).T @ noise[b].flatten()
            rows = along.view(-1, latent[-1])
            lengths.append(math.sqrt(sum(row.square().sum().item() for row in rows) / len(rows)))
        mean += 0.1 * (sum(lengths) / 2 - mean)
        expected = 2 * 3 * sum((length - mean) ** 2 for length in lengths) / 2
        value = penalty(images, w, torch.Generator().manual_seed(seed))
        assert value.item() == pytest.approx(expected, rel=1e-10)
        assert penalty.mean.item() == pytest.approx(mean, rel=1e-10)


def test_path_length_has_derivatives_with_respect_to_the_weights_of_the_generator(rng):
    weight = torch.randn(3, 8, dtype=torch.float64, generator=rng, requires_grad=True)
    w = torch.randn(2, 3, dtype=torch.float64, generator=rng, requires_grad=True)

    def value(weight: Tensor) -> Tensor:
        images = torch.tanh(w @ weight).view(2, 2, 2, 2)
        return PathLengthPenalty().double()(images, w, torch.Generator().manual_seed(1))

    assert torch.autograd.grad(value(weight), weight)[0].abs().max() > 0
    assert torch.autograd.gradcheck(value, weight)
    assert torch.autograd.gradgradcheck(value, weight)


def test_the_mean_path_length_is_state_of_its_own(rng):
    penalty, other = PathLengthPenalty(), PathLengthPenalty()
    w = torch.randn(2, 3, generator=rng, requires_grad=True)
    penalty((w @ torch.randn(3, 8, generator=rng)).view(2, 2, 2, 2), w)
    assert list(penalty.state_dict()) == ["mean"]
    assert penalty.mean > 0
    assert other.mean == 0
    other.load_state_dict(penalty.state_dict())
    assert torch.equal(other.mean, penalty.mean)
