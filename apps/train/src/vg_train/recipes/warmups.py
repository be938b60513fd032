"""Settings of the warm-ups of E_id, stage 1 of chapter 6; `python -m vg_reid evaluate` scores what they train.

thesis
    command   vg-train fit jvtc --data Market-1501-v15.09.15 --encoder IMAGENET
              vg-train fit source --data DukeMTMC-reID --encoder IMAGENET, then
              vg-train fit act --data Market-1501-v15.09.15 --source DukeMTMC-reID --encoder runs/source/model
    hardware  one GPU with 24 GB or more
    numbers   of the released codes; IMAGENET is a model folder of `vg_reid.official.load` with ImageNet's weights
    not run   by us: no such GPU time
market, duke, msmt17 (jvtc)
    fully unsupervised; the radius of clusters as the file names of GCL's checkpoints have it
duke-to-market, market-to-duke, market-to-msmt17, duke-to-msmt17 (jvtc)
    command   vg-train fit jvtc --preset duke-to-market --data Market-1501-v15.09.15 --source DukeMTMC-reID
              --encoder IMAGENET
tiny
    command   vg-train fit source --data others --preset tiny --augment --out runs/others, with built-in persons, then
              vg-train fit jvtc --data people --preset tiny --encoder runs/others/model
    hardware  two CPU cores
    time      source 4 minutes, the others about a minute each
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from vg_reid import gcl
from vg_reid.warmup.act import ACTConfig
from vg_reid.warmup.cluster_contrast import ClusterContrastConfig
from vg_reid.warmup.config import WarmupConfig
from vg_reid.warmup.jvtc import JVTCConfig
from vg_reid.warmup.mmcl import MMCLConfig
from vg_reid.warmup.source import SourceConfig

from vg_train.reid.training import Keeping, Recipe

TITLES = {
    "jvtc": "JVTC, the baseline of tables 6.1 to 6.3: E_id without labels, or with a labeled source set",
    "mmcl": "MMCL, a baseline of table 6.1: E_id without labels",
    "act": "ACT, a baseline of table 6.1: E_id adapted from a labeled source set",
    "source": "a plain E_id on a labeled set",
    "cluster-contrast": "cluster contrast, a baseline that the thesis does not have: E_id without labels",
}
MANY = 2  # classes, until the data tells how many there are
UNSUPERVISED_EPS = 0.75  # of JVTC's radius without a source set, by the names of GCL's checkpoints
MSMT17_EPS = 0.85
MSMT17: dict[str, Any] = {"unit_memory": True, "joint_share": 0.3, "joint_eps_share": 4.8e-3}  # of JVTC's code for it


def thesis(config: Callable[[], WarmupConfig]) -> Recipe:
    """The numbers of a released code."""
    return Recipe(config=config(), keep=Keeping(log_every=50, picture_every=0, save_every=1000))


def tiny(config: Callable[[], WarmupConfig], **changes: Any) -> Recipe:
    """For two cores: the E_id of GCL's preset of that name, few epochs of few steps."""
    few: dict[str, Any] = {"encoder": gcl.tiny().encoder, "epochs": 8, "epoch_steps": 30} | changes
    return Recipe(config=replace(config(), **few), keep=Keeping(picture_every=0, save_every=0))


_jvtc = partial(JVTCConfig, eps_scale=UNSUPERVISED_EPS)


def _tiny_jvtc() -> Recipe:
    """Slower than from ImageNet's weights; with few persons a larger share of all pairs is of one person."""
    neighbors: dict[str, Any] = {"eps_share": 1e-2, "k1": 12, "k2": 4}
    epochs: dict[str, Any] = {"global_from": 2, "relabel_every": 2, "joint_from": None}
    return tiny(_jvtc, batch_size=16, learning_rate=1e-3, new_rate=1.0, **neighbors, **epochs)


def _source() -> SourceConfig:
    return SourceConfig(classes=MANY)


PRESETS: Mapping[str, Mapping[str, Callable[[], Recipe]]] = {
    "jvtc": {
        "market": partial(thesis, _jvtc),
        "duke": partial(thesis, _jvtc),
        "msmt17": partial(thesis, partial(JVTCConfig, eps_scale=MSMT17_EPS, **MSMT17)),
        "duke-to-market": partial(thesis, JVTCConfig),
        "market-to-duke": partial(thesis, JVTCConfig),
        "market-to-msmt17": partial(thesis, partial(JVTCConfig, **MSMT17)),
        "duke-to-msmt17": partial(thesis, partial(JVTCConfig, **MSMT17)),
        "tiny": _tiny_jvtc,
    },
    "mmcl": {
        "thesis": partial(thesis, MMCLConfig),
        "tiny": partial(tiny, MMCLConfig, batch_size=32, single_epochs=2),
    },
    "act": {
        "thesis": partial(thesis, ACTConfig),
        "tiny": partial(tiny, ACTConfig, batch_size=32, relabel_every=2, learning_rate=3e-4),
    },
    "source": {
        "thesis": partial(thesis, _source),
        "tiny": partial(tiny, _source, batch_size=32, epochs=30, epoch_steps=40, decay_every=20),
    },
    "cluster-contrast": {
        "thesis": partial(thesis, ClusterContrastConfig),
        "tiny": partial(tiny, ClusterContrastConfig, batch_size=32, instances=4),
    },
}
