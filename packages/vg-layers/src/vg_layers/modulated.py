"""Convolution with weights of its own for each sample, the heart of StyleGAN2's generator (5.2.2)."""

import torch
from torch import Tensor

from vg_layers.resample import conv2d_resample


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
    filter: Tensor | None = None,
    demodulate: bool = True,
    flip_weight: bool = True,
) -> Tensor:
    """Convolve each sample with weights of its own, those of the layer times the sample's style (5.2.2).

    The norms that demodulation divides by come from one product of squared styles and squared weights. The style scales
    the channels of x, and the norms those of the result, so that all samples share one convolution; with a 1x1 kernel
    the weights of each sample are made, and the convolution is a matrix product.

    Args:
        x: images (b, c_in, h, w).
        weight: (c_out, c_in, k, k).
        styles: (b, c_in).
        up: factor by which the images grow.
        down: factor by which they shrink; not together with `up`.
        padding: zeros around the up-sampled images.
        filter: low-pass filter, (k_h, k_w) or (k,), which is needed when `up` or `down` is not 1.
        demodulate: whether output channels are divided by the norm of their weights.
        flip_weight: correlate with the weight, as `F.conv2d` does; otherwise convolve, as `F.conv_transpose2d` does.
    Returns:
        (b, c_out, h', w'); see `conv2d_resample`.
    Raises:
        ValueError: if styles have another shape, or for `up` and `down` as in `conv2d_resample`.
    """
    if styles.shape != x.shape[:2]:
        raise ValueError(f"styles have shape {tuple(styles.shape)}, wanted {tuple(x.shape[:2])} as x")
    scales = None
    if demodulate:
        scales = (styles.square() @ weight.square().sum((2, 3)).T + 1e-8).rsqrt()  # (b, c_out)
    x = x.contiguous(memory_format=torch.channels_last)  # in which a CPU is fastest
    if weight.shape[-1] == up == down == 1 and padding == 0:
        own = weight.flatten(1) * styles.unsqueeze(1)
        if scales is not None:
            own = own * scales.unsqueeze(2)
        pixels = x.movedim(1, -1).flatten(1, 2)
        return (pixels @ own.mT).unflatten(1, x.shape[2:]).movedim(-1, 1)
    x = x * styles[:, :, None, None]
    y = conv2d_resample(x, weight, filter, up=up, down=down, padding=padding, flip_weight=flip_weight)
    return y if scales is None else y * scales[:, :, None, None]
