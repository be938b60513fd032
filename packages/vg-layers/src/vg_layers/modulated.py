"""Convolution with weights of its own for each sample, the heart of StyleGAN2's generator (5.2.2)."""

import torch
from torch import Tensor
from torch.nn import functional as F

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

    The norms that demodulation divides by come from one product of squared styles and squared weights. Then there are
    two ways, of which the one with less to multiply is taken: the style scales the channels of x, and the norms those
    of the result; or the weights of each sample are made, which a CPU runs well and a 1x1 kernel turns into a matrix
    product.

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
    fewer_weights = x.device.type == "cpu" and len(x) * weight.numel() < x.numel()
    pointwise = weight.shape[-1] == 1 and padding == 0
    if up == down == 1 and (fewer_weights or pointwise):
        own = weight * styles[:, None, :, None, None]
        if scales is not None:
            own = own * scales[:, :, None, None, None]
        return _conv_per_sample(x, own if flip_weight else own.flip(3, 4), padding)
    x = x * styles[:, :, None, None]
    y = conv2d_resample(x, weight, filter, up=up, down=down, padding=padding, flip_weight=flip_weight)
    return y if scales is None else y * scales[:, :, None, None]


def _conv_per_sample(x: Tensor, weight: Tensor, padding: int) -> Tensor:
    """Correlate (b, c_in, h, w) with a weight for each sample, (b, c_out, c_in, k, k)."""
    if weight.shape[-1] == 1 and padding == 0:
        return torch.bmm(weight.flatten(2), x.flatten(2)).unflatten(2, x.shape[2:])
    y = F.conv2d(x.flatten(0, 1)[None], weight.flatten(0, 1), padding=padding, groups=len(x))
    return y[0].unflatten(0, weight.shape[:2])
