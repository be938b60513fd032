"""Bias, activation, gain and clamp in one operation: what follows the convolutions of StyleGAN2 (5.2.2, 5.2.3)."""

from typing import get_args

from torch import Tensor

from vg_layers.ops.bias_act import reference
from vg_layers.ops.bias_act.reference import Activation, default_gain
from vg_layers.ops.impl import Impl, use_kernel, why_no_kernel


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: Activation = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
    *,
    impl: Impl = "auto",
) -> Tensor:
    """Return gain * act(x + b), limited to [-clamp, clamp].

    Differentiable twice, and any number of times with impl="torch".

    Args:
        x: any shape.
        b: bias, (x.shape[dim],), or None for none.
        dim: axis of the bias.
        act: "linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus" or "swish".
        alpha: slope of "lrelu" below 0, at least 0, by default 0.2; the others have no slope and do not read it.
        gain: by default `default_gain(act)`, sqrt(2) for "relu", "lrelu" and "swish" and 1 for the others.
        clamp: limit of the result, or None for none.
        impl: "torch" is the form for a CPU, "triton" one kernel. "auto" takes the former: no speed on a GPU has been
            measured yet.
    Raises:
        ValueError: for an unknown activation, a bias of another shape, or alpha or clamp below 0.
        RuntimeError: if impl="triton" cannot be had.
    """
    if act not in get_args(Activation):
        raise ValueError(f"act={act!r} is unknown; wanted one of {', '.join(get_args(Activation))}")
    if not -x.ndim <= dim < x.ndim:
        raise ValueError(f"dim={dim} is no axis of x, which has shape {tuple(x.shape)}")
    dim %= x.ndim
    if b is not None and b.shape != (x.shape[dim],):
        raise ValueError(f"b has shape {tuple(b.shape)}, wanted ({x.shape[dim]},): axis {dim} of {tuple(x.shape)}")
    alpha = 0.2 if alpha is None else alpha
    gain = default_gain(act) if gain is None else gain
    if alpha < 0 or (clamp is not None and clamp < 0):
        raise ValueError(f"alpha={alpha}, clamp={clamp}: wanted at least 0")
    tensors = (x,) if b is None else (x, b)
    if use_kernel(impl, why_no_kernel(*tensors), faster=False):
        from vg_layers.ops.bias_act import kernel

        return kernel.bias_act(x, b, dim, act, alpha, gain, clamp)
    return reference.bias_act(x, b, dim, act, alpha, gain, clamp)
