"""Motion of sets of clips as torchmetrics: means over clips with their standard errors (5.3.4), and a distance."""

from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from vg_metrics.distances import FrechetDistance, Side
from vg_metrics.functional._inputs import to_double
from vg_metrics.functional.motion import motion_energy, motion_map
from vg_metrics.functional.motion_change import SHADES, measure


class Estimate(NamedTuple):
    """Mean over clips and its standard error, float64, () or (k,); the error is NaN for a single clip."""

    mean: Tensor
    error: Tensor


class MotionSummary(NamedTuple):
    """Motion of a set of clips, or the difference of two sets; all lengths in units of `radius`.

    Attributes:
        phi: of the regions (eq. 5.6 or 5.9), (regions,) each.
        total: Phi (eq. 5.7).
        share: of the pixels that move.
        clips: that the means are over.
        skipped: clips left out, as their mask is empty.
        flow: label of what estimated the flow.
        radius: H, pixels.
        still: flows up to this length are at rest, pixels.
    """

    phi: Estimate
    total: Estimate
    share: Estimate
    clips: int
    skipped: int
    flow: str
    radius: float
    still: float

    def minus(self, other: "MotionSummary") -> "MotionSummary":
        """Difference to a set of other clips; for the same clips, changed, `MotionDifference` has smaller errors.

        Raises:
            ValueError: if the two were measured in different ways.
        """
        for name in ("flow", "radius", "still"):
            values = getattr(self, name), getattr(other, name)
            if values[0] != values[1]:
                raise ValueError(f"the sets were measured in different ways: {name} is {values[0]} and {values[1]}")
        if self.phi.mean.shape != other.phi.mean.shape:
            raise ValueError(f"{len(self.phi.mean)} and {len(other.phi.mean)} regions cannot be compared")
        phi, total, share = (
            Estimate(a.mean - b.mean, torch.hypot(a.error, b.error)) for a, b in zip(self[:3], other[:3], strict=True)
        )
        clips, skipped = self.clips + other.clips, self.skipped + other.skipped
        return self._replace(phi=phi, total=total, share=share, clips=clips, skipped=skipped)


class _ClipMean(Metric):
    """Running sums of one row of values a clip; rows with a NaN are counted and left out."""

    is_differentiable = False
    full_state_update = False
    count: Tensor
    skipped: Tensor
    total: Tensor
    squares: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        for name in ("count", "skipped"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")
        for name in ("total", "squares"):
            self.add_state(name, torch.zeros(width, dtype=torch.float64), dist_reduce_fx="sum")

    def _add(self, rows: Tensor) -> None:
        kept = rows[~rows.isnan().any(1)].to(self.total)
        self.count += len(kept)
        self.skipped += len(rows) - len(kept)
        self.total += kept.sum(0)
        self.squares += kept.square().sum(0)

    def _estimate(self) -> Estimate:
        """Of each column, (width,)."""
        if not self.count:
            raise ValueError(f"no clip to take the mean of; {int(self.skipped)} were left out, as their mask is empty")
        mean = self.total / self.count
        variance = (self.squares - self.count * mean.square()).clamp_min(0) / (self.count - 1)
        return Estimate(mean, (variance / self.count).sqrt())


class _RegionMean(_ClipMean):
    """Means of phi_i, Phi and the share of moving pixels."""

    def __init__(self, flow: str, radius: float, *, regions: int = 4, still: float | None = None) -> None:
        super().__init__(regions + 2)
        self.flow, self.radius, self.regions = flow, radius, regions
        self.still = radius / SHADES if still is None else still

    def compute(self) -> MotionSummary:
        """Means over all clips and their standard errors; ValueError if there is no clip."""
        mean, error = self._estimate()
        phi, total, share = (Estimate(mean[part], error[part]) for part in (slice(self.regions), -2, -1))
        clips, skipped = int(self.count), int(self.skipped)
        return MotionSummary(phi, total, share, clips, skipped, self.flow, self.radius, self.still)

    def _rows(self, flows: Tensor, mask: Tensor | None) -> Tensor:
        if flows.ndim != 5:
            raise ValueError(f"flows have shape {tuple(flows.shape)}, wanted (b, t, 2, h, w)")
        return measure(flows, self.regions, radius=self.radius, still=self.still, mask=mask)


class MotionChange(_RegionMean):
    """Motion phi_i and Phi (eq. 5.6, 5.7 and 5.9) and the share of moving pixels, over the clips of a set.

    It takes optical flow, not clips: the flow of a clip serves for all masks.

    Args:
        flow: label of what estimates the flow, `OpticalFlow.label`.
        radius: H in pixels, the same for all sets that are compared; see `motion_radius`.
        regions: 4 or 8, see `REGIONS`.
        still: flows up to this length, in pixels, are at rest; None for H / 255.
    """

    def update(self, flows: Tensor, mask: Tensor | None = None) -> None:
        """Add clips; one whose mask is empty is counted and left out.

        Args:
            flows: pixels to the right and down, (b, t, 2, h, w).
            mask: the pixels to look at, bool (b, t, h, w), or (b, t + 1, h, w) with the last frame's, not used.
        """
        self._add(self._rows(flows, mask))


class MotionDifference(_RegionMean):
    """Motion differences of clips that were changed, such as by deactivating a direction (tables 5.4 and 5.5).

    The clips come in pairs, so that the standard errors are those of the differences.

    Args:
        flow: label of what estimates the flow, `OpticalFlow.label`.
        radius: H in pixels, of the originals; see `motion_radius`.
        regions: 4 or 8, see `REGIONS`.
        still: flows up to this length, in pixels, are at rest; None for H / 255.
    """

    def update(
        self, changed: Tensor, original: Tensor, changed_mask: Tensor | None = None, original_mask: Tensor | None = None
    ) -> None:
        """Add pairs of clips; a pair with an empty mask is counted and left out.

        Args:
            changed: flows of the changed clips, (b, t, 2, h, w).
            original: flows of the same clips as they were, of the same shape.
            changed_mask: the pixels to look at in the changed clips, as for `MotionChange`.
            original_mask: the pixels to look at in the originals.
        """
        if changed.shape != original.shape:
            raise ValueError(f"flows of shapes {tuple(changed.shape)} and {tuple(original.shape)} are no pairs")
        self._add(self._rows(changed, changed_mask) - self._rows(original, original_mask))


class MotionEnergy(_ClipMean):
    """Mean absolute difference between neighboring frames, gray levels of 0..255, over the clips of a set."""

    def __init__(self) -> None:
        super().__init__(1)

    def update(self, video: Tensor) -> None:
        """Add clips (b, c, t, h, w), bytes, or floats in [-1, 1]."""
        self._add(to_double(motion_energy(video), "motion energy", 1)[:, None])

    def compute(self) -> Estimate:
        """Mean over all clips and its standard error, () each; ValueError if there is none."""
        mean, error = self._estimate()
        return Estimate(mean[0], error[0])


class FrechetMotionDistance(FrechetDistance):
    """Frechet distance (eq. 2.6) between motion maps of clips: image-like and random features do not see motion.

    Args:
        frames: of a clip.
        height: of a frame, pixels.
        width: of a frame, pixels.
        step: frames between the two that are compared, see `motion_map`.
        every: keep one map in so many.
        pool: side of the squares of pixels that are averaged.
        ddof: of the covariances.
    """

    def __init__(
        self,
        frames: int = 16,
        height: int = 64,
        width: int = 64,
        *,
        step: int = 2,
        every: int = 3,
        pool: int = 4,
        ddof: int = 1,
    ) -> None:
        if frames <= step or min(height, width) < pool:
            raise ValueError(f"{frames} frames of {height}x{width} have no motion map of step {step} and pool {pool}")
        maps = -(-(frames - step) // every)
        super().__init__(maps * (height // pool) * (width // pool), ddof=ddof)
        self.step, self.every, self.pool = step, every, pool

    def update(self, video: Tensor, side: Side) -> None:
        """Add clips (b, c, frames, height, width), bytes, or floats in [-1, 1], to one side."""
        super().update(motion_map(video, step=self.step, every=self.every, pool=self.pool), side)
