"""`vg-train evaluate`: how far a model's clips are from real ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor
from vg_layers.configs import config_dict, from_dict
from vg_metrics.features import VideoFeatures, video_features
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.generator import VideoGenerator
from vg_video.models import load_generator

from vg_train.data import Examples, Videos, check_labels, draw_clips, open_folder
from vg_train.files import read_settings, write_json
from vg_train.provenance import provenance
from vg_train.scoring import Measured, compare, measure
from vg_train.settings import CONFIG

BATCH = 8  # clips at a time
FLOOR = "other real clips"


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Score a model against a folder of videos.

    Prints how far generated clips are from real ones: Frechet and kernel distance of video features, Frechet distance
    of motion maps, and the motion energy of both. The row of other real clips, a second draw from the same videos, is
    what a perfect model would score. All of it depends on the number of clips, on how they are cut and on the network:
    compare only what was measured alike.

      vg-train evaluate runs/first/model --data videos
      vg-train evaluate runs/first/model --data videos --features resnext-101-kinetics.pth --count 5000
    """

    model: tyro.conf.Positional[Path]
    """Model folder, such as runs/first/model."""
    data: Path
    """Folder of videos."""
    count: int = 200
    """Clips of each kind."""
    features: str = "random"
    """Weights of the 3D ResNeXt-101 (a file), or random: comparable only within this run."""
    layer: Literal["pool", "logits"] = "pool"
    """Which of its layers: the average pool, or the class logits of chapter 5."""
    seed: int = 0
    """Of the samples and of the real clips."""
    out: Path | None = None
    """JSON file to write; by default scores.json in the folder above the model."""
    cache: Path | None = None
    """Folder that keeps decoded videos for the next run."""
    videos: tyro.conf.OmitArgPrefixes[Videos] = field(default_factory=Videos)
    """Which videos of the folder; by default those of the run that the model lies in."""
    clips: ClipConfig = field(default_factory=ClipConfig)
    """How clips are cut out of the videos; by default as in the run that the model lies in."""


def command(options: list[str]) -> None:
    """`vg-train evaluate`."""
    settings = tyro.cli(Evaluate, prog="vg-train evaluate", args=options)
    run = settings.model.parent / CONFIG
    if run.exists():  # the flags once more, over the settings of the run
        stored = read_settings(run)
        clips, videos = from_dict(ClipConfig, stored["clips"]), from_dict(Videos, stored["videos"])
        default = replace(settings, clips=clips, videos=videos)
        settings = tyro.cli(Evaluate, prog="vg-train evaluate", args=options, default=default)
    generator = load_generator(settings.model)
    dataset = open_folder(settings.data, settings.clips, settings.videos, cache=settings.cache)
    check_labels(dataset, generator.classes)
    network = video_features(settings.features, layer=settings.layer)
    report = evaluate({"generated": generator}, dataset, network, count=settings.count, seed=settings.seed)
    report["provenance"] = provenance(["evaluate", *options])
    out = settings.out or settings.model.parent / "scores.json"
    write_json(out, report)
    Console().print(score_table(report))
    print(f"the same, with how it was obtained, in {out}")


def evaluate(
    models: Mapping[str, VideoGenerator], dataset: ClipDataset, network: VideoFeatures, *, count: int, seed: int
) -> dict[str, Any]:
    """Score generators, and a second draw of real clips as the floor, against one draw of real clips.

    Args:
        models: by name.
        dataset: the real videos.
        network: of the features.
        count: clips of each kind, at least 2.
        seed: the real clips are functions of it and of seed + 1, the samples of it. Generators that go on from images
            get the first frames of the second draw, and its labels.
    Returns:
        {"scores": name to what `compare` gives, "protocol": how it was measured}, ready for JSON.
    Raises:
        ValueError: if the count is too small.
    """
    if count < 2:
        raise ValueError(f"count={count}, wanted at least 2")

    def measured(name: str, clips: Iterator[Tensor]) -> Measured:
        return measure(track(clips, f"scoring {name}", -(-count // BATCH), transient=True), network)

    reference = measured(
        "real clips", (batch.video for batch in draw_clips(dataset, count, seed=seed, batch_size=BATCH))
    )
    second = Examples.draw(dataset, count, seed=seed + 1)
    others = {FLOOR: measured(FLOOR, iter(second.video.split(BATCH)))}
    for name, generator in models.items():
        others[name] = measured(name, iter(second.sample(generator, count, seed=seed).split(BATCH)))
    return {
        "scores": {name: compare(reference, clips) for name, clips in others.items()},
        "protocol": {
            "clips": count,
            "videos": len(dataset),
            "data": dataset.fingerprint,
            "cut": config_dict(dataset.config),
            "seed": seed,
            "features": network.name,
            "features_label": network.label,
            "features_checksum": network.checksum,
        },
    }


def score_table(report: Mapping[str, Any]) -> Table:
    """What `evaluate` returned, as a table to print."""
    protocol = report["protocol"]
    table = Table(
        title=f"{protocol['clips']} clips of each kind against {protocol['clips']} real ones",
        caption=f"Frechet and kernel distance: {protocol['features_label']}",
    )
    for heading in ("", "Frechet", "kernel", "motion maps", "motion energy"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, row in report["scores"].items():
        table.add_row(
            name,
            f"{row['frechet_distance']:.4g}",
            f"{row['kernel_distance']:.3g} ± {row['kernel_distance_error']:.1g}",
            f"{row['motion_map_distance']:.4g}",
            f"{row['motion_energy']:.2f} (real {row['motion_energy_of_real']:.2f})",
        )
    return table
