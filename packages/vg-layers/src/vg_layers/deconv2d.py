"""Transposed 2-D convolution of maps in channels_last memory, in the form that is fastest on a CPU.

* Kernel 1 and stride 1: a matrix product.
* At most `FEW` positions for each input channel, on a CPU: one matrix product of positions and taps, whose windows are
  then laid over each other. Such a map is smaller than the weight, and oneDNN would take longer to reorder the weight
  than to compute.
* Otherwise: oneDNN's or cuDNN's own convolution.

All are exact and differentiable twice. Kernel 4 and stride 2 could also be split into four ordinary convolutions, one
for each phase of the result; at the sizes of G3AN that takes as long as oneDNN's transposed one, or up to 1.4 times.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

FEW = 2

Pair = tuple[int, int]


def deconv2d(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
    """Compute `F.conv_transpose2d`.

    Args:
        x: (n, c_in, h, w); it is copied unless it lies in channels_last memory.
        weight: (c_in, c_out, k_h, k_w).
        bias: (c_out,), or None.
        stride: along h and w.
        padding: along h and w.
    Returns:
        (n, c_out, (h - 1) * stride - 2 * padding + k_h, ...) in channels_last memory.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    if weight.shape[2:] == stride == (1, 1) and padding == (0, 0):
        return F.linear(x.movedim(1, -1), weight.flatten(1).T, bias).movedim(-1, 1)
    if x.device.type != "cpu":
        y = F.conv_transpose2d(x, weight, bias, stride, padding)
    elif x[:, 0].numel() <= FEW * x.shape[1]:
        y = _product(x, weight, bias, stride, padding)
    else:
        y = _Deconv2d.apply(*under_autocast(x, weight, bias), stride, padding)
    return y.contiguous(memory_format=torch.channels_last)


def under_autocast(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Cast the arguments of a convolution as autocast does, where it is on."""
    if not torch.is_autocast_enabled(x.device.type) or x.dtype == torch.float64:
        return x, weight, bias
    dtype = torch.get_autocast_dtype(x.device.type)
    return x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)


def gradients(
    grad: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair, *, wanted: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The gradients of x, weight and bias, each where it is wanted; PyTorch can differentiate them again.

    That of the bias is summed here: within oneDNN it takes as long as the other two together.
    """
    x_grad, weight_grad, _ = torch.ops.aten.convolution_backward(
        grad, x, weight, None, stride, padding, (1, 1), True, (0, 0), 1, [*wanted[:2], False]
    )
    return x_grad, weight_grad, grad.sum((0, 2, 3)) if wanted[2] else None


def _product(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
    """What each position adds to its window comes from one matrix product."""
    n, _, h, w = x.shape
    c_out, k_h, k_w = weight.shape[1:]
    windows = (x.movedim(1, -1) @ weight.flatten(1)).unflatten(-1, (c_out, k_h * k_w)).mT
    rows = overlap(windows.reshape(n, h, w, k_h, k_w * c_out), stride[0], padding[0])  # (n, h', w, k_w * c_out)
    y = overlap(rows.view(n * rows.shape[1], w, 1, k_w, c_out), stride[1], padding[1])  # (n * h', w', 1, c_out)
    y = y.view(n, rows.shape[1], y.shape[1], c_out)
    return (y if bias is None else y + bias.to(y)).movedim(-1, 1)


def overlap(windows: Tensor, stride: int, padding: int) -> Tensor:
    """Lay windows (n, t, m, k, c) over each other along t: (n, (t - 1) * stride - 2 * padding + k, m, c)."""
    if windows.shape[3] == stride == 1 and padding == 0:
        return windows.squeeze(3)
    return _Overlap.apply(windows, stride, padding)


class _Overlap(torch.autograd.Function):
    """Its backward pass reads the windows of the gradient, which PyTorch can differentiate again."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, stride: int, padding: int) -> Tensor:
        n, t, m, k, c = windows.shape
        ctx.kernel, ctx.stride, ctx.padding = k, stride, padding
        y = windows.new_zeros(n, (t - 1) * stride + k, m, c)
        for tap in range(k):
            y[:, tap::stride][:, :t] += windows[:, :, :, tap]
        return y[:, padding : y.shape[1] - padding].contiguous()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        whole = F.pad(grad, (0, 0, 0, 0, ctx.padding, ctx.padding))
        return whole.unfold(1, ctx.kernel, ctx.stride).movedim(-1, 3), None, None


class _Deconv2d(torch.autograd.Function):
    """`F.conv_transpose2d` with the `gradients` of this file."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.options = stride, padding
        return F.conv_transpose2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        return *gradients(grad, *ctx.saved_tensors, *ctx.options, wanted=ctx.needs_input_grad[:3]), None, None
