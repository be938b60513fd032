"""What bias_act computes, in PyTorch: bias, activation, gain and clamp."""

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Activation = Literal["linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish"]

_FUNCTIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": Tensor.tanh,
    "sigmoid": Tensor.sigmoid,
    "elu": F.elu,
    "selu": F.selu,
    "softplus": F.softplus,
    "swish": F.silu,
}


def default_gain(act: Activation) -> float:
    """Return the gain with which an activation keeps the variance of its input in StyleGAN2's reckoning."""
    return math.sqrt(2) if act in ("relu", "lrelu", "swish") else 1.0


def bias_act(
    x: Tensor, bias: Tensor | None, dim: int, act: Activation, alpha: float, gain: float, clamp: float | None
) -> Tensor:
    """Return gain * act(x + bias) within [-clamp, clamp]; bias (x.shape[dim],), alpha the slope of "lrelu"."""
    # Where act(g x) = g act(x) the gain comes with the bias: one pass over the maps instead of two.
    early = gain if act in ("linear", "relu", "lrelu") and gain > 0 else 1.0
    if bias is None:
        y = x if early == 1 else x * early
    else:
        bias = bias.to(x.dtype).reshape([-1 if axis == dim else 1 for axis in range(x.ndim)])
        y = (bias * early).add(x, alpha=early)
    if act == "lrelu":
        y = F.leaky_relu(y, alpha, inplace=y is not x)
    elif act != "linear":
        y = _FUNCTIONS[act](y)
    if early != gain:
        y = y * gain
    return y if clamp is None else y.clamp(-clamp, clamp)
