"""Average content distance as torchmetrics: sums over streamed videos (3.4.2)."""

import torch
from torch import Tensor
from torchmetrics import Metric

from vg_metrics.functional.content import acd


class _ContentMetric(Metric):
    """Sums over videos, and counts of what was left out."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    total: Tensor
    videos: Tensor
    skipped_videos: Tensor
    skipped_frames: Tensor

    def __init__(self, *, squared: bool = False) -> None:
        super().__init__()
        self.squared = squared
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("videos", "skipped_videos", "skipped_frames"):
            self.add_state(name, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def compute(self) -> dict[str, Tensor]:
        """`acd`, float64, (), the number of `videos` it is the mean of, and of `skipped_videos` and `skipped_frames`.

        Raises:
            ValueError: if there is no video with faces to compare.
        """
        if not self.videos:
            raise ValueError(f"no video with faces to compare, {int(self.skipped_videos)} without")
        counts = {name: getattr(self, name).clone() for name in ("videos", "skipped_videos", "skipped_frames")}
        return {"acd": self.total / self.videos, **counts}

    def _add(self, embeddings: Tensor, inputs: Tensor | None) -> None:
        scored = acd(embeddings, inputs, squared=self.squared)
        self.total += scored.per_video.nansum()
        self.videos += len(embeddings) - len(scored.skipped_videos)
        self.skipped_videos += len(scored.skipped_videos)
        self.skipped_frames += scored.skipped_frames


class AverageContentDistance(_ContentMetric):
    """ACD-C of streamed videos: the mean distance between the embeddings of a video's frames (3.4.2, table 3.5).

    It takes embeddings, not videos: the face network is the caller's, see `vg_metrics.functional.embed_frames`.

    Args:
        squared: squared distances; see `vg_metrics.functional.acd`.
    """

    def update(self, embeddings: Tensor) -> None:
        """Add videos by the embeddings of their frames, (b, t, d), a row of NaN for a frame without a face."""
        self._add(embeddings, None)


class AverageContentDistanceToInput(_ContentMetric):
    """ACD-I of streamed videos: the mean distance of a video's frames from the frame it was made from (table 3.5).

    Args:
        squared: squared distances; see `vg_metrics.functional.acd`.
    """

    def update(self, embeddings: Tensor, inputs: Tensor) -> None:
        """Add videos by the embeddings of their frames, (b, t, d), and of their input frames, (b, d)."""
        self._add(embeddings, inputs)
