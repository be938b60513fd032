"""Trains a probe on a built-in set, examines it, and keeps it in a folder for the next model."""

from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import track
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from vg_layers.configs import check_positive, config_dict
from vg_video.seeds import seeded

from vg_train.files import read_json, write_atomically, write_json
from vg_train.probe.clips import BuiltIn, Cut, Examples
from vg_train.probe.factors import Factor
from vg_train.probe.net import ProbeNet
from vg_train.probe.statistics import interval

RECORD, WEIGHTS = "probe.json", "probe.safetensors"
BATCH = 16  # clips that the net reads at a time when it is examined
NOISE = 0.1  # largest standard deviation of the noise that is added in training


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """How a probe is trained and examined."""

    clips: int = 3000  # to learn from
    epochs: int = 6  # how often each is met
    examined: int = 600  # clips of other looks that it is examined with
    batch_size: int = 16
    width: int = 16  # channels of the first layer
    learning_rate: float = 2e-3  # at its peak
    weight_decay: float = 0.02

    def __post_init__(self) -> None:
        check_positive(self, "clips", "epochs", "examined", "batch_size", "width", "learning_rate")


@dataclass(frozen=True)
class Probe:
    """A trained net, and how well it reads clips of looks that it has never met.

    Attributes:
        net: in eval mode.
        known: as `examine` gives it.
    """

    net: ProbeNet
    known: dict[str, dict[str, float]] = field(repr=False)


def load_or_train(folder: Path, cut: Cut, config: ProbeConfig, origin: dict[str, Any]) -> Probe:
    """Read the probe in a folder, or train one and keep it there.

    Args:
        folder: of probe.json and probe.safetensors.
        cut: how the clips of the set are cut.
        config: of the training.
        origin: provenance, kept beside a new probe.
    Raises:
        ValueError: if the folder holds a probe of other clips or config, or a damaged one; the message names the file.
        OSError: if a file cannot be read or written.
    """
    built_in, record = BuiltIn(cut), folder / RECORD
    learned = {"cut": config_dict(cut), "training": config_dict(config)}
    if record.exists():
        known = _known(record, learned)
        return Probe(_loaded(ProbeNet(built_in.factors, config.width), folder / WEIGHTS), known)
    folder.mkdir(parents=True, exist_ok=True)
    net = train(config, built_in)
    known = examine(net, built_in.examples("held out", config.examined))
    write_atomically(folder / WEIGHTS, save({name: value.contiguous() for name, value in net.state_dict().items()}))
    write_json(record, {**learned, "known": known, "provenance": origin})
    return Probe(net, known)


def train(config: ProbeConfig, built_in: BuiltIn) -> ProbeNet:
    """Train a net, on clips that are roughened as generated ones may be."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = ProbeNet(built_in.factors, config.width)
    examples = built_in.examples("training", config.clips)
    net.measure(examples.targets)
    steps = config.epochs * -(-config.clips // config.batch_size)
    optimizer = torch.optim.AdamW(net.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
    orders = (torch.randperm(config.clips, generator=seeded(epoch)) for epoch in range(config.epochs))
    batches = chain.from_iterable(examples.batches(config.batch_size, order) for order in orders)
    for step, (video, targets) in enumerate(track(batches, "training the probe", steps, transient=True)):
        loss = net.loss(roughened(video, seeded(step)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def roughened(video: Tensor, draw: torch.Generator) -> Tensor:
    """Blur about a third of the clips (b, 3, t, h, w), and add noise, the same to all but of another strength."""
    chosen, strength = torch.rand(2, len(video), 1, 1, 1, 1, generator=draw)
    blur = chosen.flatten() < 1 / 3
    video = video + NOISE * strength.square() * torch.randn(video.shape[1:], generator=draw)
    video[blur] = F.avg_pool3d(video[blur], (1, 3, 3), 1, (0, 1, 1), count_include_pad=False)
    return video


def examine(net: ProbeNet, examples: Examples) -> dict[str, dict[str, float]]:
    """Tell how well a net reads clips.

    Returns:
        By the names of factors: of names the share told right (share, and low, high and count as `interval` gives
        them) and `chance`; of measures `r2`, the share of their variance that the net tells.
    """
    read = [net.predict(video) for video, _ in examples.batches(BATCH)]

    def score(factor: Factor) -> dict[str, float]:
        told, wanted = torch.cat([values[factor.name] for values in read]), examples.targets[factor.name]
        if factor.names:
            return interval(int((told.argmax(-1) == wanted).sum()), len(wanted)) | {"chance": 1 / factor.size}
        spread = (wanted - wanted.mean(0)).square().sum()
        return {"r2": float(1 - (told - wanted).square().sum() / spread)}

    return {factor.name: score(factor) for factor in net.factors}


def _known(record: Path, learned: dict[str, Any]) -> dict[str, dict[str, float]]:
    """How well the probe in a folder reads, if it learned what is wanted now."""
    stored = read_json(record)
    found = {name: stored.get(name) for name in learned}
    if found != learned or "known" not in stored:
        raise ValueError(f"{record}: is a probe of {found}, wanted {learned}; name another folder")
    known: dict[str, dict[str, float]] = stored["known"]
    return known


def _loaded(net: ProbeNet, path: Path) -> ProbeNet:
    """The net with the weights of a file."""
    try:
        net.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path}: is damaged or of other factors; delete its folder to train it anew") from error
    return net.eval()
