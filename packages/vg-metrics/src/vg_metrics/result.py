"""Results: a score with everything that it depends on, as JSON, and their comparison."""

import json
import platform
import shlex
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from vg_metrics.files import write_file

PACKAGES = ("vg-metrics", "torch", "numpy", "scipy", "pillow")


def versions() -> dict[str, str]:
    """Versions of what computes the scores."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def now() -> str:
    """Date and time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, kw_only=True)
class Result:
    """A score and what it depends on.

    Attributes:
        score: the command, such as "video-fid".
        values: figures by name; the first is the score itself, the others belong beside it.
        protocol: settings under which it was made; "name" is the protocol's.
        network: name of the feature network, empty where none is used.
        label: how to print the network; random features say so here.
        checksum: sha256 of the network's weights.
        counts: samples by side.
        skipped: what was left out, by side, with the reason.
        fingerprint: of each side, sha256 over names and contents; empty where it is not known.
        shortfalls: where the protocol asks for something else, in words; complete without.
        versions: of what computed it.
        date: when, in UTC.
        command: the words of the command line; empty when made from Python.
    """

    score: str
    values: Mapping[str, float]
    protocol: Mapping[str, Any]
    network: str = ""
    label: str = ""
    checksum: str = ""
    counts: Mapping[str, int]
    skipped: Mapping[str, list[str]] = field(default_factory=dict)
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    shortfalls: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=versions)
    date: str = field(default_factory=now)
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.values or "name" not in self.protocol:
            raise ValueError("a result wants at least one value, and a protocol with a name")

    @property
    def value(self) -> float:
        """The score itself."""
        return next(iter(self.values.values()))

    @property
    def complete(self) -> bool:
        """Whether it has all that its protocol asks for."""
        return not self.shortfalls

    @property
    def title(self) -> str:
        """What to call it: the plain name of a protocol belongs to complete results alone."""
        return f"{self.protocol['name']}" if self.complete else f"incomplete {self.protocol['name']}"

    def to_json(self) -> str:
        """The result as a line-broken JSON object."""
        stored = {"title": self.title, "complete": self.complete, **asdict(self), "command": shlex.join(self.command)}
        return json.dumps(stored, indent=2, allow_nan=False) + "\n"

    def save(self, path: Path) -> None:
        """Write the JSON, whole or not at all."""
        write_file(path, self.to_json().encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; ValueError naming the file if it is something else."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            del stored["title"], stored["complete"]
            stored |= {"command": tuple(shlex.split(stored["command"])), "shortfalls": tuple(stored["shortfalls"])}
            return cls(**stored)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no result of vg-metrics ({error})") from error


def check_same(ours: Mapping[str, Any], theirs: Mapping[str, Any], what: str) -> None:
    """ValueError naming the first setting in which two protocols differ."""
    for key in dict.fromkeys(("name", *ours, *theirs)):
        if ours.get(key) != theirs.get(key):
            values = f"{key} is {ours.get(key)} and {theirs.get(key)}"
            raise ValueError(f"{what} are of different protocols: {values}")


def compare(*results: Result) -> dict[str, list[float | None]]:
    """The figures of several results beside one another.

    Results whose real samples, numbers of samples or completeness differ are compared with a warning.

    Returns:
        The figures by name, one entry for each result; None where a result does not have it.
    Raises:
        ValueError: if there are fewer than two, or scores, protocols or network weights differ.
    """
    if len(results) < 2:
        raise ValueError(f"found {len(results)} results, wanted at least 2 to compare")
    first = results[0]
    for other in results[1:]:
        check_same({"score": first.score}, {"score": other.score}, "the results")
        check_same(first.protocol, other.protocol, "the results")
        check_same({"weights": first.checksum}, {"weights": other.checksum}, "the results")
    for what, found in (
        ("real samples", {result.fingerprint.get("real") for result in results}),
        ("numbers of samples", {json.dumps(result.counts, sort_keys=True) for result in results}),
        ("parts of their protocol", {result.shortfalls for result in results}),
    ):
        if len(found) > 1:
            warnings.warn(
                f"the results have different {what}: the difference of their values is not only the models'",
                stacklevel=2,
            )
    names = dict.fromkeys(name for result in results for name in result.values)
    return {name: [result.values.get(name) for result in results] for name in names}
