"""Each form of the transposed 2-D convolution against PyTorch's own operator, and the rule that chooses."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F
from vg_layers import deconv2d as module
from vg_layers.deconv2d import deconv2d

PRODUCT, LIBRARY = 1e9, -1  # values of FEW for which every map, or none, has few positions
WINDOWS = [  # kernel, stride, padding, each along h and w
    ((4, 4), (2, 2), (1, 1)),
    ((1, 1), (1, 1), (0, 0)),
    ((4, 4), (1, 1), (0, 0)),
    ((4, 1), (2, 1), (1, 0)),
    ((3, 2), (2, 3), (1, 0)),
    ((1, 1), (2, 2), (0, 0)),
    ((2, 3), (3, 1), (0, 1)),
]
SHAPES = [(2, 3, 4, 5), (1, 2, 2, 1), (3, 5, 1, 2)]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("few", [PRODUCT, LIBRARY])
@pytest.mark.parametrize("bias", [True, False])
def test_every_form_is_conv_transpose2d_with_its_gradients(few, shape, window, bias, rng, monkeypatch):
    monkeypatch.setattr(module, "FEW", few)
    kernel, stride, padding = window
    x, weight = torch.randn(shape, generator=rng).double(), torch.randn(shape[1], 4, *kernel, generator=rng).double()
    inputs = [x, weight, *([torch.randn(4, generator=rng).double()] if bias else [])]
    inputs = [value.requires_grad_() for value in inputs]
    given = (*inputs, *([] if bias else [None]), stride, padding)
    expected = F.conv_transpose2d(*given)
    y = deconv2d(*given)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    direction = torch.randn(y.shape, generator=rng).double()
    for ours, theirs in zip(
        torch.autograd.grad(y, inputs, direction), torch.autograd.grad(expected, inputs, direction), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("few", [PRODUCT, LIBRARY])
def test_second_derivatives_of_every_form(few, window, rng, monkeypatch):
    monkeypatch.setattr(module, "FEW", few)
    kernel, stride, padding = window
    shapes = [(1, 2, 3, 2), (2, 2, *kernel), (2,)]
    inputs = [torch.randn(shape, generator=rng).double().requires_grad_() for shape in shapes]
    assert gradcheck(lambda *given: deconv2d(*given, stride, padding), inputs, fast_mode=True)
    assert gradgradcheck(lambda *given: deconv2d(*given, stride, padding), inputs, fast_mode=True)


@pytest.mark.parametrize("few", [PRODUCT, LIBRARY])
def test_a_penalty_on_the_gradient_trains_the_weight(few, rng, monkeypatch):
    """It fails where a backward pass is not part of the graph."""
    monkeypatch.setattr(module, "FEW", few)
    x, weight = torch.randn(1, 2, 3, 3, generator=rng).double(), torch.randn(2, 2, 4, 4, generator=rng).double()
    second = []
    for op in (deconv2d, F.conv_transpose2d):
        x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(op(x, weight, None, (2, 2), (1, 1)).square().sum(), x, create_graph=True)
        second.append(torch.autograd.grad(gradient.square().sum(), weight)[0])
    assert second[1].abs().max() > 0.1
    torch.testing.assert_close(*second, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_weight_larger_than_its_map_is_multiplied_and_a_smaller_one_convolved(channels, rng, monkeypatch):
    """2 x 2 x 2 positions are few for 4 channels, and not for 3."""
    calls = []
    product = module._product
    monkeypatch.setattr(module, "_product", lambda *args: calls.append(args) or product(*args))
    x, weight = torch.randn(2, channels, 2, 2, generator=rng), torch.randn(channels, 5, 4, 4, generator=rng)
    y = deconv2d(x, weight, None, (2, 2), (1, 1))
    torch.testing.assert_close(y, F.conv_transpose2d(x, weight, None, 2, 1))
    assert len(calls) == (channels == 4)


@pytest.mark.parametrize("few", [PRODUCT, LIBRARY])
@pytest.mark.parametrize("window", WINDOWS[:4])
def test_an_empty_batch_is_accepted(few, window, monkeypatch):
    monkeypatch.setattr(module, "FEW", few)
    kernel, stride, padding = window
    x, weight = torch.zeros(0, 3, 4, 4, requires_grad=True), torch.zeros(3, 2, *kernel, requires_grad=True)
    y = deconv2d(x, weight, torch.zeros(2), stride, padding)
    assert y.shape == F.conv_transpose2d(x, weight, None, stride, padding).shape
    y.sum().backward()
    assert not weight.grad.any()


@pytest.mark.parametrize("window", WINDOWS[:3])
@pytest.mark.parametrize("few", [PRODUCT, LIBRARY])
def test_lower_precision_by_dtype_and_by_autocast(few, window, rng, monkeypatch):
    monkeypatch.setattr(module, "FEW", few)
    kernel, stride, padding = window
    x, bias = torch.randn(2, 8, 4, 4, generator=rng), torch.randn(4, generator=rng)
    weight = torch.randn(8, 4, *kernel, generator=rng) / 8
    expected = F.conv_transpose2d(x, weight, bias, stride, padding)
    low = deconv2d(x.bfloat16(), weight.bfloat16(), bias.bfloat16(), stride, padding)
    given = [value.requires_grad_() for value in (x, weight, bias)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        automatic = deconv2d(*given, stride, padding)
    for y in (low, automatic):
        assert y.dtype == torch.bfloat16
        torch.testing.assert_close(y.float(), expected, rtol=3e-2, atol=3e-2)
    automatic.sum().backward()
    assert {value.grad.dtype for value in given} == {torch.float32}
