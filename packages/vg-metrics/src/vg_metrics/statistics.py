"""Saved statistics: the moments of one set of features with the protocol they were made under."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vg_metrics.functional.frechet import Moments


@dataclass(frozen=True)
class Statistics:
    """Moments of a set and its protocol: everything that must agree for a distance to mean something."""

    moments: Moments
    protocol: Mapping[str, str]

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        tensors = {"mean": self.moments.mean.contiguous(), "scatter": self.moments.scatter.contiguous()}
        head = {"count": str(self.moments.count), "protocol": json.dumps(dict(self.protocol), sort_keys=True)}
        write_file(path, save(tensors, metadata=head))

    @classmethod
    def load(cls, path: Path) -> "Statistics":
        """Read what `save` wrote; ValueError naming the file if it is something else."""
        try:
            with safe_open(path, framework="pt") as file:
                head = file.metadata() or {}
                moments = Moments(int(head["count"]), file.get_tensor("mean"), file.get_tensor("scatter"))
            return cls(moments, json.loads(head["protocol"]))
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} holds no statistics saved by vg-metrics ({error})") from error

    def check_same_protocol(self, other: "Statistics") -> None:
        """Raise ValueError, naming the first difference, if the two cannot be compared."""
        for key in sorted({*self.protocol, *other.protocol}):
            values = self.protocol.get(key), other.protocol.get(key)
            if values[0] != values[1]:
                raise ValueError(f"the sets were made under different protocols: {key} is {values[0]} and {values[1]}")


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a temporary file in its folder, flushed to disk, takes its name."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
