"""Scores of generated videos beside the real ones they should equal, as torchmetrics (3.4.2)."""

from abc import abstractmethod

import torch
from torch import Tensor
from torchmetrics import Metric

from vg_metrics.functional.image import Preset, video_psnr, video_ssim


class _MeanOverVideos(Metric):
    """The mean of one number a video, each video counting the same."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    total: Tensor
    videos: Tensor

    def __init__(self, data_range: float) -> None:
        super().__init__()
        self.data_range = data_range
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("videos", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, generated: Tensor, real: Tensor) -> None:
        """Add pairs of videos (b, c, t, h, w); ValueError if shapes differ or a value is not finite."""
        scores = self._scores(generated, real)
        self.total += scores.sum()
        self.videos += len(scores)

    def compute(self) -> Tensor:
        """The mean over videos, float64, (); ValueError without any."""
        if not self.videos:
            raise ValueError("no videos were given to update")
        return self.total / self.videos

    @abstractmethod
    def _scores(self, generated: Tensor, real: Tensor) -> Tensor:
        """One number for each pair, (b,)."""


class PairedVideoSSIM(_MeanOverVideos):
    """Structural similarity of streamed pairs of videos: mean over frames, then over videos (table 3.4).

    Args:
        data_range: largest minus smallest possible value: 255 for bytes, 2 for [-1, 1].
        preset: see `vg_metrics.functional.ssim`.
    """

    def __init__(self, *, data_range: float, preset: Preset = "wang") -> None:
        super().__init__(data_range)
        self.preset = preset

    def _scores(self, generated: Tensor, real: Tensor) -> Tensor:
        return video_ssim(generated, real, data_range=self.data_range, preset=self.preset)


class PairedVideoPSNR(_MeanOverVideos):
    """Peak signal-to-noise ratio of streamed pairs of videos: mean over frames, then over videos (table 3.4), decibel.

    Args:
        data_range: largest minus smallest possible value: 255 for bytes, 2 for [-1, 1].
    """

    def __init__(self, *, data_range: float) -> None:
        super().__init__(data_range)

    def _scores(self, generated: Tensor, real: Tensor) -> Tensor:
        return video_psnr(generated, real, data_range=self.data_range)
