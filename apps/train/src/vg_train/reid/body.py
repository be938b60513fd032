"""`vg-train fit body`: the small regressor from a person crop to an Anny body, trained on our own renders."""

import copy
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from PIL import Image
from rich.console import Console
from rich.progress import Progress
from vg_layers import Engine
from vg_reid.data.people import read_people
from vg_reid.data.transforms import read_image
from vg_reid.mesh.anny import AnnyBody
from vg_reid.mesh.regressor_data import make_views
from vg_reid.mesh.regressor_estimate import RegressorEstimator, estimate_sheet
from vg_reid.mesh.regressor_photos import Views
from vg_reid.mesh.regressor_train import (
    AngleErrors,
    RegressorState,
    RegressorTraining,
    angle_errors,
    estimate_all,
    held_out,
    train,
)
from vg_reid.views import to_picture

from vg_train.files import write_json
from vg_train.reid.training import Fit, Keeping, Recipe, System, Training

SHOWN = 24  # photos on a picture
OTHER_BODIES = 2**20  # from here on seeds are those of held-out bodies
FIGURES = "azimuth.json"


@dataclass(frozen=True, kw_only=True)
class FitBody(Fit):
    """A run of the body regressor."""

    views: int = 6000
    """Renders that are dressed anew in each step."""
    held_out: int = 1024
    """Renders of other bodies, on which the azimuth error is measured."""
    photos: Path | None = None
    """Folder of real person crops; what the net makes of some of them is then drawn."""
    config: RegressorTraining
    """The net and its training."""

    def __post_init__(self) -> None:
        for name in ("views", "held_out"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}, wanted at least 1")


def start(settings: FitBody, engine: Engine) -> Training:
    """Make a run ready: render the views, which takes about two minutes.

    Raises:
        ValueError: if the extra vg-reid[mesh] is not installed.
    """
    body = AnnyBody()
    views = _render(body, settings.views, settings.seed, "rendering bodies")
    state = RegressorState(settings.config, views, settings.seed, engine)
    return Training(
        state=state,
        epochs=1,
        steps=partial(train, state, views),
        data={"views": settings.views},
        save_model=partial(_finish, settings, state, body),
        about=(f"{settings.views} renders, dressed anew in each of {settings.config.steps} steps",),
    )


SYSTEM = System(
    name="body",
    title="the body regressor: from a person crop to pose, shape and azimuth of an Anny body, on renders alone",
    settings=FitBody,
    presets={"small": lambda: Recipe(config=RegressorTraining(), keep=Keeping(picture_every=0))},
    start=start,
    notes=(
        "The one preset, small, takes ten to twenty minutes on one core. At the end azimuth.json says by how many\n"
        "degrees held-out renders are missed in azimuth, beside a body that stands to the front; renders.png\n"
        "and photos.png show estimates. Real photos are not renders: look at them before relying on it. With this\n"
        "preset azimuth and camera are learned, while pose and shape stay about those of the mean body."
    ),
    required=(),
)


def _render(body: AnnyBody, count: int, seed: int, what: str) -> Views:
    """Make views with a progress bar."""
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=count)
        return make_views(body, count, seed, lambda done: progress.update(task, completed=done))


def _finish(settings: FitBody, state: RegressorState, body: AnnyBody, folder: Path) -> None:
    """Write the model, measure it, and draw what it estimates."""
    state.net.eval().save_pretrained(folder)
    views = _render(body, settings.held_out, settings.seed + OTHER_BODIES, "rendering held-out bodies")
    photos, theta = held_out(views, settings.config.net, settings.seed)
    wanted = state.net.split(theta).degrees
    found = estimate_all(state.net, photos).degrees
    errors = {
        "regressor": angle_errors(found, wanted, settings.seed),
        "standing": angle_errors(torch.zeros_like(wanted), wanted, settings.seed),
    }
    write_json(folder.parent / FIGURES, {name: asdict(error) for name, error in errors.items()})
    for name, error in errors.items():
        print(_line(name, error))
    estimator = RegressorEstimator(copy.deepcopy(state.net).cpu(), body)  # where the body is
    _draw(estimator, [to_picture(photo) for photo in photos[:SHOWN]], folder.parent / "renders.png")
    if settings.photos:
        people = read_people(settings.photos).images
        every = max(1, len(people) // SHOWN)
        crops = [read_image(person.path) for person in islice(people, 0, SHOWN * every, every)]
        _draw(estimator, crops, folder.parent / "photos.png")


def _line(name: str, error: AngleErrors) -> str:
    (a, b), (c, d) = error.median_interval, error.mean_interval
    return (
        f"azimuth error of {error.count} held-out renders, {name}: median {error.median:.1f} degrees "
        f"({a:.1f} to {b:.1f}), mean {error.mean:.1f} ({c:.1f} to {d:.1f})"
    )


def _draw(estimator: RegressorEstimator, photos: list[Image.Image], path: Path) -> None:
    estimate_sheet(photos, estimator(photos)).save(path)
    print(f"estimates are drawn in {path}")
