"""`vg-train sample`: films from a trained model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from vg_video import g3an
from vg_video.data.codec import write_video
from vg_video.data.transforms import to_uint8
from vg_video.models import load_generator


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Draw videos from a trained model.

    Film i is a function of the seed and of i alone: asking for more does not change the first ones.

      vg-train sample runs/first/model --n 8 --seed 3 --format gif --out films
    """

    model: tyro.conf.Positional[Path]
    """Model folder, such as runs/first/model."""
    n: int = 8
    """How many."""
    seed: int = 0
    """Of the latents."""
    label: str | None = None
    """Name or number of a label; by default one is drawn for each film, where the model has labels."""
    frames: int = 16
    """Length: 16, 20, 24, ... frames."""
    format: Literal["mp4", "gif", "webm", "png"] = "mp4"
    """Kind of file; png is a strip of frames, without loss."""
    fps: float = 12.0
    """Frames per second."""
    out: Path = Path("samples")
    """Folder to write to."""


def command(options: list[str]) -> None:
    """`vg-train sample`."""
    settings = tyro.cli(Sample, prog="vg-train sample", args=options)
    generator = load_generator(settings.model)
    videos = g3an.sample(generator, settings.n, seed=settings.seed, label=settings.label, frames=settings.frames)
    settings.out.mkdir(parents=True, exist_ok=True)
    label = "" if settings.label is None else f"_{settings.label}"
    for i, frames in enumerate(to_uint8(videos)):
        write_video(settings.out / f"seed{settings.seed}{label}_{i:04d}.{settings.format}", frames, settings.fps)
    print(f"{settings.n} films of {settings.frames} frames in {settings.out}")
