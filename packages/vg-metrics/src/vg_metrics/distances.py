"""Scores of two sets of features, or of one of predictions, as torchmetrics: state, reset and reduction are theirs.

They take features, not pictures or clips: the network is the caller's, so no download hides in a metric.
"""

from typing import Literal, get_args

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from vg_metrics.functional._inputs import to_features
from vg_metrics.functional.coverage import density_coverage, precision_recall
from vg_metrics.functional.frechet import Moments
from vg_metrics.functional.inception_score import inception_score
from vg_metrics.functional.kernel_distance import kernel_distance

Side = Literal["real", "fake"]


class FrechetDistance(Metric):
    """Frechet distance (eq. 2.6) between streamed features; keeps moments in float64, no features.

    Args:
        width: of a feature vector.
        ddof: 1 as numpy.cov and the released evaluations, 0 for the population's covariance.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    real: Tensor
    fake: Tensor

    def __init__(self, width: int, *, ddof: int = 1) -> None:
        super().__init__()
        self.width, self.ddof = width, ddof
        empty = _pack(Moments(0, torch.zeros(width).double(), torch.zeros(width, width).double()))
        for side in get_args(Side):
            self.add_state(side, empty, dist_reduce_fx=_merge)

    def update(self, features: Tensor, side: Side) -> None:
        """Add features (n, width) to one side; ValueError if they are empty, not finite or of another width."""
        _check_side(side)
        setattr(self, side, _pack(_unpack(getattr(self, side)).merged(Moments.of(features))))

    def compute(self) -> Tensor:
        """The distance, float64, (); warns when a side has no more samples than `width`, ValueError below two."""
        return _unpack(self.real).distance(_unpack(self.fake), self.ddof)


class _TwoSets(Metric):
    """Keeps the features of both sides."""

    is_differentiable = False
    full_state_update = False
    real: list[Tensor]
    fake: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for side in get_args(Side):
            self.add_state(side, [], dist_reduce_fx="cat")

    def update(self, features: Tensor, side: Side) -> None:
        """Add features (n, d) to one side; ValueError if they are empty, not finite or of another width."""
        _check_side(side)
        width, kept = to_features(features).shape[1], self.real + self.fake
        if kept and kept[0].shape[1] != width:
            raise ValueError(f"features of width {width} cannot join features of width {kept[0].shape[1]}")
        getattr(self, side).append(features.detach())

    def _features(self) -> tuple[Tensor, Tensor]:
        for side in get_args(Side):
            if not len(getattr(self, side)):
                raise ValueError(f"no {side} features were given to update")
        return dim_zero_cat(self.real), dim_zero_cat(self.fake)


class KernelDistance(_TwoSets):
    """Kernel distance between two sets of features and its standard error; keeps the features.

    Args:
        subsets: None for all samples at once, or a number of random subsets; see `kernel_distance`.
        subset_size: samples of each side in one subset.
        degree: of the polynomial kernel.
        seed: of the subsets.
    """

    higher_is_better = False

    def __init__(self, *, subsets: int | None = None, subset_size: int = 1000, degree: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.subsets, self.subset_size, self.degree, self.seed = subsets, subset_size, degree, seed

    def compute(self) -> tuple[Tensor, Tensor]:
        """The distance and its standard error, float64, () each; ValueError with fewer than two samples a side."""
        return kernel_distance(
            *self._features(),
            degree=self.degree,
            subsets=self.subsets,
            subset_size=self.subset_size,
            generator=torch.Generator().manual_seed(self.seed),
        )


class PrecisionRecall(_TwoSets):
    """Improved precision and recall of k nearest neighbors, see `precision_recall`; keeps the features."""

    higher_is_better = True

    def __init__(self, k: int = 3) -> None:
        super().__init__()
        self.k = k

    def compute(self) -> tuple[Tensor, Tensor]:
        """Precision and recall, float64, () each; ValueError with no more than k samples a side."""
        return precision_recall(*self._features(), self.k)


class DensityCoverage(_TwoSets):
    """Density and coverage of k nearest neighbors, see `density_coverage`; keeps the features."""

    higher_is_better = True

    def __init__(self, k: int = 5) -> None:
        super().__init__()
        self.k = k

    def compute(self) -> tuple[Tensor, Tensor]:
        """Density and coverage, float64, () each; ValueError with no more than k real samples."""
        return density_coverage(*self._features(), self.k)


class InceptionScore(Metric):
    """Inception score (eq. 2.5) of streamed predictions; keeps the predictions.

    Args:
        splits: see `inception_score`. Parts are consecutive, and samples of one process come together.
        probabilities: whether predictions are probabilities or logits; None asks the values of all of them.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    predictions: list[Tensor]

    def __init__(self, *, splits: int = 1, probabilities: bool | None = None) -> None:
        super().__init__()
        self.splits, self.probabilities = splits, probabilities
        self.add_state("predictions", [], dist_reduce_fx="cat")

    def update(self, predictions: Tensor) -> None:
        """Add predictions (n, classes); ValueError if they are empty or not finite."""
        to_features(predictions, "predictions")
        self.predictions.append(predictions.detach())

    def compute(self) -> tuple[Tensor, Tensor]:
        """Mean over the splits and their standard deviation, float64, () each."""
        if not len(self.predictions):
            raise ValueError("no predictions were given to update")
        return inception_score(dim_zero_cat(self.predictions), splits=self.splits, probabilities=self.probabilities)


def _check_side(side: str) -> None:
    if side not in get_args(Side):
        raise ValueError(f"side is {side!r}, wanted 'real' or 'fake'")


def _pack(moments: Moments) -> Tensor:
    """Moments as one symmetric matrix (d + 1, d + 1): scatter, bordered by the mean, with the count in the corner."""
    width = len(moments.mean)
    packed = moments.scatter.new_empty(width + 1, width + 1)
    packed[:-1, :-1] = moments.scatter
    packed[:-1, -1] = packed[-1, :-1] = moments.mean
    packed[-1, -1] = moments.count
    return packed


def _unpack(packed: Tensor) -> Moments:
    return Moments(int(packed[-1, -1]), packed[:-1, -1], packed[:-1, :-1])


def _merge(stacked: Tensor) -> Tensor:
    """Packed moments of several processes, (processes, d + 1, d + 1), as one."""
    total = _unpack(stacked[0])
    for packed in stacked[1:]:
        total = total.merged(_unpack(packed))
    return _pack(total)
