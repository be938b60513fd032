"""Statistics of one set of samples: its features or their moments, its motion, and all that they depend on."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vg_metrics.files import write_file
from vg_metrics.functional._inputs import to_features
from vg_metrics.functional.frechet import Moments, frechet_distance_from_features
from vg_metrics.result import check_same

__all__ = ["Features", "Origin", "Statistics", "write_file"]


@dataclass(frozen=True)
class Features:
    """Feature vectors of a set, or no more than their moments.

    Attributes:
        values: (n, d), finite; None where they were not kept.
        saved: the moments, where the values were not kept.
    """

    values: Tensor | None = None
    saved: Moments | None = None

    def __post_init__(self) -> None:
        if self.values is not None:
            to_features(self.values)

    @cached_property
    def moments(self) -> Moments:
        """Count, mean and scatter."""
        return self.saved or Moments.of(self.kept("moments"))

    @property
    def count(self) -> int:
        """Number of samples."""
        return self.moments.count if self.values is None else len(self.values)

    @property
    def width(self) -> int:
        """Length of a vector."""
        return len(self.moments.mean) if self.values is None else self.values.shape[1]

    def kept(self, purpose: str) -> Tensor:
        """The values; ValueError, naming what they are wanted for, if they were not kept."""
        if self.values is None:
            raise ValueError(f"{purpose} wants features, found saved moments: save features, as kvd --save-stats does")
        return self.values

    def distance(self, other: "Features", ddof: int = 1) -> Tensor:
        """Frechet distance, float64, (); of the values where both sets have them, which is cheap for few samples."""
        if self.values is not None and other.values is not None:
            return frechet_distance_from_features(self.values, other.values, ddof=ddof)
        return self.moments.distance(other.moments, ddof)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What features were made of and with.

    Attributes:
        protocol: settings of the protocol; empty for features that came from elsewhere.
        network: name of the network and its layer.
        label: how to print the network.
        checksum: sha256 of its weights.
        preprocessing: what its input was made with, in words.
        fingerprint: of the samples, sha256 over names and contents.
        lossless: whether all samples were stored without loss; None if that is not known.
        skipped: what was left out, with the reason.
    """

    protocol: Mapping[str, Any] = field(default_factory=dict)
    network: str = ""
    label: str = "features as given"
    checksum: str = ""
    preprocessing: str = ""
    fingerprint: str = ""
    lossless: bool | None = None
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """One side of a comparison.

    Attributes:
        features: of the samples.
        motion: motion maps of the samples at 64x64 (see `motion_map`), of clips only.
        energy: mean motion energy at 64x64, grey levels of 255, of clips only.
        origin: what they depend on.
    """

    features: Features
    motion: Features | None = None
    energy: float | None = None
    origin: Origin = field(default_factory=Origin)

    def save(self, path: Path, *, features: bool = False) -> None:
        """Write a safetensors file, whole or not at all: moments, or the features themselves.

        Raises:
            ValueError: if features are asked for that were not kept.
        """
        if features:
            tensors = {"features": self.features.kept(str(path)).contiguous()}
        else:
            tensors = _tensors(self.features.moments, "")
        head = {"origin": json.dumps(asdict(self.origin), sort_keys=True), "count": str(self.features.count)}
        if self.motion:
            tensors |= _tensors(self.motion.moments, "motion_")
            head |= {"motion_count": str(self.motion.count), "energy": repr(self.energy)}
        write_file(path, save(tensors, metadata=head))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote, or bare features.

        Args:
            path: .safetensors as saved, or with a tensor "features"; .npz with an array "features"; .npy. Features are
                (n, d); bare ones have no protocol.
        Raises:
            ValueError: naming the file, if it is something else, or a value is not finite.
        """
        try:
            if path.suffix in (".npz", ".npy"):
                return cls(features=Features(_read_array(path)))
            with safe_open(path, framework="pt") as file:
                head = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if "origin" not in head:
                return cls(features=Features(tensors["features"]))
            origin = json.loads(head["origin"])
            values = tensors.get("features")
            return cls(
                features=Features(values, None if values is not None else _moments(tensors, head, "")),
                motion=Features(saved=_moments(tensors, head, "motion_")) if "motion_mean" in tensors else None,
                energy=float(head["energy"]) if "energy" in head else None,
                origin=Origin(**{**origin, "skipped": tuple(origin["skipped"])}),
            )
        except (
            SafetensorError,
            zipfile.BadZipFile,
            AttributeError,
            EOFError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            raise ValueError(f"{path} holds no statistics of vg-metrics and no features ({error})") from error

    def check_protocol(self, settings: Mapping[str, Any], name: str) -> None:
        """Raise ValueError, naming the first difference, if these were made under other settings than a protocol's.

        Bare features have none.
        """
        if self.origin.protocol:
            check_same(self.origin.protocol, settings, f"{name} and the score")

    def check_same_protocol(self, other: "Statistics") -> None:
        """Raise ValueError, naming the first difference, if the two cannot be compared.

        Of bare features only the width is known.
        """
        widths = self.features.width, other.features.width
        if widths[0] != widths[1]:
            raise ValueError(f"features of width {widths[0]} and {widths[1]} cannot be compared")
        ours, theirs = self.origin, other.origin
        if ours.protocol and theirs.protocol:
            check_same(ours.protocol, theirs.protocol, "the two sides")
            for name in ("network", "checksum", "preprocessing"):
                check_same({name: getattr(ours, name)}, {name: getattr(theirs, name)}, "the two sides")


def _tensors(moments: Moments, prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}mean": moments.mean.contiguous(), f"{prefix}scatter": moments.scatter.contiguous()}


def _moments(tensors: Mapping[str, Tensor], head: Mapping[str, str], prefix: str) -> Moments:
    return Moments(int(head[f"{prefix}count"]), tensors[f"{prefix}mean"], tensors[f"{prefix}scatter"])


def _read_array(path: Path) -> Tensor:
    loaded = np.load(path, allow_pickle=False)
    return torch.from_numpy(loaded["features"] if path.suffix == ".npz" else loaded)
