"""What `vg-train fit` needs of a training of chapter 6, whichever it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import tyro
from PIL import Image
from vg_layers import Step
from vg_layers.configs import from_dict

from vg_train.settings import Settings, Trainable


class State(Protocol):
    """All of a run that must survive a crash."""

    step: int
    epoch: int

    def state_dict(self) -> dict[str, Any]:
        """Everything, as {"tensors": ..., "meta": ...}."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become what `state_dict` described."""
        ...


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What a run writes while it trains; intervals in steps, 0 for never."""

    log_every: int = 10
    """Losses."""
    picture_every: int = 500
    """Views of some persons from all sides, where the training generates them."""
    save_every: int = 500
    """The last checkpoint, which is also written after each epoch."""
    score_every: int = 0
    """Epochs from one score on the test images to the next; the score after the last epoch is always there."""
    select: Literal["last", "test"] = "last"
    """Which model is kept: the last, or the one with the best mAP on the test images, as the released code of GCL does
    it (to be said with its figures, since it looks at the test set)."""

    def __post_init__(self) -> None:
        for name in ("log_every", "picture_every", "save_every", "score_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}, wanted at least 0")
        if self.select == "test" and not self.score_every:
            raise ValueError("select=test with score_every=0, wanted scores to select by: --keep.score-every 1")


@dataclass(frozen=True, kw_only=True)
class Fit(Settings):
    """A training run; each system adds its own settings, `config` among them."""

    keep: Keeping
    """What is written to the run folder, and how often."""


@dataclass(frozen=True, kw_only=True)
class PeopleFit(Fit):
    """A run on images of persons."""

    data: Path
    """Folder of person images: Market-1501, DukeMTMC-reID, MSMT17, or one folder a person."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings that belong together."""

    config: Any
    keep: Keeping = Keeping()


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training that is ready to run."""

    state: State
    epochs: int
    steps: Callable[[], Iterator[Step]]
    """Trains from where the state is."""
    data: Mapping[str, Any]
    """What tells its data from others."""
    save_model: Callable[[Path], None]
    """Writes a folder with what was trained."""
    reports: Callable[[], list[dict[str, Any]]] = list
    """What each clustering so far found."""
    picture: Callable[[], Image.Image] | None = None
    """Shows what the nets generate now."""
    score: Callable[[], dict[str, float]] | None = None
    """Ranks the test images: map and rank1 among the figures."""
    about: tuple[str, ...] = ()
    """Lines for people about the data."""


@dataclass(frozen=True, kw_only=True)
class System(Trainable[Recipe]):
    """A procedure of chapter 6 that can be trained."""

    settings: type[Fit]
    start: Callable[[Any, Any], Training]  # (settings, engine)
    required: tuple[str, ...] = ("data",)  # settings that have no default

    def fresh(self, preset: str, out: Path) -> Any:
        """Settings of a new run by a preset."""
        chosen = self.recipe(preset)
        missing = dict.fromkeys(self.required, tyro.MISSING)
        kind: Any = self.settings  # each has a config of its own class
        return kind(preset=preset, out=out, keep=chosen.keep, config=chosen.config, **missing)

    def read(self, values: Mapping[str, Any]) -> Fit:
        """Settings from plain values."""
        return from_dict(self.settings, values)
