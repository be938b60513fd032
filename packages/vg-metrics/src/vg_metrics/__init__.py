"""Scores for generated video, images and re-identification: what was compared, with which network, is in the result.

`vg_metrics.functional` holds the scores as pure functions, `vg_metrics.video` torchmetrics over them,
`vg_metrics.features` the feature networks. The torchmetrics classes are found here as well, and loaded when asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vg_metrics.video import FrechetVideoDistance, KernelVideoDistance

__all__ = ["FrechetVideoDistance", "KernelVideoDistance"]


def __getattr__(name: str) -> Any:
    """Load torchmetrics, which takes seconds, only for those who use it."""
    if name in __all__:
        from vg_metrics import video

        return getattr(video, name)
    raise AttributeError(f"module 'vg_metrics' has no attribute {name!r}")
