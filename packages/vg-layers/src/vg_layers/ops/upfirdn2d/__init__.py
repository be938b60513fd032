"""Up-sample, pad, filter and down-sample images: the resampling of StyleGAN2, from which 5.2.2 takes its networks."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vg_layers.ops.impl import Impl, use_kernel, why_no_kernel
from vg_layers.ops.upfirdn2d import reference
from vg_layers.ops.upfirdn2d.reference import Axis


def upfirdn2d(
    x: Tensor,
    filter: Tensor,
    up: int | Sequence[int] = 1,
    down: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    *,
    impl: Impl = "auto",
) -> Tensor:
    """Insert zeros between pixels, pad or crop, filter each channel, and keep every n-th pixel.

    The order is that of the official code of StyleGAN2, so `(x, y)` and not `(height, width)` where a pair is given.
    Inserted zeros are never multiplied, and down-sampling computes no result that it drops; both at once, which nothing
    here needs, drops some with impl="torch". Differentiable any number of times with respect to x; the filter is a
    constant.

    Args:
        x: images (b, c, h, w).
        filter: FIR filter, (k_h, k_w), or (k,) for one that is applied along both axes in turn.
        up: factor by which zeros are inserted, `n` or `(x, y)`.
        down: every how many pixels one is kept, `n` or `(x, y)`.
        padding: pixels of the up-sampled image, `n`, `(x, y)` or `(left, right, top, bottom)`; negative ones crop.
        flip_filter: correlate with the filter; otherwise convolve, as the word filter means.
        gain: factor of the result.
        impl: "torch" is the form for a CPU, "triton" one kernel. "auto" takes the former: no speed on a GPU has been
            measured yet.
    Returns:
        (b, c, h', w'), h' = (h * up + top + bottom - k_h) // down + 1.
    Raises:
        ValueError: for another number of dimensions, a factor below 1, an empty result, or a filter with requires_grad.
        RuntimeError: if impl="triton" cannot be had.
    """
    if x.ndim != 4:
        raise ValueError(f"x has shape {tuple(x.shape)}, wanted (b, c, h, w)")
    if filter.ndim not in (1, 2) or not filter.numel():
        raise ValueError(f"filter has shape {tuple(filter.shape)}, wanted (k,) or (k_h, k_w)")
    if filter.requires_grad:
        raise ValueError("filter requires a gradient, and upfirdn2d has one with respect to x only")
    vertical, horizontal = _axes(up, down, padding)
    taps = filter.to(torch.promote_types(filter.dtype, x.dtype))
    if not flip_filter:
        taps = taps.flip(list(range(taps.ndim)))
    passes = [(taps * gain, vertical, horizontal)]
    if taps.ndim == 1:
        passes = [(taps[:, None] * gain, vertical, Axis()), (taps[None], Axis(), horizontal)]
    for taps, *axes in passes:
        size = [axis.out(n, k) for axis, n, k in zip(axes, x.shape[2:], taps.shape, strict=True)]
        if min(size) < 1:
            raise ValueError(f"a result of {size[0]}x{size[1]} pixels is empty; x has shape {tuple(x.shape)}")
        if use_kernel(impl, why_no_kernel(x, taps), faster=False):
            from vg_layers.ops.upfirdn2d import kernel

            x = kernel.upfirdn2d(x, taps, *axes)
        else:
            x = reference.upfirdn2d(x, taps, *axes)
    return x


def _axes(up: int | Sequence[int], down: int | Sequence[int], padding: int | Sequence[int]) -> tuple[Axis, Axis]:
    """The vertical and the horizontal axis."""
    up_x, up_y = _pair("up", up)
    down_x, down_y = _pair("down", down)
    if min(up_x, up_y, down_x, down_y) < 1:
        raise ValueError(f"up={up}, down={down}: wanted factors of at least 1")
    if isinstance(padding, Sequence) and len(padding) == 4:
        left, right, top, bottom = padding
    else:
        left, top = right, bottom = _pair("padding", padding)
    return Axis(up_y, down_y, top, bottom), Axis(up_x, down_x, left, right)


def _pair(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    if len(value) != 2:
        raise ValueError(f"{name}={value} has {len(value)} numbers, wanted one or (x, y)")
    return value[0], value[1]
