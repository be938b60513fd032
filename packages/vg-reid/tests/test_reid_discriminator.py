import pytest
import torch
import torch.nn.functional as F
from vg_layers.adversarial import r1_penalty
from vg_reid.discriminator import Discriminator, DiscriminatorConfig

TINY = DiscriminatorConfig(scales=2, channels=4, blocks=1)


def test_discriminator_has_1025571_parameters():
    assert sum(p.numel() for p in Discriminator().parameters()) == 1_025_571


def test_thesis_sizes_of_the_three_scales(rng):
    logits = Discriminator()(torch.randn(1, 3, 256, 128, generator=rng))
    assert [tuple(scale.shape) for scale in logits] == [(1, 1, 64, 32), (1, 1, 32, 16), (1, 1, 16, 8)]


@pytest.mark.parametrize(("height", "width"), [(128, 64), (37, 19), (9, 9)])
def test_sizes_are_rounded_up_at_each_scale(height, width, rng):
    fine, coarse = Discriminator(TINY)(torch.randn(2, 3, height, width, generator=rng))
    assert fine.shape == (2, 1, -(-height // 4), -(-width // 4))
    assert coarse.shape == (2, 1, -(-height // 8), -(-width // 8))


def test_the_coarse_net_judges_the_mean_of_neighbors_inside_the_image(rng):
    discriminator = Discriminator(TINY).double()
    images = torch.randn(1, 3, 12, 9, generator=rng, dtype=torch.float64)
    pooled = torch.zeros(1, 3, 6, 5, dtype=torch.float64)
    for row in range(6):
        for column in range(5):
            rows = slice(max(0, 2 * row - 1), 2 * row + 2)
            columns = slice(max(0, 2 * column - 1), 2 * column + 2)
            pooled[:, :, row, column] = images[:, :, rows, columns].mean((2, 3))
    torch.testing.assert_close(discriminator(images)[1], discriminator.nets[1](pooled), rtol=1e-9, atol=1e-9)


def test_a_patch_is_judged_by_what_is_near_it(rng):
    discriminator = Discriminator(TINY)
    images = torch.randn(1, 3, 128, 64, generator=rng)
    changed = images.clone()
    changed[..., 96:, :] += 1
    before, after = discriminator(images)[0], discriminator(changed)[0]
    assert torch.equal(before[..., :16, :], after[..., :16, :])
    assert not torch.equal(before[..., 24:, :], after[..., 24:, :])


@pytest.mark.parametrize("std", [0.02, 0.1])
def test_first_weights_are_normal_with_the_deviation_asked_for(std):
    weights = torch.cat(
        [p.flatten() for p in Discriminator(DiscriminatorConfig(init_std=std)).parameters() if p.dim() > 1]
    )
    assert float(weights.detach().std()) == pytest.approx(std, rel=0.01)


def test_with_few_channels_larger_first_weights_let_d_tell_images_apart(rng):
    images = torch.randn(8, 3, 128, 64, generator=rng)
    blind, seeing = (Discriminator(DiscriminatorConfig(channels=16, blocks=1, init_std=std)) for std in (0.02, 0.1))
    assert blind(images)[0].std() < 1e-6 < 1e-4 < seeing(images)[0].std()


def test_discriminator_is_differentiable_twice(rng):
    discriminator = Discriminator(TINY).double()
    for parameter in discriminator.parameters():  # the released 0.02 makes the logits nearly constant
        parameter.data.normal_(std=0.3, generator=rng)
    images = torch.randn(1, 3, 9, 9, generator=rng, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: tuple(discriminator(x)), images, fast_mode=True)
    torch.autograd.gradgradcheck(lambda x: tuple(discriminator(x)), images, fast_mode=True)


def test_the_gradient_penalty_has_a_gradient_for_the_weights_of_each_scale(rng):
    discriminator = Discriminator(TINY)
    images = torch.randn(2, 3, 32, 16, generator=rng, requires_grad=True)
    torch.stack([r1_penalty(logits, images) for logits in discriminator(images)]).sum().backward()
    weights = {name: p for name, p in discriminator.named_parameters() if name.endswith("weight")}
    assert all(weight.grad.abs().sum() > 0 for weight in weights.values())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3, 16, 128), "images has 16x128 pixels, wanted at least 17x17"),
        ((2, 1, 256, 128), r"images has shape \(2, 1, 256, 128\), wanted \(b, 3, h, w\)"),
    ],
)
def test_images_that_cannot_be_judged_are_an_error(shape, message):
    with pytest.raises(ValueError, match=message):
        Discriminator(DiscriminatorConfig(channels=2, blocks=1))(torch.zeros(shape))


def test_the_least_size_is_enough_for_the_coarsest_scale():
    config = DiscriminatorConfig(channels=2, blocks=1)
    assert F.relu(Discriminator(config)(torch.zeros(1, 3, config.least, config.least))[-1]).shape == (1, 1, 2, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scales": 0}, "scales=0"),
        ({"blocks": 0}, "blocks=0"),
        ({"channels": 3}, "channels=3, wanted an even number"),
        ({"init_std": 0.0}, "init_std=0.0, wanted above 0"),
    ],
)
def test_wrong_settings_are_an_error(settings, message):
    with pytest.raises(ValueError, match=message):
        DiscriminatorConfig(**settings)
