"""Layers of StyleGAN2's generator against slow loops and StyleGAN2's own numbers."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers.ops.bias_act import bias_act
from vg_layers.resample import conv2d_resample, fir_filter
from vg_layers.style import (
    EqualizedConv2d,
    EqualizedLinear,
    MappingNetwork,
    StyledConv,
    SynthesisBlock,
    ToRGB,
    modulated_conv2d,
)

SINGLE = {"rtol": 0.0, "atol": 1e-5}  # networks whose numbers are in float32
IDENTITY = torch.eye(3, dtype=torch.float64)[:, :, None, None]
CASES = [  # channels in and out; height and width; kernel; up; down
    (3, 4, (5, 4), 3, 1, 1),
    (2, 1, (6, 5), 3, 1, 1),
    (3, 4, (5, 4), 3, 2, 1),
    (5, 1, (4, 6), 3, 1, 2),
    (1, 3, (5, 4), 1, 1, 1),
    (3, 2, (3, 5), 1, 2, 1),
    (3, 2, (6, 4), 1, 1, 2),
    (2, 3, (1, 1), 3, 2, 1),
    (2, 3, (1, 1), 3, 1, 1),
]


def draw(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=rng)


def slow_resampled_conv(x: Tensor, weight: Tensor, taps: Tensor, up: int, down: int, padding: int) -> Tensor:
    """One sample: zeros inserted, one kernel that is filter and weight together, results dropped."""
    c_out, c_in, k, _ = weight.shape
    if up == down == 1:
        taps, size = torch.ones(1, 1, dtype=x.dtype), 1
    else:
        size = len(taps)
    joint = weight.new_zeros(c_out, c_in, k + size - 1, k + size - 1)
    for i in range(size):
        for j in range(size):
            joint[:, :, i : i + k, j : j + k] += weight * taps[i, j]
    stuffed = x.new_zeros(1, c_in, x.shape[1] * up, x.shape[2] * up)
    stuffed[0, :, ::up, ::up] = x
    before = padding + ((size + up - 1) // 2 if down == 1 else (size - down + 1) // 2)
    after = padding + (size - max(up, down)) // 2
    y = F.conv2d(F.pad(stuffed, (before, after, before, after)), joint * up**2)
    return y[0, :, ::down, ::down]


def slow_modulated_conv(x, weight, styles, taps, up, down, demodulate):
    """Each sample with its own weights."""
    rows = []
    for image, style in zip(x, styles, strict=True):
        own = weight * style[None, :, None, None]
        if demodulate:
            own = torch.stack([kernel / (kernel.square().sum() + 1e-8).sqrt() for kernel in own])
        rows.append(slow_resampled_conv(image, own, taps, up, down, weight.shape[-1] // 2))
    return torch.stack(rows)


@pytest.mark.parametrize(
    "name",
    [
        "k3_demod_plain",
        "k3_demod_down2",
        "k3_nodemod_plain",
        "k3_nodemod_up2",
        "k1_demod_plain",
        "k1_nodemod_plain",
    ],
)
def test_modulated_conv2d_has_the_values_and_gradients_of_stylegan2(name, check_sg2):
    check_sg2(f"modconv_{name}", modulated_conv2d)


@pytest.mark.parametrize("name", ["k3_down2", "k1_down2", "k1_up2"])
def test_resampled_conv_has_the_values_and_gradients_of_stylegan2(name, check_sg2):
    check_sg2(f"conv_{name}", lambda x, w, **arguments: conv2d_resample(x, w, **arguments))


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_modulated_conv2d_is_a_convolution_with_weights_per_sample(case, demodulate, rng):
    c_in, c_out, size, kernel, up, down = case
    inputs = [draw(*shape, rng=rng) for shape in ((2, c_in, *size), (c_out, c_in, kernel, kernel), (2, c_in))]
    taps = fir_filter((1, 2, 4, 1)).double()

    def ours(x: Tensor, weight: Tensor, styles: Tensor) -> Tensor:
        return modulated_conv2d(
            x, weight, styles, up=up, down=down, padding=kernel // 2, filter=taps.flip(0, 1), demodulate=demodulate
        )

    leaves = [value.requires_grad_() for value in inputs]
    y, slow = ours(*leaves), slow_modulated_conv(*leaves, taps, up, down, demodulate)
    torch.testing.assert_close(y, slow, rtol=1e-10, atol=1e-10)
    cot = draw(*y.shape, rng=rng)
    firsts = [torch.autograd.grad(value, leaves, cot, create_graph=True) for value in (y, slow)]
    seconds = [torch.autograd.grad(sum(g.square().sum() for g in first), leaves) for first in firsts]
    for a, b in zip((*firsts[0], *seconds[0]), (*firsts[1], *seconds[1]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize(
    ("kernel", "size", "up", "down"), [(3, 2, 1, 1), (3, 5, 1, 1), (1, 2, 1, 1), (3, 2, 2, 1), (3, 2, 1, 2)]
)
def test_second_gradient_of_modulated_conv2d_is_there(kernel, size, up, down, rng):
    shapes = ((1, 2, size, size), (1, 2, kernel, kernel), (1, 2))
    inputs = [draw(*shape, rng=rng).requires_grad_() for shape in shapes]

    def op(x: Tensor, weight: Tensor, styles: Tensor) -> Tensor:
        return modulated_conv2d(
            x, weight, styles, up=up, down=down, padding=kernel // 2, filter=fir_filter(), flip_weight=False
        )

    assert torch.autograd.gradcheck(op, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(op, inputs, fast_mode=True)
    (first,) = torch.autograd.grad(op(*inputs).square().sum(), inputs[0], create_graph=True)
    for gradient in torch.autograd.grad(first.square().sum(), inputs):  # raises where the graph was cut
        assert gradient.abs().max() > 0


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_equalized_layers_start_alike_and_learn_at_their_own_rate(lr_multiplier, rng):
    layers = {
        EqualizedLinear(200, 300, bias=0.5, lr_multiplier=lr_multiplier): torch.eye(200),
        EqualizedConv2d(200, 300, 1, lr_multiplier=lr_multiplier): torch.eye(200)[:, :, None, None],
    }
    for layer, x in layers.items():
        expected = 0.5 if isinstance(layer, EqualizedLinear) else 0.0
        before = layer(x)
        torch.testing.assert_close(before.mean().item(), expected, rtol=0, atol=2e-3)
        torch.testing.assert_close(before.std().item(), 1 / math.sqrt(200), rtol=2e-2, atol=0)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        before.sum().backward()
        optimizer.step()
        step = 0.1 * lr_multiplier * (1 / math.sqrt(200) + 1)  # Adam's step for the weight, scaled, and the bias
        torch.testing.assert_close(before - layer(x), torch.full_like(before, step), rtol=2e-3, atol=1e-7)


@pytest.mark.parametrize(("up", "down", "kernel"), [(1, 1, 3), (2, 1, 3), (1, 2, 3), (1, 2, 1)])
def test_equalized_conv_is_its_formula(up, down, kernel, rng):
    layer = EqualizedConv2d(3, 4, kernel, act="lrelu", up=up, down=down, gain=0.7, lr_multiplier=0.5).double()
    nn.init.normal_(layer.bias)
    x = draw(2, 3, 4, 6, rng=rng)
    weight = layer.weight * 0.5 / math.sqrt(3 * kernel**2)
    weight = weight.flip(2, 3) if up > 1 else weight  # read as F.conv_transpose2d reads it
    y = torch.stack([slow_resampled_conv(image, weight, fir_filter().double(), up, down, kernel // 2) for image in x])
    expected = bias_act(y, 0.5 * layer.bias, act="lrelu", gain=0.7 * math.sqrt(2))
    torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-10)


def test_mapping_network_has_the_values_of_stylegan2(sg2_network):
    state, arrays, _ = sg2_network("mapping")
    network = MappingNetwork(24, 32).double()
    names = {f"layers.{i}.{kind}": f"fc{i}.{kind}" for i in range(8) for kind in ("weight", "bias")}
    network.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})
    torch.testing.assert_close(network(arrays["z"]), arrays["w"], rtol=1e-5, atol=1e-9)


def test_mapping_network_is_an_8_layer_perceptron_of_each_vector(rng):
    network = MappingNetwork()
    assert len(network.layers) == 8
    assert sum(p.numel() for p in network.parameters()) == 8 * (512 * 512 + 512)
    z = torch.randn(2, 3, 512, generator=rng)
    w = network(z)
    torch.testing.assert_close(w[1, 2], network(z[1:2, 2])[0])
    torch.testing.assert_close(network(5 * z), w, rtol=1e-4, atol=1e-5)  # the input's length does not matter


def test_last_layer_of_a_mapping_network_can_have_a_width_of_its_own(rng):
    network = MappingNetwork(4, 6, layers=3, out_features=2)
    assert [tuple(layer.weight.shape) for layer in network.layers] == [(6, 4), (6, 6), (2, 6)]
    assert network(torch.randn(5, 4, generator=rng)).shape == (5, 2)


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 1), (1, 2, 1)])
def test_a_synthesis_block_up_samples_maps_and_image_with_its_filter(taps, rng):
    block = SynthesisBlock(3, 4, 5, taps=taps).double()
    x, w, image = draw(2, 3, 4, 3, rng=rng), draw(2, 5, rng=rng), draw(2, 3, 4, 3, rng=rng)
    first, second = block.convs
    square = fir_filter(taps).double()
    styles, weight = first.style(w), first.weight.flip(2, 3)  # read as F.conv_transpose2d reads it
    y = slow_modulated_conv(x, weight, styles, square, 2, 1, True)
    maps = second(bias_act(y, first.bias, act="lrelu"), w)
    stretched = torch.stack([slow_resampled_conv(one, IDENTITY, square, 2, 1, 0) for one in image])
    for ours, slow in zip(block(x, w, image), (maps, stretched + block.to_rgb(maps, w)), strict=True):
        torch.testing.assert_close(ours, slow, rtol=1e-10, atol=1e-10)


def test_two_equal_taps_repeat_each_pixel_of_the_image(rng):
    block, image = SynthesisBlock(3, 4, 5, taps=(1, 1)), torch.randn(2, 3, 3, 2, generator=rng)
    nn.init.zeros_(block.to_rgb.weight)
    _, doubled = block(torch.randn(2, 3, 3, 2, generator=rng), torch.randn(2, 5, generator=rng), image)
    torch.testing.assert_close(doubled, image.repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize("noise", [False, True])
def test_synthesis_blocks_have_the_values_of_stylegan2(noise, sg2_network):
    state, arrays, _ = sg2_network("synthesis_16")
    x, image = state["b4.const"].expand(2, -1, -1, -1), None
    parts = {"weight": "weight", "bias": "bias", "style.weight": "affine.weight", "style.bias": "affine.bias"}
    for size in (4, 8, 16):
        convs = ["conv0", "conv1"] if size > 4 else ["conv1"]
        names = {f"to_rgb.{ours}": f"b{size}.torgb.{theirs}" for ours, theirs in parts.items()}
        for i, conv in enumerate(convs):
            names |= {f"convs.{i}.{ours}": f"b{size}.{conv}.{theirs}" for ours, theirs in parts.items()}
            names |= {f"convs.{i}.noise_strength": f"b{size}.{conv}.noise_strength"} if noise else {}
        out = len(state[f"b{size}.conv1.bias"])
        block = SynthesisBlock(x.shape[1], out, 32, up=size > 4, noise=noise).double()
        block.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})
        noises = [state[f"b{size}.{conv}.noise_const"] for conv in convs] if noise else [None, None]
        x, image = block(x, arrays["w"], image, noises)
    torch.testing.assert_close(image, arrays["img_constnoise" if noise else "img_nonoise"], **SINGLE)


@pytest.mark.parametrize("size", [4, 16])
def test_memory_format_does_not_change_values(size, rng):
    x, w = draw(2, 8, size, size, rng=rng), draw(2, 6, rng=rng)
    layers = [StyledConv(8, 5, 6), StyledConv(8, 5, 6, up=2), ToRGB(8, 6, 4), EqualizedConv2d(8, 5, 3, down=2)]
    for layer in layers:
        inputs = (w,) if hasattr(layer, "style") else ()
        plain, last = (
            layer.double()(x.contiguous(memory_format=memory_format), *inputs)
            for memory_format in (torch.contiguous_format, torch.channels_last)
        )
        torch.testing.assert_close(last, plain, rtol=1e-10, atol=1e-10)


def test_empty_batch_passes():
    x, image = SynthesisBlock(8, 5, 6)(torch.zeros(0, 8, 4, 4), torch.zeros(0, 6), torch.zeros(0, 3, 4, 4))
    assert (x.shape, image.shape) == ((0, 5, 8, 8), (0, 3, 8, 8))
    assert MappingNetwork(4, 6)(torch.zeros(0, 4)).shape == (0, 6)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 6e-2)])
@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2)])
def test_low_precision_stays_within_its_rounding(up, down, dtype, bound, rng):
    x, weight, styles = draw(2, 16, 6, 6, rng=rng), draw(8, 16, 3, 3, rng=rng), 1 + 0.3 * draw(2, 16, rng=rng)

    def op(*inputs: Tensor) -> Tensor:
        return modulated_conv2d(*inputs, up=up, down=down, padding=1, filter=fir_filter())

    y = op(x.to(dtype), weight.to(dtype), styles.to(dtype))
    assert y.dtype == dtype
    torch.testing.assert_close(y.double(), op(x, weight, styles), rtol=bound, atol=bound)


def test_wrong_arguments_are_named():
    x, weight = torch.zeros(2, 3, 4, 4), torch.zeros(5, 3, 3, 3)
    with pytest.raises(ValueError, match=r"styles have shape \(3,\), wanted \(2, 3\)"):
        modulated_conv2d(x, weight, torch.zeros(3))
    with pytest.raises(ValueError, match="up=2, down=1: wanted one of them to be 1, and a filter"):
        conv2d_resample(x, weight, up=2)
    with pytest.raises(ValueError, match="up=2, down=2"):
        conv2d_resample(x, weight, fir_filter(), up=2, down=2)
    with pytest.raises(ValueError, match="built with noise=False"):
        StyledConv(3, 3, 4)(x, torch.zeros(2, 4), torch.zeros(2, 1, 4, 4))
