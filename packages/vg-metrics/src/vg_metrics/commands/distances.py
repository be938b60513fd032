"""Scores over feature sets: Frechet distance, kernel distance, Inception score, with motion beside them."""

import warnings

import torch
from torch import Tensor

from vg_metrics.commands.sets import Side
from vg_metrics.definition import Protocol
from vg_metrics.features import RANDOM_LABEL
from vg_metrics.functional.inception_score import inception_score
from vg_metrics.functional.kernel_distance import kernel_distance
from vg_metrics.result import Result
from vg_metrics.statistics import Features, Statistics

Sides = dict[Side, Statistics]


def frechet(real: Statistics, fake: Statistics, protocol: Protocol, *, score: str) -> Result:
    """Frechet distance of two sets, and beside it the kernel distance where features were kept, and motion.

    Args:
        real: statistics of the real samples.
        fake: of the generated ones.
        protocol: under which both were made.
        score: name of the command, for the result.
    Raises:
        ValueError: if the two cannot be compared, or there are fewer than two samples on a side.
    """
    protocol.check_score("frechet_distance")
    sides: Sides = {"real": real, "fake": fake}
    _check(sides, protocol)
    parts = repeats(fake.features, protocol)
    values = spread("frechet_distance", torch.stack([real.features.distance(part, protocol.ddof) for part in parts]))
    if real.features.values is not None and fake.features.values is not None:
        value, error = kernel_distance(real.features.values, fake.features.values)
        values |= {"kernel_distance": value.item(), "kernel_distance_error": error.item()}
    return _result(score, values | motion(sides), sides, protocol)


def kernel(
    real: Statistics,
    fake: Statistics,
    protocol: Protocol,
    *,
    subsets: int | None = None,
    subset_size: int = 1000,
) -> Result:
    """Kernel distance of two sets with its standard error, and motion.

    Args:
        real: statistics of the real samples, with their features.
        fake: of the generated ones.
        protocol: under which both were made.
        subsets: None for all samples at once, or a number of random subsets; see `kernel_distance`.
        subset_size: samples of each side in one subset.
    Raises:
        ValueError: if the two cannot be compared, features were not kept, or samples are too few.
    """
    protocol.check_score("frechet_distance")
    sides: Sides = {"real": real, "fake": fake}
    _check(sides, protocol)
    x, y = (side.features.kept("the kernel distance") for side in (real, fake))
    value, error = kernel_distance(x, y, subsets=subsets, subset_size=subset_size)
    values = {"kernel_distance": value.item(), "kernel_distance_error": error.item()} | motion(sides)
    extra = {"subsets": subsets, "subset_size": subset_size if subsets else None}
    return _result("kvd", values, sides, protocol, extra)


def inception(fake: Statistics, protocol: Protocol) -> Result:
    """Inception score of generated samples: mean over the repeats of the protocol.

    Args:
        fake: statistics of the samples, with their features, which are class logits.
        protocol: an Inception score's.
    Raises:
        ValueError: if features were not kept, or samples are too few for the splits.
    """
    protocol.check_score("inception_score")
    sides: Sides = {"fake": fake}
    _check(sides, protocol)
    parts = [part.kept("the Inception score") for part in repeats(fake.features, protocol)]
    scores = [inception_score(part, splits=protocol.splits, probabilities=protocol.layer == "prob") for part in parts]
    values = spread("inception_score", torch.stack([score for score, _ in scores]))
    return _result("is", values | motion(sides), sides, protocol)


def repeats(fake: Features, protocol: Protocol) -> list[Features]:
    """Features of each repeat: as many whole groups as there are of the wanted size, or all samples at once."""
    size = protocol.generated or fake.count
    groups = min(protocol.repeats, fake.count // size)
    if groups < 2:
        return [fake]
    return [Features(part) for part in fake.kept(f"each of {groups} repeats")[: groups * size].split(size)]


def spread(name: str, scores: Tensor) -> dict[str, float]:
    """Mean of the repeats, and their population deviation where there are several."""
    values = {name: scores.mean().item()}
    return values | ({f"{name}_deviation": scores.std(correction=0).item()} if len(scores) > 1 else {})


def motion(sides: Sides) -> dict[str, float]:
    """What features may not see: distance of the motion maps, and how much the clips of each side move."""
    values: dict[str, float] = {}
    maps = [side.motion for side in sides.values() if side.motion]
    if len(maps) == 2:
        with warnings.catch_warnings():  # of few samples: the score's own features have said so
            warnings.simplefilter("ignore")
            values["motion_map_distance"] = maps[0].distance(maps[1]).item()
    return values | {f"motion_energy_{name}": side.energy for name, side in sides.items() if side.energy is not None}


def _check(sides: Sides, protocol: Protocol) -> None:
    for name, side in sides.items():
        if side.features.count < 2:
            skipped = len(side.origin.skipped)
            raise ValueError(f"{side.features.count} {name} sample, {skipped} skipped, wanted at least 2 samples")
    stats = list(sides.values())
    for side in stats:
        stats[0].check_same_protocol(side)
        side.check_protocol(protocol.settings(), "the statistics")


def _result(
    score: str,
    values: dict[str, float],
    sides: Sides,
    protocol: Protocol,
    extra: dict[str, int | None] | None = None,
) -> Result:
    """The values with all that they depend on, and where the protocol wanted more."""
    origins = {name: side.origin for name, side in sides.items()}
    counts: dict[str, int] = {name: side.features.count for name, side in sides.items()}
    known = next((origin for origin in origins.values() if origin.protocol), origins["fake"])
    shortfalls = protocol.shortfalls(
        counts, random_weights=known.label == RANDOM_LABEL, lossless=origins["fake"].lossless
    )
    given = [
        f"{name} features as given, how they were made is not known" for name, o in origins.items() if not o.protocol
    ]
    return Result(
        score=score,
        values=values,
        protocol=protocol.settings() | (extra or {}),
        network=known.network,
        label=known.label,
        checksum=known.checksum,
        counts=counts,
        skipped={name: list(origin.skipped) for name, origin in origins.items()},
        fingerprint={name: origin.fingerprint for name, origin in origins.items()},
        shortfalls=(*shortfalls, *given),
    )
