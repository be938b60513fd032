"""The systems that can be trained, and what the commands need of each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vg_layers import Step
from vg_video.data.clips import Batch
from vg_video.training import TrainingConfig, TrainState

from vg_train.cli import SYSTEMS
from vg_train.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class System:
    """What `fit` needs of a system."""

    name: str
    title: str  # for people
    config: type[TrainingConfig]
    state: Callable[..., TrainState[Any]]  # (config, seed, engine)
    train: Callable[[Any, Iterable[Batch]], Iterator[Step]]  # (state, batches)
    presets: Mapping[str, Callable[[], Recipe[Any]]]
    notes: str  # what the presets are, for --help

    def recipe(self, preset: str) -> Recipe[Any]:
        """Settings by the name of a preset.

        Raises:
            ValueError: if there is no such preset.
        """
        if preset not in self.presets:
            raise ValueError(f"--preset {preset}: {self.name} has {', '.join(self.presets)}")
        return self.presets[preset]()


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
