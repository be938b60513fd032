"""`vg-train sample`: films from a trained model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from torch import Tensor
from vg_video.data.codec import write_video
from vg_video.data.stills import read_image
from vg_video.data.transforms import fit_frame, to_float, to_uint8
from vg_video.models import load_generator
from vg_video.sampling import sample


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Draw videos from a trained model.

    Film i is a function of the seed and of i alone: asking for more does not change the first ones.

      vg-train sample runs/first/model --n 8 --seed 3 --format gif --out films
      vg-train sample runs/faces/model --label happiness --image portrait.jpg
    """

    model: tyro.conf.Positional[Path]
    """Model folder, such as runs/first/model."""
    n: int = 8
    """How many."""
    seed: int = 0
    """Of the latents."""
    label: str | None = None
    """Name or number of a label; by default one is drawn for each film, where the model has labels."""
    image: tuple[Path, ...] = ()
    """Pictures to go on from, for a model that does; film i takes number i, from the start again after the last."""
    frames: int | None = None
    """Length in frames; by default that of the clips the system is trained on."""
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
    if generator.takes_image and not settings.image:
        raise ValueError(f"{settings.model}: goes on from a picture, wanted --image with one or more files")
    videos = sample(
        generator,
        settings.n,
        seed=settings.seed,
        label=settings.label,
        frames=settings.frames,
        images=_images(settings.image, generator.resolution),
    )
    settings.out.mkdir(parents=True, exist_ok=True)
    label = "" if settings.label is None else f"_{settings.label}"
    for i, frames in enumerate(to_uint8(videos)):
        write_video(settings.out / f"seed{settings.seed}{label}_{i:04d}.{settings.format}", frames, settings.fps)
    print(f"{settings.n} films of {videos.shape[2]} frames in {settings.out}")


def _images(paths: tuple[Path, ...], resolution: int) -> Tensor | None:
    """Pictures at the size of the model, (n, 3, h, w) in [-1, 1]; None without any."""
    if not paths:
        return None
    pictures = np.stack([fit_frame(read_image(path), resolution, "crop") for path in paths])
    return to_float(torch.from_numpy(pictures).movedim(-1, 1))
