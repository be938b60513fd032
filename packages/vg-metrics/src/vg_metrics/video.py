"""Distances between sets of clips as torchmetrics: state, reset and reduction over processes are theirs."""

from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from vg_metrics.functional._inputs import to_features
from vg_metrics.functional.frechet import Moments
from vg_metrics.functional.kernel_distance import kernel_distance

Side = Literal["real", "fake"]


class FrechetVideoDistance(Metric):
    """Frechet distance (eq. 2.6) between streamed features; keeps moments in float64, no features.

    It takes features, not clips: the network is the caller's, so no download hides in a metric.

    Args:
        width: of a feature vector: 2048 for the pool layer of the 3-D ResNeXt-101.
        ddof: 1 as numpy.cov and the released evaluations, 0 for the population's covariance.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    real: Tensor
    fake: Tensor

    def __init__(self, width: int = 2048, *, ddof: int = 1) -> None:
        super().__init__()
        self.width, self.ddof = width, ddof
        empty = _pack(Moments(0, torch.zeros(width).double(), torch.zeros(width, width).double()))
        for side in ("real", "fake"):
            self.add_state(side, empty, dist_reduce_fx=_merge)

    def update(self, features: Tensor, side: Side) -> None:
        """Add features (n, width) to one side; ValueError if they are empty, not finite or of another width."""
        _check(features, side, self.width)
        setattr(self, side, _pack(_unpack(getattr(self, side)).merged(Moments.of(features))))

    def compute(self) -> Tensor:
        """The distance, float64, (); warns when a side has no more samples than `width`, ValueError below two."""
        return _unpack(self.real).distance(_unpack(self.fake), self.ddof)


class KernelVideoDistance(Metric):
    """Kernel distance between two sets of features and its standard error; keeps the features.

    Args:
        subsets: None for all samples at once, or a number of random subsets; see `kernel_distance`.
        subset_size: samples of each side in one subset.
        degree: of the polynomial kernel.
        seed: of the subsets.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    real: list[Tensor]
    fake: list[Tensor]

    def __init__(self, *, subsets: int | None = None, subset_size: int = 1000, degree: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.subsets, self.subset_size, self.degree, self.seed = subsets, subset_size, degree, seed
        for side in ("real", "fake"):
            self.add_state(side, [], dist_reduce_fx="cat")

    def update(self, features: Tensor, side: Side) -> None:
        """Add features (n, d) to one side; ValueError if they are empty, not finite or of another width."""
        kept = self.real + self.fake
        _check(features, side, kept[0].shape[1] if kept else None)
        getattr(self, side).append(features.detach())

    def compute(self) -> tuple[Tensor, Tensor]:
        """The distance and its standard error, float64, () each; ValueError with fewer than two samples a side."""
        for side in ("real", "fake"):
            if not len(getattr(self, side)):
                raise ValueError(f"no {side} features were given to update")
        return kernel_distance(
            dim_zero_cat(self.real),
            dim_zero_cat(self.fake),
            degree=self.degree,
            subsets=self.subsets,
            subset_size=self.subset_size,
            generator=torch.Generator().manual_seed(self.seed),
        )


def _check(features: Tensor, side: str, width: int | None) -> None:
    if side not in ("real", "fake"):
        raise ValueError(f"side is {side!r}, wanted 'real' or 'fake'")
    found = to_features(features).shape[1]
    if width is not None and found != width:
        raise ValueError(f"features of width {found} cannot join features of width {width}")


def _pack(moments: Moments) -> Tensor:
    """Moments as one symmetric matrix (d + 1, d + 1): scatter, bordered by the mean, with the count in the corner."""
    count = moments.mean.new_full((1, 1), moments.count)
    mean = moments.mean[:, None]
    return torch.cat([torch.cat([moments.scatter, mean], 1), torch.cat([mean.T, count], 1)])


def _unpack(packed: Tensor) -> Moments:
    return Moments(int(packed[-1, -1]), packed[:-1, -1], packed[:-1, :-1])


def _merge(stacked: Tensor) -> Tensor:
    """Packed moments of several processes, (processes, d + 1, d + 1), as one."""
    total = _unpack(stacked[0])
    for packed in stacked[1:]:
        total = total.merged(_unpack(packed))
    return _pack(total)
