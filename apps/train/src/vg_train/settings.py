"""The settings of a run: flags over those of a preset, kept in its folder, and read back when it goes on."""

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import tyro

from vg_train.devices import Accelerator
from vg_train.files import read_settings, write_json
from vg_train.provenance import provenance

CONFIG = "config.json"  # in the run folder

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A training run; each kind of system adds its own settings, `keep` and `config` among them."""

    preset: str = "thesis"
    """Where settings come from that no flag changes: one of those listed above."""
    out: Path
    """Run folder to write."""
    resume: bool = False
    """Go on with the run in --out; its settings are then the defaults."""
    seed: int = 0
    """Of the weights and of every draw: the same seed gives the same run."""
    accelerator: Accelerator = "auto"
    """What to train on."""


@dataclass(frozen=True, kw_only=True)
class Trainable(ABC, Generic[R]):
    """What the command line needs of a system; R is what its presets give."""

    name: str
    title: str  # for people
    presets: Mapping[str, Callable[[], R]]
    notes: str  # what the presets are, for --help

    def recipe(self, preset: str) -> R:
        """Settings by the name of a preset.

        Raises:
            ValueError: if there is no such preset.
        """
        if preset not in self.presets:
            raise ValueError(f"--preset {preset}: {self.name} has {', '.join(self.presets)}")
        return self.presets[preset]()

    @abstractmethod
    def fresh(self, preset: str, out: Path) -> Any:
        """Settings of a new run by a preset; `tyro.MISSING` where it says nothing."""

    @abstractmethod
    def read(self, values: Mapping[str, Any]) -> Any:
        """Settings from what `plain` gave; ValueError, KeyError or TypeError if they are none."""


def parse(system: Trainable[Any], kind: Any, text: str, options: list[str]) -> Any:
    """Read the flags of `vg-train fit NAME` into settings of that kind; the text is what --help begins with."""
    return tyro.cli(
        kind,
        prog=f"vg-train fit {system.name}",
        description=text.format(title=system.title, name=system.name, notes=system.notes),
        args=options,
        default=_defaults(system, options),
    )


def check_folder(settings: Settings) -> None:
    """Refuse (ValueError) to begin a run in the folder of another."""
    if not settings.resume and (settings.out / CONFIG).exists():
        raise ValueError(f"{settings.out}: already holds a run; add --resume to go on with it, or name another --out")


def read_run(system: Trainable[Any], folder: Path, preset: str | None = None) -> Any:
    """The settings of the run in a folder, with which `fit` goes on.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is of another system or of another preset than the one given, or its file is damaged.
    """
    path = folder / CONFIG
    if not path.exists():
        raise FileNotFoundError(f"{folder}: no run to resume, {CONFIG} is missing; leave out --resume to start one")
    values = read_settings(path)
    if (found := values.pop("system", None)) != system.name:
        raise ValueError(f"{path}: is a run of {found}, wanted one of {system.name}: vg-train fit {found} --resume")
    try:
        settings = system.read(values | {"out": folder, "resume": True})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: holds no settings of a run ({error})") from error
    if preset not in (None, settings.preset):
        raise ValueError(f"--preset {preset}: the run in {folder} has {settings.preset}; leave the flag out")
    return settings


def write_config(
    folder: Path, system: Trainable[Any], values: Mapping[str, Any], data: Mapping[str, Any], words: list[str]
) -> None:
    """Write what a run is made of, for people and for --resume.

    Args:
        folder: of the run.
        system: what is trained.
        values: its settings as `plain` gives them.
        data: what tells its data from others.
        words: of the command line that asked for it.
    """
    kept = {name: value for name, value in values.items() if name not in ("out", "resume")}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(
        folder / CONFIG,
        {"settings": {"system": system.name, **kept}, "data": dict(data), "provenance": provenance(words)},
    )


def plain(value: Any) -> Any:
    """Settings as JSON has them; paths are absolute, so that a run can go on from another folder.

    What a dataclass sets by itself, such as the system of a net, is left out.
    """
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value) if field.init}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value.resolve()) if isinstance(value, Path) else value


def _defaults(system: Trainable[Any], options: list[str]) -> Any:
    """The settings that flags start from: those of the preset, or of the run that goes on."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset")
    parser.add_argument("--out", type=Path, default=Path("runs") / system.name)
    parser.add_argument("--resume", action="store_true")
    found = parser.parse_known_args(options)[0]
    if found.resume:
        return read_run(system, found.out, found.preset)
    return system.fresh(found.preset or next(iter(system.presets)), found.out)
