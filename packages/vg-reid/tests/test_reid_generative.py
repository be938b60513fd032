import math

import pytest
import torch
from vg_reid.discriminator import Discriminator, DiscriminatorConfig
from vg_reid.generative import (
    GenerativeConfig,
    discriminator_loss,
    feature_loss,
    gan_loss,
    generator_loss,
    image_loss,
)

OFFICIAL = GenerativeConfig(adversarial="lsgan_r1", features="official")


@pytest.fixture
def discriminator(rng) -> Discriminator:
    net = Discriminator(DiscriminatorConfig(scales=2, channels=4, blocks=1)).double()
    for parameter in net.parameters():
        parameter.data.normal_(std=0.3, generator=rng)
    return net


def images(rng, count: int) -> list[torch.Tensor]:
    return [torch.randn(2, 3, 16, 12, generator=rng, dtype=torch.float64) for _ in range(count)]


def test_image_loss_is_equation_6_1(rng):
    x, recon, cycle = images(rng, 3)
    total = 0.0
    for a, b, c in zip(x.flatten().tolist(), recon.flatten().tolist(), cycle.flatten().tolist(), strict=True):
        total += abs(a - b) + abs(a - c)
    assert image_loss(x, recon, cycle).item() == pytest.approx(total / x.numel(), rel=1e-12)


def test_feature_loss_is_equation_6_2_and_leaves_its_target_alone(rng):
    code, new, cycle = (torch.randn(2, 12, generator=rng, requires_grad=True) for _ in range(3))
    loss = feature_loss(code, new, cycle)
    torch.testing.assert_close(loss, (code - new).abs().mean() + (code - cycle).abs().mean())
    loss.backward()
    assert code.grad is None
    assert new.grad.abs().sum() > 0 and cycle.grad.abs().sum() > 0


def test_adversarial_loss_is_equation_6_3(discriminator, rng):
    """Minus the log likelihood, one view, one scale and one patch after another."""
    real, *views = images(rng, 4)
    expected = 0.0
    for view in views:
        for at_real, at_fake in zip(discriminator(real), discriminator(view), strict=True):
            for logit in at_real.flatten().tolist():
                expected -= math.log(1 / (1 + math.exp(-logit))) / at_real.numel()
            for logit in at_fake.flatten().tolist():
                expected -= math.log(1 - 1 / (1 + math.exp(-logit))) / at_fake.numel()
    assert discriminator_loss(discriminator, real, views).item() == pytest.approx(expected, rel=1e-10)


def test_generator_minimizes_the_non_saturating_form_of_equation_6_3(discriminator, rng):
    views = images(rng, 3)
    probabilities = [logits.sigmoid() for view in views for logits in discriminator(view)]
    expected = sum(-p.log().mean() for p in probabilities)
    torch.testing.assert_close(generator_loss(discriminator, views), expected)


def test_official_losses_are_least_squares_with_r1_once_a_view(discriminator, rng):
    real, *views = images(rng, 4)
    expected = 0.0
    for view in views:  # as the released code does it, with a pass of the real images for each view
        x = real.clone().requires_grad_()
        for at_real, at_fake in zip(discriminator(x), discriminator(view), strict=True):
            (gradient,) = torch.autograd.grad(at_real.sum(), x, create_graph=True)
            r1 = gradient.square().sum((1, 2, 3)).mean()
            expected += at_fake.square().mean() + (at_real - 1).square().mean() + 0.01 * r1
    found = discriminator_loss(discriminator, real, views, OFFICIAL)
    torch.testing.assert_close(found, expected)

    parameters = list(discriminator.parameters())
    for ours, theirs in zip(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(ours, theirs)

    doubled = sum(2 * (logits - 1).square().mean() for view in views for logits in discriminator(view))
    torch.testing.assert_close(generator_loss(discriminator, views, OFFICIAL), doubled)


@pytest.mark.parametrize("config", [GenerativeConfig(), OFFICIAL])
def test_discriminator_loss_trains_the_discriminator_alone(config, discriminator, rng):
    real, *views = images(rng, 4)
    for view in (real, *views):
        view.requires_grad_()
    discriminator_loss(discriminator, real, views, config).backward()
    assert all(view.grad is None for view in (real, *views))
    assert all(p.grad.abs().sum() > 0 for name, p in discriminator.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize("config", [GenerativeConfig(), OFFICIAL])
def test_generator_loss_reaches_each_view_through_a_frozen_discriminator(config, discriminator, rng):
    views = [view.requires_grad_() for view in images(rng, 3)]
    discriminator.requires_grad_(False)
    generator_loss(discriminator, views, config).backward()
    assert all(view.grad.abs().sum() > 0 for view in views)
    assert all(parameter.grad is None for parameter in discriminator.parameters())


def test_gan_loss_is_equation_6_4_with_lambdas_of_5():
    image, feature, adversarial = torch.tensor(2.0), torch.tensor(3.0), torch.tensor(7.0)
    assert gan_loss(image, feature, adversarial, GenerativeConfig()).item() == 5 * 2 + 5 * 3 + 7
    weights = GenerativeConfig(image_weight=0.5, feature_weight=2.0)
    assert gan_loss(image, feature, adversarial, weights).item() == 1 + 6 + 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adversarial": "hinge"}, "adversarial='hinge', wanted one of log, lsgan_r1"),
        ({"features": "mine"}, "features='mine', wanted one of thesis, official"),
    ],
)
def test_wrong_settings_are_an_error(settings, message):
    with pytest.raises(ValueError, match=message):
        GenerativeConfig(**settings)
