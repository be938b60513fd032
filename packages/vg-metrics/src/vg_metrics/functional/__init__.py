"""The scores as pure functions; nothing here keeps state, reads a file or loads torchmetrics."""

from vg_metrics.functional.frechet import Moments, frechet_distance
from vg_metrics.functional.image import psnr, ssim
from vg_metrics.functional.kernel_distance import kernel_distance
from vg_metrics.functional.motion import motion_energy, motion_map
from vg_metrics.functional.ranking import Ranking, reid_ranking

__all__ = [
    "Moments",
    "Ranking",
    "frechet_distance",
    "kernel_distance",
    "motion_energy",
    "motion_map",
    "psnr",
    "reid_ranking",
    "ssim",
]
