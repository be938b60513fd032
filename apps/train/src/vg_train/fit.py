"""`vg-train fit`: a folder of videos and settings in, a run folder with a trained model out."""

import argparse
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import tyro
from vg_video.configs import config_dict, from_dict
from vg_video.data.clips import Batch, ClipConfig, ClipDataset
from vg_video.training import TrainingConfig, TrainState

from vg_train.data import Examples, Videos, check_labels, open_folder
from vg_train.devices import Accelerator, Precision, start_engine
from vg_train.files import read_settings, write_json
from vg_train.provenance import provenance
from vg_train.run import CONFIG, MODEL, Keeping, Run, restore
from vg_train.systems import System, find_system

C = TypeVar("C", bound=TrainingConfig)

HELP = """\
Train {title} on a folder of videos.

The folder holds video files, folders of frames or horizontal strips of frames. Settings come from a preset, and each
can be changed by its own flag:

  vg-train fit {name} --data videos --preset tiny --out runs/first
  vg-train fit {name} --data videos --preset tiny --config.learning-rate 5e-4 --clips.flip

A run that was stopped, or killed, goes on as if nothing had happened:

  vg-train fit {name} --out runs/first --resume

{notes}"""


@dataclass(frozen=True, kw_only=True)
class Fit(Generic[C]):
    """A training run of a system."""

    data: Path
    """Folder of videos; sub-folders directly in it are labels (see --labels)."""
    preset: str = "thesis"
    """Where settings come from that no flag changes: one of those listed above."""
    steps: int | None = None
    """Training steps; the same as --config.steps."""
    out: Path
    """Run folder to write."""
    resume: bool = False
    """Go on with the run in --out; its settings and data are then the defaults."""
    labels: bool = False
    """Learn to generate each label of the data on its own (3.3, 4.4.5)."""
    seed: int = 0
    """Of the weights and of every draw: the same seed gives the same run."""
    workers: int = 0
    """Threads that prepare batches ahead."""
    cache: Path | None = None
    """Folder that keeps decoded videos for the next run."""
    videos: tyro.conf.OmitArgPrefixes[Videos] = field(default_factory=Videos)
    """Which videos of the folder."""
    accelerator: Accelerator = "auto"
    """What to train on."""
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


def command(name: str, options: list[str]) -> None:
    """`vg-train fit NAME`."""
    system = find_system(name)
    kind: Any = Fit[system.config]  # type: ignore[name-defined]  # which of the systems is known only now
    settings = tyro.cli(
        kind,
        prog=f"vg-train fit {name}",
        description=HELP.format(title=system.title, name=name, notes=system.notes),
        args=options,
        default=_defaults(system, options),
    )
    fit(system, settings, ["fit", name, *options])


def fit(system: System, settings: Fit[Any], words: list[str]) -> Path:
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
    engine = start_engine(settings.accelerator, settings.devices, settings.precision)
    dataset = open_folder(settings.data, settings.clips, settings.videos, cache=settings.cache)
    state = system.state(_config(settings, dataset), settings.seed, engine)
    check_labels(dataset, state.generator.classes)
    data = {"fingerprint": dataset.fingerprint, "clips": config_dict(settings.clips)}
    if settings.resume:
        restore(settings.out, state, data=data)
    steps = system.train(state, _batches(settings, dataset, state))
    if engine.global_rank:  # the first process keeps the folder, the others only train
        for _ in steps:
            pass
    else:
        if not settings.resume:
            _write_config(system, settings, state.config, dataset, words)
        count = max(settings.keep.score_clips if settings.keep.score_every else 1, settings.keep.sample_clips, 1)
        examples = Examples.draw(dataset, count, seed=settings.seed)
        with Run(settings.out, state, settings.keep, data=data, examples=examples) as run:
            for step in steps:
                run.after_step(step)
        print(f"the model is in {settings.out / MODEL}; for films: vg-train sample {settings.out / MODEL}")
    return settings.out / MODEL


def read_run(system: System, folder: Path, preset: str | None = None) -> Fit[Any]:
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
        config = from_dict(system.config, values["config"])
        settings = from_dict(Fit, values | {"config": config, "out": folder, "resume": True})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: holds no settings of a run ({error})") from error
    if preset not in (None, settings.preset):
        raise ValueError(f"--preset {preset}: the run in {folder} has {settings.preset}; leave the flag out")
    return settings


def _defaults(system: System, options: list[str]) -> Fit[Any]:
    """The settings that flags start from: those of the preset, or of the run that goes on."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset")
    parser.add_argument("--out", type=Path, default=Path("runs") / system.name)
    parser.add_argument("--resume", action="store_true")
    found = parser.parse_known_args(options)[0]
    if found.resume:
        return read_run(system, found.out, found.preset)
    preset = found.preset or "thesis"
    chosen = system.recipe(preset)
    return Fit(
        data=tyro.MISSING,
        preset=preset,
        out=found.out,
        labels=chosen.labels,
        keep=chosen.keep,
        clips=chosen.clips,
        config=chosen.config,
    )


def _write_config(
    system: System, settings: Fit[Any], config: TrainingConfig, dataset: ClipDataset, words: list[str]
) -> None:
    """What the run is made of, for people and for --resume."""
    cache = settings.cache.resolve() if settings.cache else None
    plain = config_dict(dataclasses.replace(settings, config=config, data=settings.data.resolve(), cache=cache))
    data = {"videos": len(dataset), "classes": dataset.classes, "fingerprint": dataset.fingerprint}
    kept = {name: value for name, value in plain.items() if name not in ("out", "resume")}
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(
        settings.out / CONFIG,
        {"settings": {"system": system.name, **kept}, "data": data, "provenance": provenance(words)},
    )


def _config(settings: Fit[C], dataset: ClipDataset) -> C:
    """The configuration with --steps and --labels applied."""
    config = settings.config
    if settings.steps is not None:
        config = dataclasses.replace(config, steps=settings.steps)
    if not settings.labels or settings.resume:
        return config
    if not dataset.classes:
        raise ValueError(
            f"--labels: {settings.data} has none, wanted each video in a sub-folder named after its label; "
            "to train without labels: --no-labels"
        )
    return config.with_classes(dataset.classes)


def _batches(settings: Fit[Any], dataset: ClipDataset, state: TrainState[Any]) -> Iterator[Batch]:
    """This process' share of the batches, from the state's step on."""
    return dataset.batches(
        state.config.batch_size,
        seed=settings.seed,
        start=state.step,
        workers=settings.workers,
        rank=state.engine.global_rank,
        world_size=state.engine.world_size,
    )
