"""`vg-train synth`: built-in data with known factors, for those who have none at hand."""

from dataclasses import dataclass
from pathlib import Path

import tyro
from vg_reid.data.synthetic import write_persons
from vg_video.data.synthetic import SyntheticActions


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Write videos of moving figures.

    Each action has a sub-folder, and factors.json tells what each video shows.

      vg-train synth figures videos --count 240
      vg-train fit g3an --data videos --preset tiny
    """

    out: tyro.conf.Positional[Path]
    """Folder to write."""
    count: int = 240
    """Videos."""
    frames: int = 32
    """Frames of each."""
    identities: int = 30
    """Persons; they take turns."""
    seed: int = 0
    """Of everything drawn."""


@dataclass(frozen=True, kw_only=True)
class Persons:
    """Write photos of persons in colored clothes.

    They are laid out as Market-1501; half of the persons are for training, half for query and gallery.

      vg-train synth persons people --identities 40
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
    seed: int = 0
    """Of everything drawn."""


def figures(options: list[str]) -> None:
    """`vg-train synth figures`."""
    settings = tyro.cli(Figures, prog="vg-train synth figures", args=options)
    source = SyntheticActions(settings.seed, frames=settings.frames, identities=settings.identities)
    source.write_folder(settings.out, settings.count)
    print(f"{settings.count} videos of {settings.frames} frames in {settings.out}")


def persons(options: list[str]) -> None:
    """`vg-train synth persons`."""
    settings = tyro.cli(Persons, prog="vg-train synth persons", args=options)
    write_persons(settings.out, settings.identities, settings.cameras, settings.per_camera, settings.seed)
    count = settings.identities * settings.cameras * settings.per_camera
    print(f"{count} photos of {settings.identities} persons in {settings.out}")
