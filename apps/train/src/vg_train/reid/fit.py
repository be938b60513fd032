"""`vg-train fit` for chapter 6: a folder of person images and settings in, a run folder with a trained model out."""

import argparse
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import tyro
from vg_video.configs import from_dict

from vg_train.devices import start_engine
from vg_train.files import read_settings, write_json
from vg_train.provenance import provenance
from vg_train.reid.run import CONFIG, MODEL, Run, restore
from vg_train.reid.systems import find_system
from vg_train.reid.training import Fit, System

HELP = """\
Train {title}.

Settings come from a preset, and each can be changed by its own flag. A run that was stopped, or killed, goes on as if
nothing had happened:

  vg-train fit {name} --out runs/{name} --resume

{notes}"""


def command(name: str, options: list[str]) -> None:
    """`vg-train fit NAME`."""
    system = find_system(name)
    settings = tyro.cli(
        system.settings,
        prog=f"vg-train fit {name}",
        description=HELP.format(title=system.title, name=name, notes=system.notes),
        args=options,
        default=_defaults(system, options),
    )
    model = fit(system, settings, ["fit", name, *options])
    print(f"the model is in {model}")


def fit(system: System, settings: Fit, words: list[str]) -> Path:
    """Train, or go on training, and keep the run folder.

    Args:
        system: what to train.
        settings: of the run.
        words: of the command line that asked for it, for the record in config.json.
    Returns:
        The model folder.
    Raises:
        ValueError, OSError: for data, settings or a folder that cannot be used; the message says what would be right.
    """
    if not settings.resume and (settings.out / CONFIG).exists():
        raise ValueError(f"{settings.out}: already holds a run; add --resume to go on with it, or name another --out")
    engine = start_engine(settings.accelerator, 1, "32-true")
    training = system.start(settings, engine)
    if settings.resume:
        restore(settings.out, training)
    else:
        _write_config(system, settings, training.data, words)
    with Run(settings.out, training, settings.keep) as run:
        for step in training.steps():
            run.after_step(step)
    return settings.out / MODEL


def read_run(system: System, folder: Path, preset: str | None = None) -> Fit:
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
        settings = from_dict(system.settings, values | {"out": folder, "resume": True})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: holds no settings of a run ({error})") from error
    if preset not in (None, settings.preset):
        raise ValueError(f"--preset {preset}: the run in {folder} has {settings.preset}; leave the flag out")
    return settings


def _defaults(system: System, options: list[str]) -> Any:
    """The settings that flags start from: those of the preset, or of the run that goes on."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset")
    parser.add_argument("--out", type=Path, default=Path("runs") / system.name)
    parser.add_argument("--resume", action="store_true")
    found = parser.parse_known_args(options)[0]
    if found.resume:
        return read_run(system, found.out, found.preset)
    preset = found.preset or next(iter(system.presets))
    chosen = system.recipe(preset)
    missing = dict.fromkeys(system.required, tyro.MISSING)
    kind: Any = system.settings  # each has a config of its own class
    return kind(preset=preset, out=found.out, keep=chosen.keep, config=chosen.config, **missing)


def _write_config(system: System, settings: Fit, data: Any, words: list[str]) -> None:
    """What the run is made of, for people and for --resume."""
    kept = {name: value for name, value in plain(settings).items() if name not in ("out", "resume")}
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(
        settings.out / CONFIG,
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
