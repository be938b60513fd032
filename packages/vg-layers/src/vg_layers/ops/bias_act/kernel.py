"""bias_act as one Triton kernel, and its first and second derivative as the same kernel in another order.

Registered with `torch.library` as one operation, scale * f^(order)(x + bias), whose derivatives are operations of the
same kind: with respect to scale the same order again, with respect to x the next one. The third has no formula here
and raises.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from vg_layers.ops.bias_act.reference import Activation

_BLOCK = 1024


@triton.jit
def _derivative(v, ACT: tl.constexpr, ALPHA: tl.constexpr, ORDER: tl.constexpr):
    """The derivative of that order, 0 to 2, of an activation; the compiler drops the other two."""
    positive = v > 0
    one = tl.full(v.shape, 1.0, v.dtype)
    if ACT == "linear" or ACT == "relu" or ACT == "lrelu":
        slope: tl.constexpr = 1.0 if ACT == "linear" else (0.0 if ACT == "relu" else ALPHA)
        first = tl.where(positive, one, one * slope)
        value, second = v * first, v * 0.0
    elif ACT == "elu" or ACT == "selu":
        scale: tl.constexpr = 1.0507009873554804934193349852946 if ACT == "selu" else 1.0
        bend: tl.constexpr = scale * 1.6732632423543772848170429916717 if ACT == "selu" else 1.0
        e = bend * tl.exp(tl.minimum(v, 0.0))
        value = tl.where(positive, scale * v, e - bend)
        first = tl.where(positive, one * scale, e)
        second = tl.where(positive, v * 0.0, e)
    else:  # made of the logistic function s, of 2 v for tanh
        e = tl.exp(-tl.abs(2.0 * v if ACT == "tanh" else v))  # does not overflow
        s = tl.where(positive, 1.0, e) / (1.0 + e)
        ds = s * (1.0 - s)
        dds = ds * (1.0 - 2.0 * s)
        if ACT == "sigmoid":
            value, first, second = s, ds, dds
        elif ACT == "tanh":
            value, first, second = 2.0 * s - 1.0, 4.0 * ds, 8.0 * dds
        elif ACT == "softplus":
            value, first, second = tl.maximum(v, 0.0) + tl.log(1.0 + e), s, ds
        else:  # swish
            value, first, second = v * s, s + v * ds, 2.0 * ds + v * dds
    return value if ORDER == 0 else (first if ORDER == 1 else second)


@triton.jit
def _bias_act(
    x, bias, scale, y, numel, size, stride, GAIN: tl.constexpr, CLAMP: tl.constexpr,
    ACT: tl.constexpr, ALPHA: tl.constexpr, ORDER: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_SCALE: tl.constexpr,
    SUM: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = i < numel
    v = tl.load(x + i, live, other=0).to(SUM)
    if HAS_BIAS:
        v += tl.load(bias + i // stride % size, live, other=0).to(SUM)
    result = _derivative(v, ACT, ALPHA, ORDER) * GAIN
    if CLAMP is not None:
        if ORDER == 0:
            result = tl.minimum(tl.maximum(result, -CLAMP), CLAMP)
        else:
            inside = tl.abs(_derivative(v, ACT, ALPHA, 0) * GAIN) <= CLAMP
            result = tl.where(inside, result, 0.0 * result)
    if HAS_SCALE:
        result *= tl.load(scale + i, live, other=0).to(SUM)
    tl.store(y + i, result.to(y.dtype.element_ty), live)


def bias_act(
    x: Tensor, bias: Tensor | None, dim: int, act: Activation, alpha: float, gain: float, clamp: float | None
) -> Tensor:
    """Return gain * act(x + bias) within [-clamp, clamp]; bias (x.shape[dim],), alpha the slope of "lrelu".

    Differentiable twice.
    """
    return _op(x, None if bias is None else bias.to(x.dtype), None, 0, dim, act, alpha, gain, clamp)


def launch(
    x: Tensor, bias: Tensor | None, scale: Tensor | None, order: int, dim: int, act: str, alpha: float, gain: float,
    clamp: float | None,
) -> Tensor:  # fmt: skip
    """Run the kernel: scale * f^(order)(x + bias)."""
    if order > 2:
        raise RuntimeError("the kernel of bias_act has no third derivative; impl='torch' has")
    x = _dense(x)
    y = torch.empty_like(x)
    if scale is not None and scale.stride() != x.stride():
        scale = torch.empty_like(x).copy_(scale)
    if x.numel():
        _bias_act[(triton.cdiv(x.numel(), _BLOCK),)](
            x, x if bias is None else bias.contiguous(), x if scale is None else scale, y,
            x.numel(), x.shape[dim], x.stride(dim), gain, clamp,
            act, alpha, order, bias is not None, scale is not None,
            tl.float64 if x.dtype == torch.float64 else tl.float32, _BLOCK,
        )  # fmt: skip
    return y


def _dense(x: Tensor) -> Tensor:
    """The same values in memory without gaps, in which the channel of an element follows from its place."""
    channels_last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return x if channels_last else x.contiguous()


@torch.library.custom_op("vg_layers::bias_act", mutates_args=())
def _op(
    x: Tensor, bias: Tensor | None, scale: Tensor | None, order: int, dim: int, act: str, alpha: float, gain: float,
    clamp: float | None,
) -> Tensor:  # fmt: skip
    return launch(x, bias, scale, order, dim, act, alpha, gain, clamp)


@_op.register_fake
def _(
    x: Tensor, bias: Tensor | None, scale: Tensor | None, order: int, dim: int, act: str, alpha: float, gain: float,
    clamp: float | None,
) -> Tensor:  # fmt: skip
    return torch.empty_like(_dense(x))


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, bias, scale, ctx.order, *ctx.options = inputs
    ctx.save_for_backward(x, bias, scale)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, bias, scale = ctx.saved_tensors
    x_grad = bias_grad = scale_grad = None
    constant = ctx.order > 0 and ctx.options[1] in ("linear", "relu", "lrelu")
    if any(ctx.needs_input_grad[:2]) and not constant:
        x_grad = _op(x, bias, grad if scale is None else grad * scale, ctx.order + 1, *ctx.options)
        if bias is not None:
            dim = ctx.options[0]
            bias_grad = x_grad.sum([axis for axis in range(x.ndim) if axis != dim])
    if ctx.needs_input_grad[2]:
        scale_grad = _op(x, bias, grad, ctx.order, *ctx.options)
    return x_grad, bias_grad, scale_grad, None, None, None, None, None, None


_op.register_autograd(_backward, setup_context=_setup_context)
