"""Pixel norm, AdaIN and per-sample layer norm against slow loops, StyleGAN2's and GCL's own numbers."""

import itertools
import json
import math
import zlib

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from vg_layers.norm import InstanceNorm, SampleLayerNorm, adaptive_instance_norm, pixel_norm


def draw(*shape: int, rng: torch.Generator) -> Tensor:
    return 2 + torch.randn(shape, dtype=torch.float64, generator=rng)


def moments(values: list[float], correction: int) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((v - mean) ** 2 for v in values) / (len(values) - correction)


def test_pixel_norm_has_the_values_and_gradients_of_stylegan2(check_sg2):
    check_sg2("normalize_2nd_moment", pixel_norm)


@pytest.mark.parametrize(("shape", "dim"), [((2, 3, 2, 4), 1), ((2, 3, 5), -1), ((1, 1), 1)])
def test_pixel_norm_is_the_slow_loop(shape, dim, rng):
    x = draw(*shape, rng=rng)
    vectors, ours = (t.movedim(dim, -1).reshape(-1, shape[dim]) for t in (x, pixel_norm(x, dim)))
    for vector, y in zip(vectors, ours, strict=True):
        mean_square = sum(v * v for v in vector.tolist()) / len(vector)
        torch.testing.assert_close(y, vector / math.sqrt(mean_square + 1e-8), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 1, 1), (2, 1, 3), (1, 2, 3, 2, 2)])
def test_adaptive_instance_norm_is_the_slow_loop(shape, rng):
    x, scale, shift = draw(*shape, rng=rng), draw(*shape[:2], rng=rng), draw(*shape[:2], rng=rng)
    y = adaptive_instance_norm(x, scale, shift)
    for n, c in itertools.product(range(shape[0]), range(shape[1])):
        mean, variance = moments(x[n, c].flatten().tolist(), correction=0)
        expected = (x[n, c] - mean) / math.sqrt(variance + 1e-5) * scale[n, c] + shift[n, c]
        torch.testing.assert_close(y[n, c], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 1, 1), (2, 1, 3), (1, 2, 3, 2, 2)])
def test_sample_layer_norm_is_the_slow_loop(shape, rng):
    layer = SampleLayerNorm(shape[1]).double()
    assert 0 <= layer.weight.min() < layer.weight.max() <= 1 or shape[1] == 1
    torch.nn.init.normal_(layer.bias)
    x = draw(*shape, rng=rng)
    y = layer(x)
    for n in range(shape[0]):
        mean, variance = moments(x[n].flatten().tolist(), correction=1)
        for c in range(shape[1]):
            expected = (x[n, c] - mean) / (math.sqrt(variance) + 1e-5) * layer.weight[c] + layer.bias[c]
            torch.testing.assert_close(y[n, c], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_is_that_of_pytorch_in_any_memory(memory, rng):
    x = draw(2, 3, 4, 5, rng=rng).contiguous(memory_format=memory).requires_grad_()
    y, expected = InstanceNorm()(x), torch.nn.InstanceNorm2d(3)(x)
    assert y.is_contiguous(memory_format=memory)
    cotangent = draw(*x.shape, rng=rng)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    ours, theirs = (torch.autograd.grad(result, x, cotangent) for result in (y, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_norms_are_twice_differentiable(rng):
    x, scale, shift = (draw(*shape, rng=rng).requires_grad_() for shape in ((2, 2, 3), (2, 2), (2, 2)))
    layer = SampleLayerNorm(2).double()
    weight, bias = (draw(2, rng=rng).requires_grad_() for _ in range(2))

    def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, x)

    for op, inputs in (
        (pixel_norm, (x,)),
        (InstanceNorm(), (x,)),
        (adaptive_instance_norm, (x, scale, shift)),
        (layer_norm, (x, weight, bias)),
    ):
        assert torch.autograd.gradcheck(op, inputs)
        assert torch.autograd.gradgradcheck(op, inputs)
        (first,) = torch.autograd.grad(op(*inputs).square().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x)  # raises where the graph was cut
        assert second.abs().max() > 0


def test_norms_of_a_constant_sample_have_finite_gradients():
    x = torch.ones(2, 3, 4, 4, requires_grad=True)
    for y in (adaptive_instance_norm(x, torch.ones(2, 3), torch.zeros(2, 3)), SampleLayerNorm(3)(x), pixel_norm(x)):
        assert y.isfinite().all()
        assert torch.autograd.grad(y.sum(), x)[0].isfinite().all()


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-1)])
def test_low_precision_stays_within_its_rounding(dtype, bound, rng):
    x, scale, shift = draw(2, 4, 8, 8, rng=rng), draw(2, 4, rng=rng), draw(2, 4, rng=rng)
    layer = SampleLayerNorm(4).double()
    exact = adaptive_instance_norm(x, scale, shift), layer(x), pixel_norm(x)
    x, scale, shift, layer = x.to(dtype), scale.to(dtype), shift.to(dtype), layer.to(dtype)
    for a, b in zip((adaptive_instance_norm(x, scale, shift), layer(x), pixel_norm(x)), exact, strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), b, rtol=bound, atol=bound)


def test_both_norms_make_the_view_generator_of_gcl(fixtures):
    """The official decoder, from structure and AdaIN parameters to an image in float32."""
    keys = json.loads((fixtures / "gcl_gen" / "keys.json").read_text())["tensors"]

    def value(key: str) -> Tensor:
        shape = tuple(keys[key][0])
        values = np.random.default_rng(zlib.crc32(key.encode())).normal(size=shape)
        if len(shape) > 1:
            values *= math.sqrt(2 / math.prod(shape[1:]))
        else:
            values = 0.1 * values + (0 if key.endswith(("bias", "beta")) else 1)
        return torch.from_numpy(values.astype(np.float32)).double()

    def conv(x: Tensor, key: str) -> Tensor:
        weight = value(f"{key}.conv.weight")
        padded = F.pad(x, [weight.shape[-1] // 2] * 4, mode="reflect")
        return F.conv2d(padded, weight, value(f"{key}.conv.bias"))

    with np.load(fixtures / "gcl_gen" / "decoder.npz") as file:
        arrays = {key: torch.from_numpy(array).double() for key, array in file.items()}
    styles = zip(arrays["adain_w"].split(128, 1), arrays["adain_b"].split(128, 1), strict=True)
    x = arrays["structure"]
    for i in range(4):
        block = f"dec.model.1.model.{i}.model"
        y = F.leaky_relu(adaptive_instance_norm(conv(x, f"{block}.0"), *next(styles)), 0.2)
        x = x + adaptive_instance_norm(conv(y, f"{block}.1"), *next(styles))
    for i, channels in ((3, 64), (5, 32)):
        norm = SampleLayerNorm(channels).double()
        norm.load_state_dict({"weight": value(f"dec.model.{i}.norm.gamma"), "bias": value(f"dec.model.{i}.norm.beta")})
        x = F.leaky_relu(norm(conv(F.interpolate(x, scale_factor=2), f"dec.model.{i}")), 0.2)
    for i in (6, 7):
        x = F.leaky_relu(conv(x, f"dec.model.{i}"), 0.2)
    torch.testing.assert_close(conv(x, "dec.model.8"), arrays["image"], rtol=0, atol=1e-4)


def test_wrong_arguments_are_named():
    x = torch.zeros(2, 3, 4, 4)
    with pytest.raises(ValueError, match=r"shift has shape \(3,\), wanted \(2, 3\)"):
        adaptive_instance_norm(x, torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(ValueError, match="no standard deviation"):
        SampleLayerNorm(1)(torch.zeros(2, 1, 1, 1))
