import copy

import pytest
import torch
from torch import nn
from vg_layers import spectral_norm


def convolution(rng: torch.Generator, kind: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv3d) -> nn.Conv2d | nn.Conv3d:
    conv = kind(3, 5, 2)
    nn.init.normal_(conv.weight, generator=rng)
    return spectral_norm(conv)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.Conv3d])
def test_the_largest_singular_value_becomes_one(kind, rng):
    conv = convolution(rng, kind)
    for _ in range(200):
        weight = conv.weight
    assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-4)


def test_reading_in_training_mode_is_one_power_iteration_of_v_then_u(rng):
    conv = convolution(rng)
    norm, matrix = conv.parametrizations.weight[0], conv.parametrizations.weight.original.flatten(1)
    u = torch.randn(5, generator=rng)
    norm._u.copy_(u / u.norm())
    v = matrix.T @ u / (matrix.T @ u).norm()
    u = matrix @ v / (matrix @ v).norm()
    torch.testing.assert_close(conv.weight.flatten(1), matrix / (u @ matrix @ v))
    torch.testing.assert_close((norm._u, norm._v), (u.detach(), v.detach()))
    conv.eval()
    assert torch.equal(conv.weight, conv.weight)
    torch.testing.assert_close((norm._u, norm._v), (u.detach(), v.detach()))


def test_two_forwards_before_a_backward_keep_their_own_gradients(rng):
    conv = convolution(rng)
    x, y = (torch.randn(1, 3, 3, 3, 3, generator=rng) for _ in range(2))
    apart = copy.deepcopy(conv)
    wanted = [torch.autograd.grad(apart(z).square().sum(), apart.parameters()) for z in (x, y)]
    first, second = conv(x).square().sum(), conv(y).square().sum()
    found = [torch.autograd.grad(loss, conv.parameters()) for loss in (first, second)]
    torch.testing.assert_close(found, wanted)


def test_gradients_of_both_orders(rng):
    conv = convolution(rng).double().eval()
    original = conv.parametrizations.weight.original.detach().clone().requires_grad_()
    norm = conv.parametrizations.weight[0]
    assert torch.autograd.gradcheck(norm, original)
    assert torch.autograd.gradgradcheck(norm, original)


def test_autocast_leaves_the_norm_in_full_precision(rng):
    conv = convolution(rng).eval()
    with torch.autocast("cpu", torch.bfloat16):
        weight = conv.weight
        assert conv(torch.randn(1, 3, 3, 3, 3, generator=rng)).dtype == torch.bfloat16
    torch.testing.assert_close(weight, conv.weight, rtol=0, atol=0)
