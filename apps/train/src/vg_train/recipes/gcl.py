"""Settings of GCL's stages 2 and 3; all are the thesis' (6.4.2) but for `official` and `tiny`.

market, duke
    command   vg-train fit gcl --preset market --data Market-1501-v15.09.15 --projections projections --encoder ENCODER
    hardware  one GPU with 16 GB or more: 16 images of 256x128 a step
    time      about 45,000 steps on Market-1501; on the thesis' own GPU a day or two
    result    thesis, table 6.1, E_id warmed up by JVTC: mAP 63.4 and rank 1 83.7 on Market, 53.3 and 72.4 on Duke
    not run   by us: no such GPU time
msmt17
    as market, with a smaller share of distances; thesis, table 6.2: mAP 18.0, rank 1 41.6
duke-to-market, market-to-duke, market-to-msmt17, duke-to-msmt17
    as the target's; ENCODER is of `vg-train fit jvtc --source SOURCE`: only stage 1 sees the labeled source
market-tau-0.03 ... market-tau-0.07, market-k-2048 ... market-k-8192
    the grid search of 6.4.2
official
    what the released code does on Market-1501 where it differs from the thesis
tiny
    command   vg-train fit gcl --preset tiny --data people --projections projections --encoder ENCODER
    hardware  two CPU cores
    time      some ten minutes: 900 steps of stage 2, 180 of stage 3
    result    docs/benchmarks/gcl_protocol.md

ENCODER is the `model` folder of a run of `vg-train fit jvtc`, or of mmcl, act or cluster-contrast; `python -m vg_reid
project` writes the projections.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from vg_reid import gcl

from vg_train.recipes import warmups
from vg_train.reid.training import Keeping, Recipe

TEMPERATURES = (0.03, 0.04, 0.05, 0.06, 0.07)  # 6.4.2
NEGATIVES = (2048, 4096, 8192)
MSMT17_SHARE = 1.2e-3  # of the distances; the released code's
UDA_PAIRS = ("duke-to-market", "market-to-duke", "market-to-msmt17", "duke-to-msmt17")  # 6.4.1
ABLATION_KEEPING = Keeping(log_every=20, picture_every=100, save_every=50)
LONG = Keeping(log_every=50, picture_every=2000, save_every=1000)


def thesis(*, share: float = 2e-3, temperature: float = 0.04, negatives: int = 8192) -> Recipe:
    """The thesis' own numbers (6.4.2).

    Args:
        share: of the smallest distances, whose mean is DBSCAN's radius.
        temperature: tau.
        negatives: K.
    """
    config = gcl.GCLConfig()
    return Recipe(
        config=replace(
            config,
            contrast=replace(config.contrast, temperature=temperature, negatives=negatives),
            clusters=replace(config.clusters, share=share),
        ),
        keep=LONG,
    )


def official() -> Recipe:
    """The released code's, where it differs."""
    return Recipe(config=gcl.official(), keep=LONG)


def tiny() -> Recipe:
    """For two cores and small sets."""
    return Recipe(config=gcl.tiny(), keep=Keeping(picture_every=200, save_every=200))


def ablation() -> gcl.GCLConfig:
    """The rows of table 6.3 for two cores: stages 2 and 3 of `vg-train ablate gcl`."""
    return gcl.tiny()


def ablation_warm_up() -> Recipe:
    """Stage 1 of `vg-train ablate gcl`: the baseline of the table."""
    return warmups.PRESETS["jvtc"]["tiny"]()


def _presets() -> dict[str, Callable[[], Recipe]]:
    msmt17 = partial(thesis, share=MSMT17_SHARE)
    targets = {pair: msmt17 if pair.endswith("msmt17") else thesis for pair in UDA_PAIRS}
    return {
        "market": thesis,
        "duke": thesis,
        "msmt17": msmt17,
        **targets,
        **{f"market-tau-{tau}": partial(thesis, temperature=tau) for tau in TEMPERATURES},
        **{f"market-k-{count}": partial(thesis, negatives=count) for count in NEGATIVES},
        "official": official,
        "tiny": tiny,
    }


PRESETS = _presets()
