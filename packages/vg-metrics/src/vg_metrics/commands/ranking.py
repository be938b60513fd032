"""Retrieval scores of features on disk."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from vg_metrics.functional.ranking import Ranking, reid_ranking_from_features
from vg_metrics.result import Result

ARRAYS = ("query_features", "gallery_features", "query_ids", "gallery_ids", "query_cams", "gallery_cams")


def reid(path: Path, trapezoid: bool = False) -> tuple[Result, Ranking]:
    """CMC, mAP and mINP of features in an .npz file, by cosine distance (6.4.1), and the ranking for its curve.

    Raises:
        ValueError: if the file is no .npz with the arrays of `ARRAYS`, or they cannot be ranked.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[name] for name in ARRAYS]
    except (KeyError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no .npz with the arrays {', '.join(ARRAYS)} ({error})") from error
    try:
        ranking = reid_ranking_from_features(*arrays, trapezoid=trapezoid)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    result = Result(
        score="reid",
        values={
            "map": ranking.map,
            **{f"rank{rank}": share for rank, share in ranking.rank.items()},
            "minp": ranking.minp,
        },
        protocol={
            "name": "market1501_trapezoid" if trapezoid else "market1501",
            "distance": "cosine",
            "average_precision": "trapezoid" if trapezoid else "mean at matches",
        },
        label="features as given",
        counts={"query": len(arrays[0]), "valid_query": int(ranking.valid.sum()), "gallery": len(arrays[1])},
        skipped={"queries_without_match": [str(index) for index in ranking.skipped]},
        fingerprint={"features": hashlib.sha256(path.read_bytes()).hexdigest()},
    )
    return result, ranking
