"""Transposed temporal convolution against a loop over taps, and its kernel against its reference."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from vg_layers.ops.temporal_deconv import temporal_deconv

SHAPES = [(2, 3, 4, 2, 3), (1, 5, 1, 1, 1), (2, 1, 3, 1, 2)]  # b, c_in, t, h, w
WINDOWS = [(4, 2, 1), (1, 1, 0), (3, 1, 0), (2, 3, 0), (5, 3, 2), (2, 1, 0)]  # kernel, stride, padding
SUFFIXES = ["bias", "scale", "shift"]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5, torch.float16: 1e-2}  # the interpreter has no bfloat16


def draw(shape, window, rng: torch.Generator, *, outputs: int = 3, dtype=torch.float64) -> dict[str, Tensor]:
    shapes = {"x": shape, "weight": (shape[1], outputs, window[0])} | dict.fromkeys(SUFFIXES, (outputs,))
    return {name: torch.randn(size, dtype=torch.float64, generator=rng).to(dtype) for name, size in shapes.items()}


def slow(x, weight, bias, scale, shift, *, stride: int, padding: int, slope: float) -> Tensor:
    b, _, t, h, w = x.shape
    c_out, kernel = weight.shape[1:]
    y = torch.zeros(b, c_out, (t - 1) * stride - 2 * padding + kernel, h, w, dtype=x.dtype)
    for i, tap in itertools.product(range(t), range(kernel)):
        frame = i * stride + tap - padding
        if 0 <= frame < y.shape[2]:
            y[:, :, frame] += torch.einsum("bihw, io -> bohw", x[:, :, i], weight[:, :, tap])
    y = (y + bias[:, None, None, None]) * scale[:, None, None, None] + shift[:, None, None, None]
    return torch.where(y > 0, y, slope * y)


def fits(shape, window) -> bool:
    return (shape[2] - 1) * window[1] - 2 * window[2] + window[0] > 0


CASES = [case for case in itertools.product(SHAPES, WINDOWS) if fits(*case)]


@pytest.fixture
def launches(monkeypatch) -> list[tuple]:
    from vg_layers.ops.temporal_deconv import kernel

    calls, launch = [], kernel.launch
    monkeypatch.setattr(kernel, "launch", lambda *args: calls.append(args) or launch(*args))
    return calls


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0])
@pytest.mark.parametrize(("shape", "window"), CASES)
def test_each_input_frame_reaches_one_frame_a_tap_then_come_bias_norm_and_leaky_relu(shape, window, slope, rng):
    options = {"stride": window[1], "padding": window[2], "slope": slope}
    arguments = draw(shape, window, rng)
    y = temporal_deconv(**arguments, **options, impl="torch")
    torch.testing.assert_close(y, slow(**arguments, **options), rtol=1e-10, atol=1e-10)
    assert y.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("given", [(), ("bias",), ("scale",), ("shift",), ("scale", "shift"), ("bias", "scale")])
@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_what_is_not_given_does_nothing(given, impl, rng):
    arguments = draw(SHAPES[0], WINDOWS[0], rng)
    neutral = {name: torch.full_like(arguments[name], float(name == "scale")) for name in SUFFIXES}
    options = {"stride": 2, "padding": 1, "slope": 0.2}
    chosen = {name: arguments[name] for name in ("x", "weight", *given)}
    y = temporal_deconv(**chosen, **options, impl=impl)
    torch.testing.assert_close(y, slow(**(arguments | neutral | chosen), **options), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("shape", "window"), CASES)
def test_kernel_is_the_reference(shape, window, dtype, rng, launches):
    options = {"stride": window[1], "padding": window[2], "slope": 0.2}
    arguments = draw(shape, window, rng, dtype=dtype)
    expected = temporal_deconv(**arguments, **options, impl="torch")
    assert not launches
    y = temporal_deconv(**arguments, **options, impl="triton")
    assert len(launches) == 1
    assert y.dtype == dtype
    assert y.stride() == expected.stride()
    torch.testing.assert_close(y, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_kernel_covers_more_than_one_tile_and_any_memory(rng):
    arguments = draw((2, 37, 2, 5, 7), (4, 2, 1), rng, outputs=70)
    options = {"stride": 2, "padding": 1, "slope": 0.0}
    for memory_format in (torch.contiguous_format, torch.channels_last_3d):
        laid = arguments | {"x": arguments["x"].contiguous(memory_format=memory_format)}
        y = temporal_deconv(**laid, **options, impl="triton")
        torch.testing.assert_close(y, slow(**arguments, **options), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("impl", ["torch", "triton"])
@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0])
def test_first_and_second_derivatives(impl, slope, rng):
    arguments = draw((1, 2, 2, 1, 2), (4, 2, 1), rng, outputs=2)
    inputs = [value.requires_grad_() for value in arguments.values()]

    def op(x, weight, bias, scale, shift):
        return temporal_deconv(x, weight, bias, stride=2, padding=1, scale=scale, shift=shift, slope=slope, impl=impl)

    assert gradcheck(op, inputs, fast_mode=True)
    assert gradgradcheck(op, inputs, fast_mode=True)


@pytest.mark.parametrize("window", WINDOWS[:3])
def test_a_gradient_penalty_reaches_the_weight_through_the_kernel(window, rng):
    """Were the kernel's gradient cut off from the graph, the second derivative would be missing or another."""
    arguments = draw((2, 3, 4, 2, 3), window, rng)
    found = []
    for impl in ("torch", "triton"):
        x, weight, bias = (arguments[name].clone().requires_grad_() for name in ("x", "weight", "bias"))
        y = temporal_deconv(x, weight, bias, stride=window[1], padding=window[2], slope=0.2, impl=impl)
        (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(gradient.square().sum(), (x, weight, bias)))
    for reference, kernel in zip(*found, strict=True):
        assert reference.abs().max() > 0.1
        torch.testing.assert_close(kernel, reference, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("impl", ["torch", "triton"])
@pytest.mark.parametrize("wanted", [("x",), ("weight",), ("bias",)])
def test_each_gradient_can_be_wanted_alone(impl, wanted, rng):
    arguments = draw(SHAPES[0], WINDOWS[0], rng)
    chosen = {name: arguments[name].requires_grad_(name in wanted) for name in ("x", "weight", "bias")}
    y = temporal_deconv(**chosen, stride=2, padding=1, slope=0.2, impl=impl)
    y.sum().backward()
    assert [name for name, value in chosen.items() if value.grad is not None] == list(wanted)


@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_an_empty_batch_is_accepted(impl):
    y = temporal_deconv(torch.zeros(0, 3, 2, 4, 4), torch.zeros(3, 5, 4), stride=2, padding=1, impl=impl)
    assert y.shape == (0, 5, 4, 4, 4)


def test_operator_is_registered_as_pytorch_wants_it(rng):
    from vg_layers.ops.temporal_deconv import kernel

    arguments = draw((1, 2, 2, 1, 2), (4, 2, 1), rng, dtype=torch.float32)
    x, weight, bias = (arguments[name].requires_grad_() for name in ("x", "weight", "bias"))
    for given in (bias, None):
        torch.library.opcheck(kernel.temporal_deconv, (x, weight, given, 2, 1, 0.2))


@pytest.mark.parametrize(("impl", "dtype"), [("torch", torch.bfloat16), ("triton", torch.float16)])
def test_autocast_computes_in_the_lower_precision(impl, dtype, rng):
    arguments = draw(SHAPES[0], WINDOWS[0], rng, dtype=torch.float32)
    x, weight, bias = (arguments[name].requires_grad_() for name in ("x", "weight", "bias"))
    exact = temporal_deconv(x, weight, bias, stride=2, padding=1, impl="torch")
    with torch.autocast("cpu", dtype=dtype):
        y = temporal_deconv(x, weight, bias, stride=2, padding=1, impl=impl)
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), exact, rtol=3e-2, atol=3e-2)
    y.sum().backward()
    assert {value.grad.dtype for value in (x, weight, bias)} == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": (2, 3, 4, 2)}, r"x has shape \(2, 3, 4, 2\); wanted \(b, c, t, h, w\)"),
        ({"weight": (4, 3, 4)}, r"weight has shape \(4, 3, 4\); wanted \(3, c_out, k\)"),
        ({"bias": (2,)}, r"bias has shape \(2,\); wanted \(3,\)"),
        ({"scale": (1,)}, r"scale has shape \(1,\); wanted \(3,\)"),
        ({"shift": (3, 1)}, r"shift has shape \(3, 1\); wanted \(3,\)"),
        ({"x": (2, 3, 1, 2, 2), "padding": 2}, "1 frames would give 0 with kernel 4, stride=2, padding=2"),
        ({"stride": 0}, "stride=0, padding=1, slope=1.0; wanted"),
        ({"slope": -0.1}, "slope=-0.1; wanted >= 1, >= 0, and from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    shapes = {"x": (2, 3, 4, 2, 2), "weight": (3, 3, 4)} | {k: v for k, v in changes.items() if isinstance(v, tuple)}
    options = {"stride": 2, "padding": 1} | {k: v for k, v in changes.items() if not isinstance(v, tuple)}
    with pytest.raises(ValueError, match=message):
        temporal_deconv(**{name: torch.zeros(shape) for name, shape in shapes.items()}, **options)


def test_a_kernel_that_cannot_run_is_refused():
    with pytest.raises(RuntimeError, match=r"the kernel does not take torch\.int64"):
        temporal_deconv(torch.ones(1, 1, 1, 1, 1, dtype=torch.long), torch.ones(1, 1, 1), impl="triton")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sizes", [(1024, 512, 4, 4), (1024, 256, 8, 8), (262, 768, 8, 16)])
def test_kernel_is_the_reference_at_the_sizes_of_the_generators(sizes, dtype, rng):
    c_in, c_out, t, hw = sizes
    x = torch.randn(4, c_in, t, hw, hw, generator=rng).cuda()
    weight = torch.randn(c_in, c_out, 4, generator=rng).cuda() / (2 * c_in) ** 0.5
    bias = torch.randn(c_out, generator=rng).cuda()
    expected = temporal_deconv(x.double(), weight.double(), bias.double(), stride=2, padding=1, slope=0.2, impl="torch")
    given = (tensor.to(dtype) for tensor in (x, weight, bias))
    y = temporal_deconv(*given, stride=2, padding=1, slope=0.2, impl="triton")
    bound = {torch.float32: 1e-4, torch.bfloat16: 5e-2}[dtype]
    torch.testing.assert_close(y.double(), expected, rtol=bound, atol=bound)
