"""Structural similarity and peak signal-to-noise ratio of paired frames and videos (3.4.2), and of persons (6.4.4)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, to_double

PSNR_CAP = 100.0  # decibel; what identical frames get, whose ratio is infinite
K1, K2 = 0.01, 0.03
PAIRS = 64  # images compared at once
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
        Decibel, float64, (n,), at most `PSNR_CAP` (100), which identical frames get.
    Raises:
        ValueError: if shapes differ or data_range is not positive.
    """
    a, b = _pair(a, b, data_range)
    error = (a - b).square().mean((1, 2, 3))
    return (10 * torch.log10(data_range**2 / error)).clamp_max(PSNR_CAP)


def video_ssim(a: ArrayLike, b: ArrayLike, *, data_range: float, preset: Preset = "wang") -> Tensor:
    """`ssim` of each pair of videos: the mean over its frames.

    Args:
        a: videos, (b, c, t, h, w).
        b: videos of the same shape.
        data_range: largest minus smallest possible value: 255 for bytes, 2 for [-1, 1].
        preset: see `ssim`.
    Returns:
        float64, (b,).
    Raises:
        ValueError: as `ssim`.
    """
    return _over_frames(lambda x, y: ssim(x, y, data_range=data_range, preset=preset), a, b)


def video_psnr(a: ArrayLike, b: ArrayLike, *, data_range: float) -> Tensor:
    """`psnr` of each pair of videos: the mean of its frames' decibels, not the decibels of their mean error.

    Args:
        a: videos, (b, c, t, h, w).
        b: videos of the same shape.
        data_range: largest minus smallest possible value: 255 for bytes, 2 for [-1, 1].
    Returns:
        float64, (b,).
    Raises:
        ValueError: as `psnr`.
    """
    return _over_frames(lambda x, y: psnr(x, y, data_range=data_range), a, b)


@dataclass(frozen=True)
class Diversity:
    """The "SSIM diversity" of a set of person images; see `ssim_diversity`.

    Attributes:
        value: mean over identities of their mean SSIM, at most 1.
        standard_error: of that mean under other identities; NaN with one identity.
        pairs: compared in all.
        identities: of the mean.
        skipped: identities with a single image.
    """

    value: float
    standard_error: float
    pairs: int
    identities: int
    skipped: list[int]


def ssim_diversity(
    images: ArrayLike,
    identities: ArrayLike,
    *,
    data_range: float,
    preset: Preset = "wang",
    pairs: int | None = 10,
    generator: torch.Generator | None = None,
) -> Diversity:
    """Mean SSIM of pairs of images of the same person, the "diversity" of table 6.4 (6.4.4).

    Beware of what it says: 6.4.4 calls a larger value more diverse, yet SSIM is a similarity, and a generator that
    repeats one image of a person reaches 1. It falls with noise and blur of one of the two images as well as with a
    change of pose. Show it beside the value of the real images, made with the same preset and number of pairs (0.350
    in table 6.4), and beside a distance that sees realism. The thesis states neither preset nor pairs.

    Args:
        images: (n, c, h, w), at least one window high and wide.
        identities: who is on them, integers, (n,).
        data_range: largest minus smallest possible value: 255 for bytes, 2 for [-1, 1].
        preset: see `ssim`.
        pairs: compared for each identity, drawn without replacement; all of them when there are fewer, or with None.
        generator: of the pairs; by default a fresh one with seed 0.
    Returns:
        The mean, each identity counting the same, its standard error, and what it was made of.
    Raises:
        ValueError: as `ssim`, if sizes disagree, pairs are below 1, or no identity has two images.
    """
    images, identities = torch.as_tensor(images), torch.as_tensor(identities)
    if identities.shape != images.shape[:1]:
        raise ValueError(f"identities have shape {tuple(identities.shape)}, wanted ({len(images)},)")
    if pairs is not None and pairs < 1:
        raise ValueError(f"pairs are {pairs}, wanted at least 1, or None for all")
    generator = generator or torch.Generator().manual_seed(0)
    means, count, skipped = [], 0, []
    for identity in identities.unique().tolist():
        drawn = _pairs((identities == identity).nonzero().flatten(), pairs, generator)
        if not len(drawn):
            skipped.append(identity)
            continue
        slices = drawn.split(PAIRS)
        scores = [ssim(images[i], images[j], data_range=data_range, preset=preset) for i, j in (s.T for s in slices)]
        means.append(torch.cat(scores).mean())
        count += len(drawn)
    if not means:
        raise ValueError(f"none of {len(skipped)} identities has two images: nothing to compare")
    values = torch.stack(means)
    error = values.std() / len(values) ** 0.5 if len(values) > 1 else torch.nan
    return Diversity(values.mean().item(), float(error), count, len(values), skipped)


def _pairs(members: Tensor, most: int | None, generator: torch.Generator) -> Tensor:
    """Pairs of different members, (pairs, 2): all, or as many as asked for."""
    first, second = torch.triu_indices(len(members), len(members), 1, device=members.device)
    if most is not None and most < len(first):
        chosen = torch.randperm(len(first), generator=generator, device=generator.device)[:most].to(members.device)
        first, second = first[chosen], second[chosen]
    return torch.stack([members[first], members[second]], 1)


def _over_frames(score: Callable[[Tensor, Tensor], Tensor], a: ArrayLike, b: ArrayLike) -> Tensor:
    """Mean score of the frames of each pair of videos, one pair after another, as float64 frames are large."""
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    if a.ndim != 5 or a.shape != b.shape or not a.numel():
        raise ValueError(f"videos have shapes {tuple(a.shape)} and {tuple(b.shape)}, wanted (b, c, t, h, w) twice")
    return torch.stack([score(x.transpose(0, 1), y.transpose(0, 1)).mean() for x, y in zip(a, b, strict=True)])


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
