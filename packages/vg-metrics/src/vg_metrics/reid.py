"""Retrieval scores of re-identification as torchmetrics over streamed features (6.4.1)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from vg_metrics.functional._inputs import to_features
from vg_metrics.functional.ranking import Distance, reid_ranking_from_features

Side = Literal["query", "gallery"]
SIDES = ("query", "gallery")


class ReIDRanking(Metric):
    """CMC, mAP and mINP of streamed features under the same-camera rule; keeps the features, never a distance matrix.

    Args:
        distance: "cosine" (features need no normalization) or "euclidean".
        ranks: ranks to report, from 1.
        trapezoid: see `vg_metrics.functional.reid_ranking`.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    def __init__(
        self, *, distance: Distance = "cosine", ranks: Sequence[int] = (1, 5, 10), trapezoid: bool = False
    ) -> None:
        super().__init__()
        self.distance, self.ranks, self.trapezoid = distance, tuple(ranks), trapezoid
        for side in SIDES:
            for what in ("features", "ids", "cams"):
                self.add_state(f"{side}_{what}", [], dist_reduce_fx="cat")

    def update(self, features: Tensor, ids: Tensor, cams: Tensor, side: Side) -> None:
        """Add features (n, d) with identities (n,) and cameras (n,) to one side.

        Raises:
            ValueError: if features are empty or not finite, or there are not as many identities or cameras.
        """
        if side not in SIDES:
            raise ValueError(f"side is {side!r}, wanted 'query' or 'gallery'")
        count = len(to_features(features))
        for name, values in (("ids", ids), ("cams", cams)):
            if values.shape != (count,):
                raise ValueError(f"{name} have shape {tuple(values.shape)}, wanted ({count},)")
        for what, values in (("features", features), ("ids", ids), ("cams", cams)):
            getattr(self, f"{side}_{what}").append(values.detach())

    def compute(self) -> dict[str, Tensor]:
        """`map`, `rank1` (and the other ranks) and `minp`, float64, () each, and `queries` and `skipped_queries`.

        Raises:
            ValueError: as `reid_ranking_from_features`, or if a side is empty.
        """
        for side in SIDES:
            if not len(getattr(self, f"{side}_features")):
                raise ValueError(f"no {side} features were given to update")
        kept = [dim_zero_cat(getattr(self, f"{side}_{what}")) for what in ("features", "ids", "cams") for side in SIDES]
        ranking = reid_ranking_from_features(*kept, distance=self.distance, ranks=self.ranks, trapezoid=self.trapezoid)
        scores = {"map": ranking.map, **{f"rank{k}": v for k, v in ranking.rank.items()}, "minp": ranking.minp}
        counts = {"queries": len(ranking.ap), "skipped_queries": len(ranking.skipped)}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in scores.items()} | {
            name: torch.tensor(value) for name, value in counts.items()
        }
