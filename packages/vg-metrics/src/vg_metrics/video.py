"""Distances between sets of clips: those of `vg_metrics.distances`, over features of videos."""

from vg_metrics.distances import FrechetDistance, KernelDistance

__all__ = ["FrechetVideoDistance", "KernelVideoDistance"]


class FrechetVideoDistance(FrechetDistance):
    """Frechet distance (eq. 2.6) between streamed features of clips: the video FID of 3.4.2 and 4.4.3.

    Args:
        width: of a feature vector: 2048 for the pool layer of the 3-D ResNeXt-101, 400 for its logits.
        ddof: 1 as numpy.cov and the released evaluations, 0 for the population's covariance.
    """

    def __init__(self, width: int = 2048, *, ddof: int = 1) -> None:
        super().__init__(width, ddof=ddof)


class KernelVideoDistance(KernelDistance):
    """Kernel distance between features of clips (KVD) and its standard error; see `KernelDistance`."""
