"""Structural similarity and peak signal-to-noise ratio of paired frames, one value a frame (3.4.2)."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, to_double

PSNR_CAP = 100.0  # decibel; what identical frames get, whose ratio is infinite
K1, K2 = 0.01, 0.03
Preset = Literal["wang", "skimage"]


def ssim(a: ArrayLike, b: ArrayLike, *, data_range: float, preset: Preset = "wang") -> Tensor:
    """Structural similarity (Wang et al. 2004) of each pair of frames, mean over pixels and channels.

    The map is averaged where the whole window lies inside the frame.

    Args:
        a: frames, (n, c, h, w), at least one window high and wide.
        b: frames of the same shape.
        data_range: largest minus smallest possible value: 255 for bytes, 2 for [-1, 1].
        preset: "wang" is the paper's 11x11 Gaussian window (sigma 1.5) with population covariances; "skimage" is that
            library's default, a 7x7 uniform window with sample covariances.
    Returns:
        float64, (n,), at most 1.
    Raises:
        ValueError: if shapes differ, a frame is smaller than the window, or data_range is not positive.
    """
    a, b = _pair(a, b, data_range)
    if preset not in ("wang", "skimage"):
        raise ValueError(f"ssim has no preset {preset!r}, wanted 'wang' or 'skimage'")
    window = _gaussian(11, 1.5) if preset == "wang" else torch.full((7,), 1 / 7, dtype=torch.float64)
    window = window.to(a.device)
    if min(a.shape[2:]) < len(window):
        raise ValueError(f"frames of {a.shape[2]}x{a.shape[3]} are smaller than the {len(window)}x{len(window)} window")
    pixels = len(window) ** 2
    unbias = pixels / (pixels - 1) if preset == "skimage" else 1.0

    mean_a, mean_b = _blur(a, window), _blur(b, window)
    var_a = unbias * (_blur(a * a, window) - mean_a**2)
    var_b = unbias * (_blur(b * b, window) - mean_b**2)
    cov = unbias * (_blur(a * b, window) - mean_a * mean_b)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * cov + c2) / (var_a + var_b + c2)
    return (luminance * structure).mean((1, 2, 3))


def psnr(a: ArrayLike, b: ArrayLike, *, data_range: float) -> Tensor:
    """Peak signal-to-noise ratio of each pair of frames, 10 log10(data_range^2 / mean squared error).

    Args:
        a: frames, (n, c, h, w).
        b: frames of the same shape.
        data_range: largest minus smallest possible value: 255 for bytes, 2 for [-1, 1].
    Returns:
        Decibel, float64, (n,), at most `PSNR_CAP` (100), which identical frames get. A video's value is the mean over
        its frames, not the ratio of its mean error.
    Raises:
        ValueError: if shapes differ or data_range is not positive.
    """
    a, b = _pair(a, b, data_range)
    error = (a - b).square().mean((1, 2, 3))
    return (10 * torch.log10(data_range**2 / error)).clamp_max(PSNR_CAP)


def _pair(a: ArrayLike, b: ArrayLike, data_range: float) -> tuple[Tensor, Tensor]:
    a, b = to_double(a, "a", 4), to_double(b, "b", 4)
    if a.shape != b.shape:
        raise ValueError(f"frames of shapes {tuple(a.shape)} and {tuple(b.shape)} are no pairs")
    if not data_range > 0:
        raise ValueError(f"data_range is {data_range}, wanted a positive number")
    return a, b


def _gaussian(size: int, sigma: float) -> Tensor:
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    return weights / weights.sum()


def _blur(x: Tensor, window: Tensor) -> Tensor:
    """Separable weighted mean over the windows that lie inside the frame, each channel for itself."""
    channels = x.shape[1]
    rows = window.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    return F.conv2d(F.conv2d(x, rows, groups=channels), rows.mT, groups=channels)
