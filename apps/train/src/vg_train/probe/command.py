"""`vg-train probe`: whether a model obeys labels, and what its appearance and motion inputs decide."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from vg_layers.configs import config_dict
from vg_video.generator import VideoGenerator
from vg_video.models import load_generator

from vg_train.files import read_settings, write_json
from vg_train.probe.clips import BuiltIn, Cut, SetName
from vg_train.probe.disentanglement import appearance_inputs, disentanglement
from vg_train.probe.factors import LABEL
from vg_train.probe.obedience import obedience
from vg_train.probe.tables import disentanglement_table, obedience_table
from vg_train.probe.training import Probe, ProbeConfig, load_or_train
from vg_train.provenance import provenance
from vg_train.settings import CONFIG


@dataclass(frozen=True, kw_only=True)
class ProbeModel:
    """Measure what a model of a built-in set of videos makes of its inputs.

    A small net, the probe, learns to read label, looks and motion from clips of the set, and is examined with looks
    that it has never met. Then it reads clips of the model: do they show the label that was asked for, and which part
    of the input, that for appearance or that for motion, decides what? The probe is kept for the next model.

      vg-train synth actions videos --count 2000
      vg-train fit g3an --data videos --preset tiny --labels --out runs/first
      vg-train probe runs/first/model --set actions
    """

    model: tyro.conf.Positional[Path]
    """Model folder, such as runs/first/model."""
    set: SetName
    """Built-in set that the model was trained on."""
    count: int = 400
    """Clips of each measurement."""
    probe: Path | None = None
    """Folder of the probe; by default runs/probes/SET-FRAMES."""
    accuracy: float = 0.95
    """Share of held-out clips of which the probe must tell the label, else obedience is not measured."""
    frames: int | None = None
    """Frames of a clip; by default as in the run that the model lies in, or else the model's own number."""
    steps: tuple[int, int] | None = None
    """Least and largest time step; by default as in the run, or else 1 1."""
    length: int = 32
    """Frames of the videos that the model was trained on, out of which clips are cut."""
    seed: int = 0
    """Of the samples."""
    out: Path | None = None
    """JSON file to write; by default probe-SET.json in the folder above the model."""
    training: ProbeConfig = field(default_factory=ProbeConfig)
    """How the probe is trained, if it is not there yet."""


def command(options: list[str]) -> None:
    """`vg-train probe`."""
    settings = tyro.cli(ProbeModel, prog="vg-train probe", args=options)
    generator = load_generator(settings.model)
    cut = _cut(settings, generator)
    folder = settings.probe or Path("runs/probes") / f"{cut.set}-{cut.frames}"
    origin = provenance(["probe", *options])
    probe = load_or_train(folder, cut, settings.training, origin)
    if generator.classes and LABEL in probe.known:
        _check_accuracy(probe, folder, settings.accuracy)
    report = measure(generator, probe, cut, count=settings.count, seed=settings.seed)
    out = settings.out or settings.model.parent / f"probe-{cut.set}.json"
    write_json(out, report | {"provenance": origin})
    for table in (obedience_table(report), disentanglement_table(report)):
        Console().print(table)
    print(f"the same, with how it was obtained, in {out}")


def measure(generator: VideoGenerator, probe: Probe, cut: Cut, *, count: int, seed: int) -> dict[str, Any]:
    """Measure label obedience and disentanglement of a generator, where it has labels and inputs for both.

    Args:
        generator: in eval mode.
        probe: of the set that the generator was trained on.
        cut: how the clips of both are cut.
        count: clips of each measurement, at least 1.
        seed: of the samples.
    Returns:
        Ready for JSON: `obedience` and `disentanglement`, as the functions of that name give them, or None; `probe`,
        how well it reads each factor; `protocol`.
    Raises:
        ValueError: for a count below 1, or labels that are not those of the set.
    """
    if count < 1:
        raise ValueError(f"count={count}, wanted at least 1")
    built_in = BuiltIn(cut)
    obeys = disentangles = None
    if generator.classes:
        obeys = obedience(generator, probe.net, built_in, count=count, seed=seed)
    if appearance_inputs(generator):
        disentangles = disentanglement(generator, probe.net, built_in, count=count, seed=seed)
    return {
        "obedience": obeys,
        "disentanglement": disentangles,
        "probe": probe.known,
        "protocol": {"system": generator.system, "clips": count, "seed": seed, "cut": config_dict(cut)},
    }


def _cut(settings: ProbeModel, generator: VideoGenerator) -> Cut:
    """How clips are cut: as the flags say, as in the run that the model lies in, or as the model makes them."""
    run = settings.model.parent / CONFIG
    clips: dict[str, Any] = read_settings(run)["clips"] if run.exists() else {}
    frames = settings.frames or clips.get("frames", generator.frames)
    steps = settings.steps or clips.get("steps", (1, 1))
    return Cut(set=settings.set, frames=frames, steps=steps, length=settings.length)


def _check_accuracy(probe: Probe, folder: Path, wanted: float) -> None:
    """Refuse a probe that cannot tell the labels of real clips: what it says of generated ones would mean nothing."""
    if (found := probe.known[LABEL]["share"]) < wanted:
        raise ValueError(
            f"{folder}: the probe tells the label of {found:.1%} of held-out clips, wanted {wanted:.0%}: "
            "train another with --training.clips, or lower --accuracy"
        )
