"""Settings of the warm-ups of E_id, stage 1 of chapter 6; `python -m vg_reid evaluate` scores what they train.

thesis
    command   vg-train fit jvtc --data Market-1501-v15.09.15 --encoder IMAGENET
              vg-train fit jvtc --data Market-1501-v15.09.15 --source DukeMTMC-reID --encoder IMAGENET
              vg-train fit source --data DukeMTMC-reID --encoder IMAGENET, then
              vg-train fit act --data Market-1501-v15.09.15 --source DukeMTMC-reID --encoder runs/source/model
    hardware  one GPU with 24 GB or more
    numbers   of the released codes; IMAGENET is a model folder of `vg_reid.official.load` with ImageNet's weights
    not run   by us: no such GPU time
msmt17 (jvtc)
    as thesis, with the memory scaled to length 1
tiny
    command   vg-train fit cluster-contrast --data people --preset tiny
    hardware  two CPU cores
    time      about a minute
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
UNSUPERVISED_EPS = 0.8  # of JVTC's radius, in its released code for training without a source set


def thesis(config: Callable[[], WarmupConfig]) -> Recipe:
    """The numbers of a released code."""
    return Recipe(config=config(), keep=Keeping(log_every=50, picture_every=0, save_every=1000))


def tiny(config: Callable[[], WarmupConfig], **changes: Any) -> Recipe:
    """For two cores: the E_id of GCL's preset of that name, few epochs of few steps."""
    few = {"encoder": gcl.tiny().encoder, "epochs": 8, "epoch_steps": 30} | changes
    return Recipe(config=replace(config(), **few), keep=Keeping(picture_every=0, save_every=0))


def _jvtc(**changes: Any) -> JVTCConfig:
    return JVTCConfig(eps_scale=UNSUPERVISED_EPS, **changes)


def _source() -> SourceConfig:
    return SourceConfig(classes=MANY)


PRESETS: Mapping[str, Mapping[str, Callable[[], Recipe]]] = {
    "jvtc": {
        "thesis": partial(thesis, _jvtc),
        "source": partial(thesis, JVTCConfig),
        "msmt17": partial(thesis, partial(_jvtc, unit_memory=True)),
        "tiny": partial(tiny, _jvtc, batch_size=8, global_from=2, relabel_every=2, joint_from=None),
    },
    "mmcl": {
        "thesis": partial(thesis, MMCLConfig),
        "tiny": partial(tiny, MMCLConfig, batch_size=32, single_epochs=2),
    },
    "act": {
        "thesis": partial(thesis, ACTConfig),
        "tiny": partial(tiny, ACTConfig, batch_size=32, relabel_every=2, learning_rate=3e-4),
    },
    "source": {"thesis": partial(thesis, _source), "tiny": partial(tiny, _source, batch_size=32)},
    "cluster-contrast": {
        "thesis": partial(thesis, ClusterContrastConfig),
        "tiny": partial(tiny, ClusterContrastConfig, batch_size=32, instances=4),
    },
}
