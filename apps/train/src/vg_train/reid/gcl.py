"""`vg-train fit gcl`: stages 2 and 3 of chapter 6, from person images, projections and a warmed-up E_id."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from vg_layers import Engine
from vg_reid import gcl
from vg_reid.data.augment import Augment
from vg_reid.data.images import PersonImages
from vg_reid.data.people import People
from vg_reid.data.transforms import normalize
from vg_reid.encoder import Encoder
from vg_reid.gcl.views import generate_views
from vg_reid.generator import ViewGenerator
from vg_reid.mesh.projections import Projections
from vg_reid.views import view_sheet

from vg_train.checkpoint import load_checkpoint
from vg_train.recipes import gcl as recipes
from vg_train.reid.people import describe_data, read_training, scorer
from vg_train.reid.run import LAST
from vg_train.reid.training import PeopleFit, System, Training

SHOWN = 4  # persons on a picture


@dataclass(frozen=True, kw_only=True)
class FitGCL(PeopleFit):
    """A run of stages 2 and 3."""

    projections: Path | None = None
    """Folder of projections as `python -m vg_reid project` writes it; not needed without generation."""
    allow_missing: bool = False
    """Leave out images whose projections are missing."""
    encoder: Path | None = None
    """Model folder of E_id after its warm-up (stage 1), whose sizes are then the run's; without it E_id is random."""
    warm_up: Path | None = None
    """Run folder whose stage 2 is taken over, so that only stage 3 is trained."""
    augment: bool = False
    """Traditional data augmentation, TDA of table 6.3: only without generation."""
    config: gcl.GCLConfig
    """The nets and their training."""


def start(settings: FitGCL, engine: Engine) -> Training:
    """Make a run ready.

    Raises:
        ValueError, OSError: for data, projections or an encoder that cannot be used.
    """
    people = read_training(settings.data)
    config, encoder = settings.config, None
    if settings.encoder is not None:  # its sizes are those of the run: MMCL's and ACT's have no linear layer
        encoder = Encoder.from_pretrained(settings.encoder)
        config = replace(config, encoder=encoder.config)
    projections = _projections(settings, people, config) if config.generation else None
    size = {"height": config.encoder.height, "width": config.encoder.width}
    images = PersonImages(people.train, augment=Augment() if settings.augment else None, **size)
    state = gcl.TrainState(config, settings.seed, engine=engine, encoder=encoder)
    if settings.warm_up is not None and not settings.resume:
        _take_over(state, settings.warm_up)

    picture = None
    if projections is not None and state.generator is not None:
        picture = partial(view_picture, state.encoder, state.generator, images, projections)
    return Training(
        state=state,
        epochs=config.schedule.epochs,
        steps=lambda: gcl.train(state, images, projections),
        data=describe_data(people),
        save_model=lambda folder: save_models(state, folder),
        reports=lambda: state.reports,
        picture=picture,
        score=scorer(people, state.encoder),
        about=tuple(people.describe()),
    )


def view_picture(
    encoder: Encoder, generator: ViewGenerator, images: PersonImages, projections: Projections
) -> Image.Image:
    """Draw some of the persons from all sides (figure 6.3)."""
    indices = [i * len(images) // SHOWN for i in range(SHOWN)]
    photos = normalize(torch.stack([images.pixels(i) for i in indices]).float() / 255)
    structures, views = generate_views(encoder, generator, images, projections, indices, projections.azimuths)
    return view_sheet(photos, structures.cpu(), views.cpu(), projections.azimuths)


def save_models(state: gcl.TrainState, folder: Path) -> None:
    """Write E_id as a model folder that `python -m vg_reid` reads, with E_str and G in `generator` below it."""
    state.encoder.save_pretrained(folder)
    if state.generator is not None:
        state.generator.save_pretrained(folder / "generator")


def _projections(settings: FitGCL, people: People, config: gcl.GCLConfig) -> Projections:
    """The projections of the training images; those without them are dropped from `people` where that is allowed."""
    if settings.projections is None:
        raise ValueError("--projections is missing, wanted the folder that `python -m vg_reid project` writes")
    encoder = config.encoder
    read = partial(
        Projections,
        settings.projections,
        "train",
        azimuths=config.azimuths,
        height=encoder.height,
        width=encoder.width,
    )
    found = read(people.train, allow_missing=settings.allow_missing)
    if not found.missing:
        return found
    people.notes.append(f"{len(found.missing)} training images without projections left out")
    people.train[:] = [people.train[index] for index in found.available.tolist()]
    return read(people.train)


def _take_over(state: gcl.TrainState, run: Path) -> None:
    """Start where the stage 2 of another run ended."""
    path = run / LAST
    checkpoint = load_checkpoint(path)
    try:
        state.load_warm_up({"tensors": checkpoint.tensors, "meta": checkpoint.meta["state"]})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


SYSTEM = System(
    name="gcl",
    title="GCL (chapter 6): the View Generator (stage 2), then all of it jointly (stage 3)",
    settings=FitGCL,
    presets=recipes.PRESETS,
    start=start,
    notes=recipes.__doc__ or "",
)
