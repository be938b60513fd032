"""bias_act against its formulas, StyleGAN2's own numbers, and its kernel against its reference."""

import math
from typing import get_args

import pytest
import torch
from torch import Tensor
from vg_layers.ops.bias_act import Activation, bias_act

ACTIVATIONS = get_args(Activation)
FORMULAS = {
    "linear": lambda v: v,
    "relu": lambda v: max(v, 0.0),
    "lrelu": lambda v: v if v > 0 else 0.2 * v,
    "tanh": math.tanh,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "elu": lambda v: v if v > 0 else math.exp(v) - 1,
    "selu": lambda v: 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * (math.exp(v) - 1)),
    "softplus": lambda v: math.log(1 + math.exp(v)),
    "swish": lambda v: v / (1 + math.exp(-v)),
}
OPTIONS = [{}, {"gain": 0.7, "clamp": 0.5}, {"gain": -1.5}, {"alpha": 0.0, "clamp": 0.0}]


def slow_bias_act(x: Tensor, b: Tensor, dim: int, act: Activation) -> Tensor:
    gain = math.sqrt(2) if act in ("relu", "lrelu", "swish") else 1.0
    y = torch.empty_like(x)
    for index in torch.cartesian_prod(*(torch.arange(size) for size in x.shape)).reshape(-1, x.ndim).tolist():
        y[tuple(index)] = gain * FORMULAS[act](float(x[tuple(index)] + b[index[dim]]))
    return y


def derivatives(op, x: Tensor, b: Tensor | None, cot: Tensor) -> list[Tensor]:
    """The result, its gradients, and the derivatives of the squared norm of that by x."""
    inputs = [t.detach().requires_grad_() for t in (x, b, cot) if t is not None]
    y = op(*inputs[:-1])
    first = torch.autograd.grad(y, inputs[:-1], inputs[-1], create_graph=True)
    second = torch.autograd.grad(first[0].square().sum(), inputs, allow_unused=True, materialize_grads=True)
    return [y, *first, *second]


def draw(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return 2 * torch.randn(shape, dtype=torch.float64, generator=rng)


@pytest.fixture
def launches(monkeypatch) -> list[int]:
    from vg_layers.ops.bias_act import kernel

    orders, launch = [], kernel.launch
    monkeypatch.setattr(kernel, "launch", lambda *args: orders.append(args[3]) or launch(*args))
    return orders


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize(("shape", "dim"), [((2, 3, 4, 3), 1), ((5, 3), -1), ((3,), 0), ((1, 1, 1, 1), 1)])
def test_bias_act_is_its_formula(act, shape, dim, rng):
    x, b = draw(shape, rng), draw((shape[dim],), rng)
    y = bias_act(x, b, dim=dim, act=act)
    torch.testing.assert_close(y, slow_bias_act(x, b, dim, act), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "lrelu_dim2d"])
@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_bias_act_has_the_values_and_gradients_of_stylegan2(name, impl, check_sg2):
    check_sg2(f"bias_act_{name}", lambda **arguments: bias_act(**arguments, impl=impl))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_kernel_is_the_reference_with_first_and_second_gradient(act, options, rng, launches):
    x, b, cot = draw((2, 3, 5, 3), rng), draw((3,), rng), draw((2, 3, 5, 3), rng)
    for bias, memory_format in ((b, torch.contiguous_format), (None, torch.channels_last)):
        laid = x.contiguous(memory_format=memory_format)
        reference = derivatives(lambda *a: bias_act(*a, act=act, **options, impl="torch"), laid, bias, cot)
        assert not launches
        kernel = derivatives(lambda *a: bias_act(*a, act=act, **options, impl="triton"), laid, bias, cot)
        for ours, theirs in zip(kernel, reference, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        assert launches[:2] == [0, 1]
        launches.clear()


@pytest.mark.parametrize("act", ["lrelu", "softplus", "swish"])
@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_second_gradient_of_bias_act_is_there(act, impl, rng):
    x, b = draw((2, 3), rng).requires_grad_(), draw((3,), rng).requires_grad_()

    def op(x: Tensor, b: Tensor) -> Tensor:
        return bias_act(x, b, act=act, clamp=3.0, impl=impl)

    assert torch.autograd.gradcheck(op, (x, b), fast_mode=True)
    assert torch.autograd.gradgradcheck(op, (x, b), fast_mode=True)
    (first,) = torch.autograd.grad(op(x, b).square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)  # raises where the graph was cut
    assert second.abs().max() > 0


def test_kernel_refuses_a_third_derivative(rng):
    x = draw((3, 1), rng).requires_grad_()
    (first,) = torch.autograd.grad(bias_act(x, act="swish", impl="triton").sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="no third derivative"):
        torch.autograd.grad(second.sum(), x)


def test_kernel_is_registered_with_shapes_and_gradients():
    from vg_layers.ops.bias_act import kernel

    x, b = torch.randn(2, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    torch.library.opcheck(kernel._op, (x, b, None, 0, 1, "lrelu", 0.2, 1.0, None))
    torch.library.opcheck(kernel._op, (x, b, torch.randn(2, 3, requires_grad=True), 1, 1, "tanh", 0.2, 1.0, None))


LOW = [  # the interpreter has no bfloat16
    ("torch", torch.float32, 1e-5),
    ("torch", torch.bfloat16, 5e-2),
    ("triton", torch.float32, 1e-5),
    ("triton", torch.float16, 5e-3),
]


@pytest.mark.parametrize(("impl", "dtype", "bound"), LOW)
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_low_precision_stays_within_its_rounding(act, impl, dtype, bound, rng):
    x, b = draw((4, 8, 3, 3), rng), draw((8,), rng)
    y = bias_act(x.to(dtype), b.to(dtype), act=act, impl=impl)
    assert y.dtype == dtype
    torch.testing.assert_close(y.double(), bias_act(x, b, act=act), rtol=bound, atol=bound)


def test_memory_format_and_empty_batch_pass():
    for impl in ("torch", "triton"):
        x = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
        y = bias_act(x, torch.ones(3), act="lrelu", impl=impl)
        assert y.is_contiguous(memory_format=torch.channels_last)
        assert bias_act(x[:0], torch.ones(3), act="lrelu", impl=impl).shape == (0, 3, 4, 4)


def test_input_is_left_alone(rng):
    """lrelu runs in place on what the bias made, never on x."""
    x = draw((2, 3), rng)
    before = x.clone()
    for options in ({}, {"b": torch.zeros(3, dtype=x.dtype)}, {"gain": 1.0}, {"b": None, "gain": 2.0}):
        bias_act(x, act="lrelu", **options)
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"act": "gelu"}, "act='gelu' is unknown"),
        ({"b": torch.zeros(4)}, r"b has shape \(4,\), wanted \(3,\)"),
        ({"dim": 2}, "dim=2 is no axis"),
        ({"alpha": -0.1}, "alpha=-0.1"),
        ({"clamp": -1.0}, "clamp=-1.0"),
        ({"impl": "cuda"}, "impl='cuda'"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        bias_act(**({"x": torch.zeros(2, 3), "b": torch.zeros(3)} | change))


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-1)])
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_kernel_on_a_gpu_is_the_reference(act, dtype, bound):
    x, b = torch.randn(8, 256, 64, 64, device="cuda").to(dtype), torch.randn(256, device="cuda").to(dtype)
    cot = torch.randn_like(x)
    exact = derivatives(lambda *a: bias_act(*a, act=act, clamp=2.0, impl="torch"), x.double(), b.double(), cot.double())
    kernel = derivatives(lambda *a: bias_act(*a, act=act, clamp=2.0, impl="triton"), x, b, cot)
    for ours, theirs in zip(kernel, exact, strict=True):
        scale = theirs.abs().max() + 1e-30
        torch.testing.assert_close(ours.double() / scale, theirs / scale, rtol=0, atol=bound)
