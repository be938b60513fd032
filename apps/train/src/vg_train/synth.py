"""`vg-train synth`: built-in data with known factors, for those who have none at hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from vg_reid.data.synthetic import write_persons
from vg_video.data.synthetic import SyntheticFigures


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Write videos of moving figures, one sub-folder an action, with the factors of each in factors.json.

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

    def write(self) -> str:
        """Write them, and say what was written."""
        figures = SyntheticFigures(self.seed, frames=self.frames, identities=self.identities)
        figures.write_folder(self.out, self.count)
        return f"{self.count} videos of {self.frames} frames in {self.out}"


@dataclass(frozen=True, kw_only=True)
class Persons:
    """Write photos of persons in colored clothes, laid out as Market-1501.

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

    def write(self) -> str:
        """Write them, and say what was written."""
        write_persons(self.out, self.identities, self.cameras, self.per_camera, self.seed)
        count = self.identities * self.cameras * self.per_camera
        return f"{count} photos of {self.identities} persons in {self.out}"


Kind = (
    Annotated[Figures, tyro.conf.subcommand("figures", description="moving figures")]
    | Annotated[Persons, tyro.conf.subcommand("persons", description="photos of persons")]
)


def command(options: list[str]) -> None:
    """`vg-train synth`."""
    chosen = tyro.cli(Kind, prog="vg-train synth", description="Write built-in data.", args=options)  # type: ignore[var-annotated, call-overload]
    print(chosen.write())
