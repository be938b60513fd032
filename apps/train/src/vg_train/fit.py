"""`vg-train fit`: a folder of videos and settings in, a run folder with a trained model out."""

import argparse
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from vg_layers import Engine
from vg_video import g3an
from vg_video.data.clips import Batch, ClipConfig, ClipDataset

from vg_train.data import check_labels, draw_clips, open_folder
from vg_train.devices import Accelerator, Precision, start_engine
from vg_train.files import read_settings, write_json
from vg_train.provenance import provenance
from vg_train.recipes.g3an import Preset, recipe
from vg_train.run import CONFIG, MODEL, Keeping, Run, restore
from vg_train.scoring import QuickScore


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Train G3AN (chapter 4) on a folder of videos.

    The folder holds video files, folders of frames or horizontal strips of frames. Settings come from a preset, and
    each can be changed by its own flag:

      vg-train fit g3an --data videos --preset tiny --out runs/first
      vg-train fit g3an --data videos --preset tiny --config.learning-rate 5e-4 --clips.flip

    A run that was stopped, or killed, goes on as if nothing had happened:

      vg-train fit g3an --out runs/first --resume
    """

    data: Path
    """Folder of videos; sub-folders directly in it are labels (see --labels)."""
    preset: Preset = "thesis"
    """Where settings come from that no flag changes: the thesis' own sizes, or sizes for two CPU cores."""
    steps: int | None = None
    """Training steps; the same as --config.steps."""
    out: Path = Path("runs/g3an")
    """Run folder to write."""
    resume: bool = False
    """Go on with the run in --out; its settings and data are then the defaults."""
    labels: bool = False
    """Learn to generate each label of the data on its own (4.4.5)."""
    seed: int = 0
    """Of the weights and of every draw: the same seed gives the same run."""
    workers: int = 0
    """Threads that prepare batches ahead."""
    cache: Path | None = None
    """Folder that keeps decoded videos for the next run."""
    skip_corrupt: bool = False
    """Leave damaged videos out instead of stopping at the first."""
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
    config: g3an.G3ANConfig
    """The nets and their training."""


def command(options: list[str]) -> None:
    """`vg-train fit g3an`."""
    settings = tyro.cli(Fit, prog="vg-train fit g3an", args=options, default=_defaults(options))
    fit(settings, ["fit", "g3an", *options])


def fit(settings: Fit, words: list[str]) -> Path:
    """Train, or go on training, and keep the run folder.

    Args:
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
    dataset = open_folder(settings.data, settings.clips, cache=settings.cache, skip_corrupt=settings.skip_corrupt)
    state = g3an.TrainState(_config(settings, dataset), settings.seed, engine)
    data = {"fingerprint": dataset.fingerprint, "clips": g3an.config_dict(settings.clips)}
    if settings.resume:
        restore(settings.out, state, data=data)
    steps = g3an.train(state, _batches(settings, dataset, state, engine))
    if engine.global_rank:  # the first process keeps the folder, the others only train
        for _ in steps:
            pass
    else:
        if not settings.resume:
            _write_config(settings, state.config, dataset, words)
        with Run(settings.out, state, settings.keep, data=data, quick_score=_quick_score(settings, dataset)) as run:
            for step in steps:
                run.after_step(step)
        print(f"the model is in {settings.out / MODEL}; for films: vg-train sample {settings.out / MODEL}")
    return settings.out / MODEL


def _defaults(options: list[str]) -> Fit:
    """The settings that flags start from: those of the preset, or of the run that goes on."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset")
    parser.add_argument("--out", type=Path, default=Fit.out)
    parser.add_argument("--resume", action="store_true")
    found = parser.parse_known_args(options)[0]
    if found.resume:
        return _read_config(found.out, found.preset)
    chosen = recipe("tiny" if found.preset == "tiny" else "thesis")  # tyro refuses other names
    return Fit(data=tyro.MISSING, keep=chosen.keep, clips=chosen.clips, config=chosen.config)


def _read_config(folder: Path, preset: str | None) -> Fit:
    """The settings of the run in a folder."""
    path = folder / CONFIG
    if not path.exists():
        raise FileNotFoundError(f"{folder}: no run to resume, {CONFIG} is missing; leave out --resume to start one")
    try:
        settings = g3an.from_dict(Fit, read_settings(path))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: holds no settings of a run ({error})") from error
    if preset not in (None, settings.preset):
        raise ValueError(f"--preset {preset}: the run in {folder} has {settings.preset}; leave the flag out")
    cache = Path(settings.cache) if settings.cache else None  # JSON knows paths as words only
    return dataclasses.replace(settings, out=folder, resume=True, data=Path(settings.data), cache=cache)


def _write_config(settings: Fit, config: g3an.G3ANConfig, dataset: ClipDataset, words: list[str]) -> None:
    """What the run is made of, for people and for --resume."""
    plain = g3an.config_dict(dataclasses.replace(settings, config=config))
    plain |= {name: str(plain[name].resolve()) for name in ("data", "cache") if plain[name]}
    data = {"videos": len(dataset), "classes": dataset.classes, "fingerprint": dataset.fingerprint}
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(
        settings.out / CONFIG,
        {
            "settings": {name: value for name, value in plain.items() if name not in ("out", "resume")},
            "data": data,
            "provenance": provenance(words),
        },
    )


def _config(settings: Fit, dataset: ClipDataset) -> g3an.G3ANConfig:
    """The configuration with --steps and --labels applied, checked against the labels of the data."""
    config = settings.config
    if settings.steps is not None:
        config = dataclasses.replace(config, steps=settings.steps)
    if settings.labels and not dataset.classes:
        raise ValueError(f"--labels: {settings.data} has none, wanted each video in a sub-folder named after its label")
    if settings.labels and not config.generator.classes:
        config = config.with_classes(dataset.classes)
    check_labels(dataset, config.generator.classes)
    return config


def _batches(settings: Fit, dataset: ClipDataset, state: g3an.TrainState, engine: Engine) -> Iterator[Batch]:
    """This process' share of the batches, from the state's step on."""
    return dataset.batches(
        state.config.batch_size,
        seed=settings.seed,
        start=state.step,
        workers=settings.workers,
        rank=engine.global_rank,
        world_size=engine.world_size,
    )


def _quick_score(settings: Fit, dataset: ClipDataset) -> QuickScore | None:
    """The score that picks the best checkpoint, against real clips."""
    if not settings.keep.score_every:
        return None
    return QuickScore(torch.cat(list(draw_clips(dataset, settings.keep.score_clips, seed=settings.seed))))
