"""Convolutions that also double or halve the size of images, without aliasing, as in StyleGAN2 (5.2.2, 5.2.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vg_layers.ops.upfirdn2d import upfirdn2d

FIR_TAPS = (1, 3, 3, 1)  # StyleGAN2's filter along an axis


def fir_filter(taps: Sequence[float] = FIR_TAPS) -> Tensor:
    """Return the two-dimensional low-pass filter of these taps with sum 1, (k, k); the default is StyleGAN2's."""
    row = torch.tensor(taps, dtype=torch.float32)
    square = row[:, None] * row
    return square / square.sum()


def upsample2d(x: Tensor, filter: Tensor, up: int = 2) -> Tensor:
    """Enlarge images (b, c, h, w) to (b, c, h * up, w * up), smoothed by the filter, (k_h, k_w) or (k,)."""
    return upfirdn2d(x, filter, up=up, padding=_around(filter, up - 1, -up), gain=up**2)


def conv2d_resample(
    x: Tensor,
    weight: Tensor,
    filter: Tensor | None = None,
    *,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
    flip_weight: bool = True,
) -> Tensor:
    """Convolve images, after up-sampling or before down-sampling them through a low-pass filter.

    No zero of the up-sampling is multiplied: a transposed convolution up-samples and the filter follows, and 1x1
    kernels, which change places with the filter, run where the image is small.

    Args:
        x: images (b, c_in, h, w).
        weight: (c_out, c_in, k, k).
        filter: low-pass filter, (k_h, k_w) or (k,), which is needed when `up` or `down` is not 1.
        up: factor by which the images grow.
        down: factor by which they shrink; not together with `up`.
        padding: zeros around the up-sampled images; k // 2 keeps their size.
        flip_weight: correlate with the weight, as `F.conv2d` does; otherwise convolve, as `F.conv_transpose2d` does.
    Returns:
        (b, c_out, h * up // down, w * up // down) when padding is k // 2; in channels_last memory when the size
        changes, else in that of x.
    Raises:
        ValueError: if both `up` and `down` are wanted, or one of them without a filter.
    """
    kernel = weight.shape[-1]
    if kernel > 1 and flip_weight == (up > 1):
        weight = weight.flip(2, 3)
    if up == down == 1:
        return F.conv2d(x, weight, padding=padding)
    if filter is None or (up > 1 and down > 1):
        raise ValueError(f"up={up}, down={down}: wanted one of them to be 1, and a filter")
    if down > 1:
        around = _around(filter, 1 - down, -down, padding, padding)
        if kernel == 1:
            return F.conv2d(upfirdn2d(x, filter, down=down, padding=around), weight)
        return F.conv2d(upfirdn2d(x, filter, padding=around), weight, stride=down)
    if kernel == 1:
        y = F.conv2d(x, weight)
        return upfirdn2d(y, filter, up=up, padding=_around(filter, up - 1, -up, padding, padding), gain=up**2)
    x = x.contiguous(memory_format=torch.channels_last)  # in which a CPU has a fast transposed convolution
    y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=up)
    around = _around(filter, up - 1, -up, padding + 1 - kernel, padding + up - kernel)
    return upfirdn2d(y, filter, padding=around, gain=up**2)


def _around(filter: Tensor, first: int, last: int, before: int = 0, after: int = 0) -> list[int]:
    """Padding (left, right, top, bottom) that centers the filter, moved by what else happens."""
    sizes = filter.shape[-1], filter.shape[0]
    return [n for k in sizes for n in ((k + first) // 2 + before, (k + last) // 2 + after)]
