"""The systems that can be trained, and what the commands need of each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import tyro
from vg_layers import Step
from vg_layers.configs import from_dict
from vg_video.data.clips import Batch, ClipConfig
from vg_video.training import TrainingConfig, TrainState

from vg_train.cli import SYSTEMS
from vg_train.data import Videos
from vg_train.devices import Precision
from vg_train.recipe import Recipe
from vg_train.run import Keeping
from vg_train.settings import Settings, Trainable

C = TypeVar("C", bound=TrainingConfig)


@dataclass(frozen=True, kw_only=True)
class Fit(Settings, Generic[C]):
    """A training run of a system."""

    data: Path
    """Folder of videos; sub-folders directly in it are labels (see --labels)."""
    steps: int | None = None
    """Training steps; the same as --config.steps."""
    labels: bool = False
    """Learn to generate each label of the data on its own (3.3, 4.4.5)."""
    workers: int = 0
    """Threads that prepare batches ahead."""
    cache: Path | None = None
    """Folder that keeps decoded videos for the next run."""
    videos: tyro.conf.OmitArgPrefixes[Videos] = field(default_factory=Videos)
    """Which videos of the folder."""
    devices: int = 1
    """Processes, one a device; on the CPU too."""
    precision: Precision = "32-true"
    """bf16-mixed is faster on GPUs and on CPUs that compute bfloat16."""
    keep: Keeping
    """What is written to the run folder, and how often."""
    clips: ClipConfig
    """How clips are cut out of the videos."""
    config: C
    """The nets and their training."""


@dataclass(frozen=True, kw_only=True)
class System(Trainable[Recipe[Any]]):
    """What `fit` needs of a system."""

    config: type[TrainingConfig]
    state: Callable[..., TrainState[Any]]  # (config, seed, engine)
    train: Callable[[Any, Iterable[Batch]], Iterator[Step]]  # (state, batches)

    def fresh(self, preset: str, out: Path) -> Fit[Any]:
        """Settings of a new run by a preset; its data are missing."""
        chosen = self.recipe(preset)
        return Fit(
            data=tyro.MISSING,
            preset=preset,
            out=out,
            labels=chosen.labels,
            keep=chosen.keep,
            clips=chosen.clips,
            config=chosen.config,
        )

    def read(self, values: Mapping[str, Any]) -> Fit[Any]:
        """Settings from plain values."""
        return from_dict(Fit, {**values, "config": from_dict(self.config, values["config"])})


def find_system(name: str) -> System:
    """A system by its name; only that one is imported.

    Raises:
        ValueError: if there is none of that name.
    """
    module: Any
    recipes: Any
    match name:
        case "imaginator":
            from vg_video import imaginator as module

            from vg_train.recipes import imaginator as recipes
        case "g3an":
            from vg_video import g3an as module

            from vg_train.recipes import g3an as recipes
        case "mintgan":
            from vg_video import mintgan as module

            from vg_train.recipes import mintgan as recipes
        case "vgan":
            from vg_video import vgan as module

            from vg_train.recipes import vgan as recipes
        case "tgan":
            from vg_video import tgan as module

            from vg_train.recipes import tgan as recipes
        case "mocogan":
            from vg_video import mocogan as module

            from vg_train.recipes import mocogan as recipes
        case _:
            raise ValueError(f"{name!r} is no system, wanted one of {', '.join(SYSTEMS)}")
    return System(
        name=name,
        title=recipes.TITLE,
        config=recipes.Config,
        state=module.TrainState,
        train=module.train,
        presets=recipes.PRESETS,
        notes=recipes.__doc__ or "",
    )
