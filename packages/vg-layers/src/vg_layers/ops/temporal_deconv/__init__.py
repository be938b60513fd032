"""Transposed convolution along time with what follows it: norm and LeakyReLU (3.3.1, 4.3.1)."""

from torch import Tensor

from vg_layers.deconv2d import under_autocast
from vg_layers.ops.impl import Impl, use_kernel, why_no_kernel
from vg_layers.ops.temporal_deconv import reference


def temporal_deconv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    slope: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """Compute leaky_relu(scale * (transposed convolution of x along time + bias) + shift) (3.3.1, 4.3.1).

    Args:
        x: (b, c_in, t, h, w).
        weight: (c_in, c_out, k), as in `torch.nn.functional.conv_transpose1d`.
        bias: (c_out,), or None for zeros.
        stride: frames of the result for each of x.
        padding: frames cut off at both ends of the result.
        scale: (c_out,), of a norm whose statistics are known; None for ones.
        shift: (c_out,), likewise; None for zeros.
        slope: of LeakyReLU for negative values, from 0 (ReLU) to 1 (nothing).
        impl: "torch", "triton", or "auto", which is "torch": the kernel has not been seen to be faster yet.
    Returns:
        (b, c_out, (t - 1) * stride - 2 * padding + k, h, w) in channels_last_3d memory, of the dtype of x, or of the
        autocast dtype.
    Raises:
        ValueError: if a shape, the window or the slope is not as above.
        RuntimeError: if "triton" is wanted where it cannot run.
    """
    _check(x, weight, bias, stride, padding, scale, shift, slope)
    if scale is not None:
        weight = weight * scale[:, None]
        bias = None if bias is None else bias * scale
    if shift is not None:
        bias = shift if bias is None else bias + shift
    x, weight, bias = under_autocast(x, weight, bias)
    if use_kernel(impl, why_no_kernel(*(tensor for tensor in (x, weight, bias) if tensor is not None)), faster=False):
        from vg_layers.ops.temporal_deconv import kernel

        return kernel.temporal_deconv(x, weight, bias, stride, padding, slope)
    return reference.temporal_deconv(x, weight, bias, stride, padding, slope)


def _check(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    scale: Tensor | None,
    shift: Tensor | None,
    slope: float,
) -> None:
    """Refuse what does not fit together."""
    if x.ndim != 5:
        raise ValueError(f"x has shape {tuple(x.shape)}; wanted (b, c, t, h, w)")
    if weight.ndim != 3 or weight.shape[0] != x.shape[1]:
        raise ValueError(f"weight has shape {tuple(weight.shape)}; wanted ({x.shape[1]}, c_out, k)")
    for name, vector in (("bias", bias), ("scale", scale), ("shift", shift)):
        if vector is not None and vector.shape != weight.shape[1:2]:
            raise ValueError(f"{name} has shape {tuple(vector.shape)}; wanted ({weight.shape[1]},)")
    if stride < 1 or padding < 0 or not 0 <= slope <= 1:
        raise ValueError(f"stride={stride}, padding={padding}, slope={slope}; wanted >= 1, >= 0, and from 0 to 1")
    if (frames := (x.shape[2] - 1) * stride - 2 * padding + weight.shape[2]) < 1:
        raise ValueError(
            f"{x.shape[2]} frames would give {frames} with kernel {weight.shape[2]}, {stride=}, {padding=}"
        )
