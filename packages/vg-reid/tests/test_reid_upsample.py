import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vg_reid.upsample import UpsampledConv


@pytest.mark.parametrize(("height", "width"), [(2, 2), (2, 5), (3, 2), (7, 4), (16, 9)])
def test_it_is_upsampling_and_then_a_convolution(height, width, rng):
    conv = UpsampledConv(3, 4).double()
    x = torch.randn(2, 3, height, width, generator=rng, dtype=torch.float64, requires_grad=True)
    plain = nn.Conv2d(3, 4, 5).double()
    plain.load_state_dict(conv.state_dict())
    wanted = plain(F.pad(F.interpolate(x, scale_factor=2), (2, 2, 2, 2), "reflect"))
    found = conv(x)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    cotangent = torch.randn(found.shape, generator=rng, dtype=torch.float64)
    ours = torch.autograd.grad(found, [x, *conv.parameters()], cotangent)
    theirs = torch.autograd.grad(wanted, [x, *plain.parameters()], cotangent)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_its_gradients_have_gradients(rng):
    conv = UpsampledConv(1, 2).double()
    x = torch.randn(1, 1, 3, 2, generator=rng, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(conv, x)
