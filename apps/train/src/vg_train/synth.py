"""`vg-train synth`: built-in data with known factors, for those who have none at hand."""

import os
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.progress import Progress
from vg_reid.data.synthetic import Kind, write_persons
from vg_video.data.synthetic import SyntheticActions, SyntheticFaces, SyntheticRobot, SyntheticSet


@dataclass(frozen=True, kw_only=True)
class Videos:
    """Write built-in videos; factors.json tells what each shows."""

    out: tyro.conf.Positional[Path]
    """Folder to write."""
    count: int = 240
    """Videos."""
    frames: int = 32
    """Frames of each."""
    resolution: int = 64
    """Pixels, height and width."""
    identities: int = 30
    """Different looks; they take turns."""
    seed: int = 0
    """Of everything drawn."""


@dataclass(frozen=True, kw_only=True)
class Actions(Videos):
    """Write videos of clothed figures that do the ten actions of Weizmann.

    Each action has a sub-folder, and factors.json tells what each video shows.

      vg-train synth actions videos --count 240
      vg-train fit g3an --data videos --preset tiny
    """


@dataclass(frozen=True, kw_only=True)
class Faces(Videos):
    """Write videos of faces with the six expressions of MUG, which come and go.

    Each expression has a sub-folder, and factors.json tells what each video shows.

      vg-train synth faces videos --count 240
      vg-train fit imaginator --data videos --preset tiny --labels
    """


@dataclass(frozen=True, kw_only=True)
class Robot(Videos):
    """Write videos of a robot's arm that moves along two axes and pushes things over a table.

    There are no labels; factors.json tells what each video shows.

      vg-train synth robot videos --count 240
      vg-train fit mintgan --data videos --preset tiny
    """


@dataclass(frozen=True, kw_only=True)
class Persons:
    """Write photos of persons: bodies of Anny with clothes, hair and bags before several cameras.

    They are laid out as Market-1501; half of the persons are for training, half for query and gallery. The folder
    `projections` has their bodies as seen in the photos and turned (6.3.1), factors.json tells what each photo shows.
    Needs vg-reid[mesh]; flat colored figures (--kind drawn), without projections, need nothing.

      vg-train synth persons people --identities 100 --per-camera 4
      python -m vg_reid evaluate people
    """

    out: tyro.conf.Positional[Path]
    """Folder to write."""
    identities: int = 40
    """Persons."""
    cameras: int = 4
    """Cameras that see each person."""
    per_camera: int = 2
    """Photos of a person by each camera."""
    kind: Kind = "dressed"
    """dressed: bodies of Anny; drawn: flat figures."""
    seed: int = 0
    """Of everything drawn."""
    workers: int = 0
    """Processes that photograph dressed persons; 0: one per core."""


def actions(options: list[str]) -> None:
    """`vg-train synth actions`."""
    _write(SyntheticActions, tyro.cli(Actions, prog="vg-train synth actions", args=options))


def faces(options: list[str]) -> None:
    """`vg-train synth faces`."""
    _write(SyntheticFaces, tyro.cli(Faces, prog="vg-train synth faces", args=options))


def robot(options: list[str]) -> None:
    """`vg-train synth robot`."""
    _write(SyntheticRobot, tyro.cli(Robot, prog="vg-train synth robot", args=options))


def persons(options: list[str]) -> None:
    """`vg-train synth persons`."""
    settings = tyro.cli(Persons, prog="vg-train synth persons", args=options)
    count = settings.identities * settings.cameras * settings.per_camera
    with Progress(transient=True) as progress:
        task = progress.add_task(f"photographing {settings.out}", total=count)
        write_persons(
            settings.out,
            settings.identities,
            settings.cameras,
            settings.per_camera,
            settings.seed,
            kind=settings.kind,
            workers=settings.workers or os.cpu_count() or 1,
            progress=lambda done: progress.advance(task, done),
        )
    print(f"{count} photos of {settings.identities} {settings.kind} persons in {settings.out}")


def _write(kind: type[SyntheticSet], settings: Videos) -> None:
    """Write a folder of a set, with a progress bar."""
    source = kind(
        settings.seed,
        frames=settings.frames,
        resolution=settings.resolution,
        identities=settings.identities,
    )
    with Progress(transient=True) as progress:
        task = progress.add_task(f"drawing {settings.out}", total=settings.count)
        source.write_folder(
            settings.out, settings.count, progress=lambda done, _: progress.update(task, completed=done)
        )
    size = f"{settings.frames} frames of {settings.resolution}x{settings.resolution}"
    print(f"{settings.count} videos of {size} in {settings.out}")
