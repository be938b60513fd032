"""Scores for generated video, images and re-identification: what was compared, with which network, is in the result.

`vg_metrics.functional` holds the scores as pure functions, the classes named here are torchmetrics over them,
`vg_metrics.features` and `vg_metrics.flow` hold networks, `vg_metrics.protocol` the named protocols. The classes are
loaded when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vg_metrics.content import AverageContentDistance, AverageContentDistanceToInput
    from vg_metrics.distances import DensityCoverage, FrechetDistance, InceptionScore, KernelDistance, PrecisionRecall
    from vg_metrics.image import PairedVideoPSNR, PairedVideoSSIM
    from vg_metrics.motion import FrechetMotionDistance, MotionChange, MotionDifference, MotionEnergy
    from vg_metrics.reid import ReIDRanking
    from vg_metrics.video import FrechetVideoDistance, KernelVideoDistance

__all__ = [
    "AverageContentDistance",
    "AverageContentDistanceToInput",
    "DensityCoverage",
    "FrechetDistance",
    "FrechetMotionDistance",
    "FrechetVideoDistance",
    "InceptionScore",
    "KernelDistance",
    "KernelVideoDistance",
    "MotionChange",
    "MotionDifference",
    "MotionEnergy",
    "PairedVideoPSNR",
    "PairedVideoSSIM",
    "PrecisionRecall",
    "ReIDRanking",
]

_FILES = {
    "content": ("AverageContentDistance", "AverageContentDistanceToInput"),
    "distances": ("DensityCoverage", "FrechetDistance", "InceptionScore", "KernelDistance", "PrecisionRecall"),
    "image": ("PairedVideoPSNR", "PairedVideoSSIM"),
    "motion": ("FrechetMotionDistance", "MotionChange", "MotionDifference", "MotionEnergy"),
    "reid": ("ReIDRanking",),
    "video": ("FrechetVideoDistance", "KernelVideoDistance"),
}


def __getattr__(name: str) -> Any:
    """Load torchmetrics, which takes seconds, only for those who use it."""
    for file, names in _FILES.items():
        if name in names:
            return getattr(import_module(f"vg_metrics.{file}"), name)
    raise AttributeError(f"module 'vg_metrics' has no attribute {name!r}")
