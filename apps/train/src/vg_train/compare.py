"""`vg-train compare`: several systems on the same videos, trained one after another and scored alike."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro
from PIL import Image
from vg_metrics.features import VideoFeatures, video_features
from vg_video.models import load_generator

from vg_train import log
from vg_train.checkpoint import load_checkpoint
from vg_train.cli import SYSTEMS
from vg_train.data import Examples, open_folder
from vg_train.evaluate import evaluate
from vg_train.files import read_json, write_atomically, write_json
from vg_train.fit import fit
from vg_train.pictures import strips
from vg_train.provenance import provenance
from vg_train.run import LAST, LOG, MODEL
from vg_train.settings import CONFIG, read_run
from vg_train.systems import System, find_system

SHOWN = 6  # clips of each kind on a sheet
COLUMNS = (
    *("system", "steps", "minutes", "clips", "kernel distance, untrained", "trained", "real clips"),
    *("motion maps", "motion energy / real", "spread / real"),
)


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Train several systems on the same videos, one after another, and score them alike.

    Each gets a run folder of its own. What is done already is not done again: call it once more after a stop.

      vg-train compare --data videos --out runs/all
      vg-train compare --data videos --systems g3an mintgan --preset tiny --out runs/two
    """

    data: Path
    """Folder of videos."""
    out: Path = Path("runs/compare")
    """Folder to write: a run folder for each system, sheets of real and generated clips, and table.md."""
    systems: tuple[str, ...] = SYSTEMS
    """Which."""
    preset: str = "tiny"
    """Settings of all."""
    count: int = 200
    """Clips of each kind in the scores."""
    features: str = "random"
    """Weights of the 3D ResNeXt-101 (a file), or random: comparable only within this table."""
    seed: int = 0
    """Of everything drawn."""
    steps: int | None = None
    """Training steps of each; by default those of its preset."""


def command(options: list[str]) -> None:
    """`vg-train compare`."""
    settings = tyro.cli(Compare, prog="vg-train compare", args=options)
    print(compare(settings, ["compare", *options]))


def compare(settings: Compare, words: list[str]) -> Path:
    """Train and score what is not there yet.

    Returns:
        The table, in Markdown.
    Raises:
        ValueError, OSError: as `fit` and `evaluate`.
    """
    settings.out.mkdir(parents=True, exist_ok=True)
    network = video_features(settings.features)
    reports = {}
    for name in settings.systems:
        system, run = find_system(name), settings.out / name
        print(f"{system.title}: {run}", flush=True)
        _train(system, run, settings, words)
        scores = run / "scores.json"
        if not scores.exists():
            write_json(scores, _score(system, run, settings, network) | {"provenance": provenance(words)})
        reports[name] = read_json(scores)
    table = settings.out / "table.md"
    write_atomically(table, _table(settings, reports).encode())
    return table


def _train(system: System, run: Path, settings: Compare, words: list[str]) -> None:
    """Train to the end, from where the run stands."""
    if not (run / CONFIG).exists():
        new = system.fresh(settings.preset, run)
        fit(system, replace(new, data=settings.data, steps=settings.steps, seed=settings.seed), words)
        return
    old = read_run(system, run)
    done = load_checkpoint(run / LAST).meta["state"]["step"] if (run / LAST).exists() else 0
    if done < (old.steps or old.config.steps):
        fit(system, old, words)


def _score(system: System, run: Path, settings: Compare, network: VideoFeatures) -> dict[str, Any]:
    """Scores of the untrained and the trained generator, and a sheet of real and generated clips."""
    stored = read_run(system, run)
    dataset = open_folder(stored.data, stored.clips, stored.videos)
    trained = load_generator(run / MODEL)
    config = stored.config.with_classes(trained.classes)
    untrained = system.state(config, stored.seed).generator
    models = {"untrained": untrained, "trained": trained}
    report = evaluate(models, dataset, network, count=settings.count, seed=settings.seed)
    real = Examples.draw(dataset, SHOWN, seed=settings.seed)
    generated = real.sample(trained, SHOWN, seed=settings.seed)
    sheet = strips(torch.cat([real.video, generated])[:, :, :: stored.clips.frames // 16])
    Image.fromarray(sheet).save(run / "sheet.png")
    steps = stored.steps or stored.config.steps
    return report | {"steps": steps, "minutes": _minutes(run), "frames": stored.clips.frames}


def _minutes(run: Path) -> float:
    """Training time, from the speeds in the log."""
    seconds, before = 0.0, 0
    for record in log.read(run / LOG):
        if "losses" in record:
            seconds += (record["step"] - before) / record["steps_per_second"]
            before = record["step"]
    return seconds / 60


def _table(settings: Compare, reports: Mapping[str, Mapping[str, Any]]) -> str:
    """All scores, with how they were obtained."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *(_row(name, report) for name, report in reports.items())]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    first = next(iter(reports.values()))
    origin = first["provenance"]
    return (
        f"{lines}\n"
        f"Command: `{origin['command']}`, {origin['time']}, {origin['machine']}. "
        f"Features: {first['protocol']['features']}, {first['protocol']['features_label']}. "
        "Kernel distance of features and Frechet distance of motion maps to real clips: lower is better, and that of "
        "other real clips is the floor. Motion energy is the mean difference of neighboring frames. Spread is the "
        "variance over clips of how they look (mean frame in 8 x 8 squares) as a share of that of real clips: 0 if all "
        "samples are one image.\n"
    )


def _row(name: str, report: Mapping[str, Any]) -> list[str]:
    """The figures of one system."""
    trained, untrained, floor = (report["scores"][kind] for kind in ("trained", "untrained", "other real clips"))
    return [
        name,
        f"{report['steps']:,}",
        f"{report['minutes']:.1f}",
        f"{report['protocol']['clips']} of {report['frames']} frames",
        f"{untrained['kernel_distance']:.4f}",
        f"{trained['kernel_distance']:.4f} ± {trained['kernel_distance_error']:.4f}",
        f"{floor['kernel_distance']:.4f}",
        f"{untrained['motion_map_distance']:.2f} to {trained['motion_map_distance']:.2f}, "
        f"real {floor['motion_map_distance']:.2f}",
        f"{trained['motion_energy'] / trained['motion_energy_of_real']:.2f}",
        f"{trained['spread']:.2f}",
    ]
