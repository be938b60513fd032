"""Scores of generated clips against real ones: what is measured on each set, and how two sets compare."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from vg_metrics.functional import frechet_distance, kernel_distance, motion_energy, motion_map
from vg_metrics.functional.frechet import Moments

Extract = Callable[[Tensor], Tensor]  # video (b, 3, t, h, w) in [-1, 1] -> features (b, d)


@dataclass(frozen=True)
class Measured:
    """What was measured on one set of clips."""

    features: Tensor  # (n, d), of whatever network
    motion: Tensor  # (n * maps, m), see vg_metrics.functional.motion_map
    energy: Tensor  # (n,), grey levels of 255 by which neighboring frames differ
    look: Tensor  # (n, 192), see `look`

    @property
    def count(self) -> int:
        """Number of clips."""
        return len(self.features)


def measure(batches: Iterable[Tensor], extract: Extract) -> Measured:
    """Measure a set of clips, batch by batch.

    Args:
        batches: video (b, 3, t, h, w) in [-1, 1].
        extract: network that gives one feature vector a clip.
    Raises:
        ValueError: if there is no clip.
    """
    rows = [(extract(video), motion_map(video), motion_energy(video), look(video)) for video in batches]
    if not rows:
        raise ValueError("there are no clips to measure, wanted at least one")
    return Measured(*(torch.cat(column).cpu() for column in zip(*rows, strict=True)))


def compare(real: Measured, other: Measured) -> dict[str, float]:
    """Distances of a set of clips from real ones; lower is better, and energy is best near the real clips'.

    Returns:
        frechet_distance and kernel_distance (with its standard error) of the features, motion_map_distance (a Frechet
        distance; features of image-like networks are blind to motion), motion_energy of both sets, and spread, the
        variance of how clips look as a share of that of real clips, 0 if all are one image.
    """
    kernel, error = kernel_distance(other.features, real.features)
    return {
        "frechet_distance": _frechet(real.features, other.features),
        "kernel_distance": float(kernel),
        "kernel_distance_error": float(error),
        "motion_map_distance": _frechet(real.motion, other.motion),
        "motion_energy": float(other.energy.mean()),
        "motion_energy_of_real": float(real.energy.mean()),
        "spread": _variance(other.look) / _variance(real.look),
    }


def look(video: Tensor) -> Tensor:
    """How clips look, coarsely and fast: the mean frame of each in 8 x 8 squares, (b, 192)."""
    return F.adaptive_avg_pool2d(video.mean(2), 8).flatten(1)


class QuickScore:
    """A score of samples that costs next to nothing, for choosing the best checkpoint of a run.

    Mean of two Frechet distances, one of how clips look (8 x 8 pixels, averaged over time) and one of how they move
    (motion maps), each divided by the total variance of the real features. A generator that always shows the mean
    clip has score 1 or more, a perfect one about 0; only values with equal counts compare.

    Args:
        real: clips to compare with, (n, 3, t, h, w) in [-1, 1].
    """

    def __init__(self, real: Tensor) -> None:
        self.real = measure([real], look)

    def __call__(self, samples: Tensor) -> dict[str, float]:
        """Score samples (n, 3, t, h, w): score, its two parts, and the motion energy in grey levels."""
        fake = measure([samples], look)
        parts = {
            name: _frechet(getattr(self.real, source), getattr(fake, source)) / _variance(getattr(self.real, source))
            for name, source in (("look", "features"), ("motion", "motion"))
        }
        return {"score": sum(parts.values()) / 2, **parts, "motion_energy": float(fake.energy.mean())}


def _frechet(real: Tensor, other: Tensor) -> float:
    first, second = Moments.of(real), Moments.of(other)
    return float(frechet_distance(first.mean, first.covariance(), second.mean, second.covariance()))


def _variance(features: Tensor) -> float:
    """Total variance: the Frechet distance of a set that is nothing but the mean."""
    return float(features.double().var(0).sum())
