"""`vg-train fit`: a folder of videos and settings in, a run folder with a trained model out."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from vg_layers.configs import config_dict
from vg_video.data.clips import Batch, ClipDataset
from vg_video.training import TrainingConfig, TrainState

from vg_train.checkpoint import restore
from vg_train.data import Examples, check_labels, open_folder
from vg_train.devices import start_engine
from vg_train.run import LAST, MODEL, Run
from vg_train.settings import check_folder, parse, plain, write_config
from vg_train.systems import Fit, System, find_system

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


def command(name: str, options: list[str]) -> None:
    """`vg-train fit NAME`."""
    system = find_system(name)
    kind: Any = Fit[system.config]  # type: ignore[name-defined]  # which of the systems is known only now
    fit(system, parse(system, kind, HELP, options), ["fit", name, *options])


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
    check_folder(settings)
    engine = start_engine(settings.accelerator, settings.devices, settings.precision)
    dataset = open_folder(settings.data, settings.clips, settings.videos, cache=settings.cache)
    state = system.state(_config(settings, dataset), settings.seed, engine)
    check_labels(dataset, state.generator.classes)
    data = {"fingerprint": dataset.fingerprint, "clips": config_dict(settings.clips)}
    if settings.resume:
        restore(settings.out / LAST, state.load_state_dict, data)
    steps = system.train(state, _batches(settings, dataset, state))
    if engine.global_rank:  # the first process keeps the folder, the others only train
        for _ in steps:
            pass
    else:
        if not settings.resume:
            about = {"videos": len(dataset), "classes": dataset.classes, "fingerprint": dataset.fingerprint}
            values = plain(dataclasses.replace(settings, config=state.config))
            write_config(settings.out, system, values, about, words)
        count = max(settings.keep.score_clips if settings.keep.score_every else 1, settings.keep.sample_clips, 1)
        examples = Examples.draw(dataset, count, seed=settings.seed)
        with Run(settings.out, state, settings.keep, data=data, examples=examples) as run:
            for step in steps:
                run.after_step(step)
        print(f"the model is in {settings.out / MODEL}; for films: vg-train sample {settings.out / MODEL}")
    return settings.out / MODEL


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
