"""Make the set of projections of photos: in parallel, and taken up again where a run was stopped."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from vg_reid.data.transforms import read_image
from vg_reid.files import atomic
from vg_reid.mesh.camera import Camera, weak_camera
from vg_reid.mesh.estimate import Estimator, MeshEstimate
from vg_reid.mesh.projections import Part, azimuth_folder, projection_names
from vg_reid.mesh.render import render
from vg_reid.mesh.rotate import AZIMUTHS
from vg_reid.parts import Process
from vg_reid.workers import in_workers

SIZE = (256, 128)  # of a projection, pixels, where no camera says how the photo was taken
PHOTOS = 16  # a worker takes at once
QUALITY = 95  # of JPEG files
SETTINGS = "projections.json"  # beside the folders: what they were made with

_Batch = Sequence[tuple[Path, Path]]  # photos and the names of their projections


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is made of each photo."""

    root: Path
    part: Part
    azimuths: tuple[int, ...] = AZIMUTHS
    """The turns beside the photo's own view, degrees."""
    made_by: str
    """What makes the meshes, with its settings: another one may not go on with the same set."""

    def files(self, name: Path) -> dict[int, Path]:
        """The projections of a photo by their turns; the photo's own view, 0, comes last."""
        return {turn: azimuth_folder(self.root, self.part, turn) / name for turn in (*self.azimuths, 0)}

    def start(self) -> None:
        """Write what the set is made with; what is said of a set without any projection yet counts for nothing.

        Raises:
            ValueError: if the folder has a set that was made with something else.
        """
        path = self.root / self.part / SETTINGS
        settings = {"made_by": self.made_by, "azimuths": sorted(self.azimuths)}
        found = json.loads(path.read_text()) if path.is_file() else None
        if found != settings and any(path.parent.glob("render*/*")):
            says = f"{path} says {found}" if found else f"{path.parent} has projections, and no {SETTINGS} says of what"
            raise ValueError(f"{says}, wanted {settings}, or another folder")
        if found != settings:
            with atomic(path) as staged:
                staged.write_text(json.dumps(settings) + "\n")


@dataclass(frozen=True)
class Report:
    """What became of the photos of this process."""

    written: int
    there: int
    """Photos that had all of their projections before."""
    failed: tuple[str, ...]
    """One line for each photo that has none: it cannot be read, or there is no mesh for it."""


def write_projections(
    job: Job,
    photos: Sequence[Path],
    estimator: Callable[[], Estimator],
    *,
    workers: int = 1,
    process: Process | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Write the projections of photos, the same set whoever writes it and however often it is stopped.

    A file is there whole or not at all. Photos that have all of their files are left alone.

    Args:
        job: what to make.
        photos: all photos of the part, on every process the same.
        estimator: makes what turns photos into meshes, once in each worker, where it must be picklable and hashable.
        workers: processes on this machine; 1 works in this one.
        process: this process among those that share the photos; None: it is alone.
        progress: told how many photos are done.
    Raises:
        ValueError: if the folder's set was made with something else, or a photo is there twice.
        OSError: if the disk is full.
    """
    job.start()
    rank, count = (process.rank, process.count) if process else (0, 1)
    mine = list(zip(photos, projection_names(photos), strict=True))[rank::count]
    todo = [(photo, name) for photo, name in mine if not all(path.is_file() for path in job.files(name).values())]
    if progress is not None:
        progress(len(mine) - len(todo))
    failed: list[str] = []
    batches = [todo[start : start + PHOTOS] for start in range(0, len(todo), PHOTOS)]
    if not batches:
        return Report(0, len(mine), ())
    workers = min(workers, len(batches))
    make = partial(_make, job, estimator()) if workers <= 1 else partial(_make_there, job, estimator)
    for batch, lines in zip(batches, in_workers(make, batches, workers), strict=True):
        failed += lines
        if progress is not None:
            progress(len(batch))
    return Report(len(todo) - len(failed), len(mine) - len(todo), tuple(failed))


def draw_projections(estimate: MeshEstimate, photo: Image.Image, azimuths: Sequence[float]) -> Tensor:
    """Draw the mesh of a photo at its own view, turned by 0, and at others: (a, h, w) in [0, 1].

    The mesh turns about the vertical axis through the mean of its vertices, and the camera stays. With a camera from
    the estimate the picture has the photo's proportions, and its longer side 256 pixels; without one the body fills
    256x128.
    """
    vertices = estimate.vertices.float()
    middle = vertices.mean(0) * vertices.new_tensor([1.0, 0.0, 1.0])
    camera: Camera | None = None
    size = SIZE
    if estimate.camera is not None:
        longer = max(photo.size)
        size = (max(1, round(SIZE[0] * photo.height / longer)), max(1, round(SIZE[0] * photo.width / longer)))
        scale, x, y = estimate.camera
        in_half_heights = scale * longer / photo.height  # an estimate counts in halves of the longer side
        camera = weak_camera(in_half_heights, x + float(middle[0]), y, size)
    return render(vertices - middle, estimate.faces, azimuths, size, camera=camera)


@torch.inference_mode()
def _make(job: Job, estimator: Estimator, batch: _Batch) -> list[str]:
    """Write the projections of some photos; return a line for each that has no mesh or cannot be read."""
    failed: list[str] = []
    for photo, name in batch:
        try:
            image = read_image(photo)
            (estimate,) = estimator([image], [name.as_posix()])
            files = job.files(name)
            views = draw_projections(estimate, image, list(files))
        except (ValueError, FileNotFoundError) as error:
            failed.append(f"{name}: {error}")
            continue
        for path, view in zip(files.values(), views, strict=True):
            with atomic(path) as staged:
                Image.fromarray((view * 255).round().byte().numpy()).save(staged, quality=QUALITY)
    return failed


def _make_there(job: Job, estimator: Callable[[], Estimator], batch: _Batch) -> list[str]:
    """Do what `_make` does, in a worker."""
    return _make(job, _made(estimator), batch)


@cache
def _made(estimator: Callable[[], Estimator]) -> Estimator:
    """Make the estimator of this worker at its first batch."""
    return estimator()
