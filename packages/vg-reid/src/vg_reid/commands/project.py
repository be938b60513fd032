"""`python -m vg_reid project`: from photos to the projections of their bodies."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from vg_reid.commands.common import describe, progress, say
from vg_reid.data.people import People, read_people
from vg_reid.mesh.estimate import Estimator, EstimatorConfig, estimator
from vg_reid.mesh.project import Job, Report, write_projections
from vg_reid.mesh.projections import Part
from vg_reid.mesh.rotate import AZIMUTHS
from vg_reid.parts import Process

STANDING = EstimatorConfig()


@dataclass(frozen=True)
class Maker:
    """Makes the estimator where it is to work, in a worker perhaps."""

    config: EstimatorConfig

    def __call__(self) -> Estimator:
        """Make it."""
        return estimator(self.config)


def project(
    images: Annotated[Positional[Path], arg(metavar="IMAGES")],
    out: Annotated[Positional[Path], arg(metavar="OUT")],
    /,
    mesh: OmitArgPrefixes[EstimatorConfig] = STANDING,
    azimuths: tuple[int, ...] = AZIMUTHS,
    workers: Annotated[int, arg(help_behavior_hint="(default: one per core)")] = 0,
    allow_missing: bool = False,
) -> None:
    """Write the projections of the bodies in photos, at the photos' own views and turned, for the view generator.

    The set lies as the official code reads it: OUT/train/render/<photo>, OUT/train/render_45/<photo> and so on, and
    OUT/test likewise for queries and gallery. A folder without a train part is all train.

    Under torchrun the processes share the photos, on one machine or on several with a common disk. After a kill the
    same command goes on where it was.

    Args:
        images: The folder of photos.
        out: The folder to write.
        azimuths: Turns beside the photo's own view, degrees.
        workers: Processes on this machine that share the work; 0: one per core.
        allow_missing: Leave out photos that cannot be read or have no mesh, and name them, instead of failing.
    """
    if not azimuths or any(not 0 < turn < 360 for turn in azimuths) or len(set(azimuths)) < len(azimuths):
        raise ValueError(f"azimuths {azimuths}, wanted different whole degrees from 1 to 359")
    if workers < 0:
        raise ValueError(f"workers={workers}, wanted a number of processes, or 0")
    mesh.check()
    people = read_people(images)
    describe(people)
    process = Process.from_environment()
    who = f"process {process.rank + 1} of {process.count}, " if process.count > 1 else ""
    failed: list[str] = []
    done = 0
    for part, photos in _photos(people).items():
        job = Job(root=out, part=part, azimuths=azimuths, made_by=_describe(mesh))
        with progress(part, len(photos) // process.count) as advance:
            report = write_projections(
                job, photos, Maker(mesh), workers=workers or _cores(), process=process, progress=advance
            )
        say(f"{who}{_line(part, report)}")
        failed += report.failed
        done += report.written + report.there
    if failed:
        say(f"{len(failed)} photos without projections:", *(f"  {line}" for line in failed))
        if not allow_missing:
            raise ValueError(f"{len(failed)} photos have no projections, wanted all; --allow-missing leaves them out")
        if not done and process.count == 1:
            raise ValueError(f"none of the {len(failed)} photos has projections, wanted some: the lines above say why")


def _photos(people: People) -> dict[Part, list[Path]]:
    """Return the photos of each part that has some."""
    parts: dict[Part, list[Path]] = {
        "train": [person.path for person in people.train],
        "test": [person.path for person in sorted([*people.query, *people.gallery])],
    }
    if not parts["train"]:
        parts = {"train": parts["test"]}
    return {part: photos for part, photos in parts.items() if photos}


def _describe(mesh: EstimatorConfig) -> str:
    """Say what makes the meshes; where it runs makes no difference."""
    return " ".join(f"{name}={value}" for name, value in asdict(mesh).items() if value is not None and name != "device")


def _line(part: Part, report: Report) -> str:
    return f"{part}: {report.written} photos projected, {report.there} were there, {len(report.failed)} failed"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
