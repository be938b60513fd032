import pytest
import torch
from torch import Tensor, nn
from vg_reid.reflect import ReflectConv


@pytest.fixture(params=[(1, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 2), (5, 1, 1)], ids=str)
def pair(request) -> tuple[ReflectConv, nn.Conv2d]:
    """Ours and PyTorch's own with the same weights, by kernel, stride, dilation."""
    kernel, stride, dilation = request.param
    ours = ReflectConv(2, 3, kernel, stride=stride, dilation=dilation).double()
    mode = "reflect" if kernel > 1 else "zeros"
    plain = nn.Conv2d(2, 3, kernel, stride, dilation * (kernel // 2), dilation, padding_mode=mode).double()
    plain.load_state_dict(ours.state_dict())
    return ours, plain


@pytest.mark.parametrize(("height", "width"), [(3, 3), (6, 5), (7, 12)])
def test_it_is_a_convolution_of_mirrored_maps(pair, height, width, rng):
    ours, plain = pair
    x = torch.randn(2, 2, height, width, generator=rng, dtype=torch.float64, requires_grad=True)
    found, wanted = ours(x), plain(x)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    cotangent = torch.randn(found.shape, generator=rng, dtype=torch.float64)
    theirs = torch.autograd.grad(wanted, [x, *plain.parameters()], cotangent)
    for a, b in zip(torch.autograd.grad(found, [x, *ours.parameters()], cotangent), theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_all_its_gradients_have_gradients(pair, rng):
    conv = pair[0]
    x = torch.randn(1, 2, 4, 5, generator=rng, dtype=torch.float64, requires_grad=True)

    def call(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(conv, {"weight": weight, "bias": bias}, x)

    assert torch.autograd.gradgradcheck(call, (x, conv.weight, conv.bias))


def test_a_gradient_it_was_given_stays_as_it_is(pair, rng):
    x = torch.randn(1, 2, 4, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    y = pair[0](x)
    cotangent = torch.randn(y.shape, generator=rng, dtype=torch.float64)
    before = cotangent.clone()
    y.backward(cotangent)
    assert torch.equal(cotangent, before)
