"""A file of features: vectors of person images with what is known of each, for one's own index or for a gallery."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vg_reid.files import atomic, read_npz, require_suffix


class Features(NamedTuple):
    """Vectors of n person images; the same fields as arrays in the `.npz` file."""

    vectors: Tensor
    """(n, d), each of length 1."""
    pids: list[int]
    """Identities; -1 where unknown."""
    camids: list[int]
    """Cameras; -1 where unknown."""
    metadata: list[Mapping[str, Any]]
    """One mapping an image: its "path", and the "name" of its identity where there is one. JSON lines in the file."""
    source: str
    """`Embedder.name` of what made the vectors."""


def save_features(path: Path, features: Features) -> None:
    """Write a `.npz` file, readable with numpy alone, atomically.

    Raises:
        ValueError: for another suffix.
        OSError: if it cannot be written.
    """
    require_suffix(path, ".npz")
    with atomic(path) as staged:
        np.savez(
            staged,
            vectors=features.vectors.numpy(),
            pids=np.array(features.pids, np.int64),
            camids=np.array(features.camids, np.int64),
            metadata=np.array([json.dumps(item) for item in features.metadata], np.str_),
            source=np.array(features.source),
        )


def load_features(path: Path) -> Features:
    """Read a file of `save_features`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged or holds something else; the message names the file.
    """
    try:
        arrays = read_npz(path)
        vectors = torch.from_numpy(arrays["vectors"])
        pids, camids = arrays["pids"].tolist(), arrays["camids"].tolist()
        metadata = [json.loads(line) for line in arrays["metadata"].tolist()]
        if vectors.ndim != 2 or not len(vectors) == len(pids) == len(camids) == len(metadata):
            raise ValueError(
                f"vectors {(*vectors.shape,)} with {len(pids)} pids, {len(camids)} camids, {len(metadata)} metadata"
            )
        if bad := (~vectors.isfinite().all(dim=1)).nonzero().flatten().tolist():
            raise ValueError(f"vector {bad[0]} ({len(bad)} in all) is not finite")
        return Features(vectors, pids, camids, metadata, str(arrays["source"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no whole features file ({error}): wanted one written by `embed`") from None
