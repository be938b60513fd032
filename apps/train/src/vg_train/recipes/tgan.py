"""Settings of TGAN runs.

tiny
    command   vg-train fit tgan --data videos --preset tiny
    time      eight minutes on two CPU cores
    result    36 clips of Weizmann: persons in several postures, with jumps and bursts of color from frame to frame
thesis
    command   vg-train fit tgan --data videos
    time      60,000 steps of 32 clips: days on a GPU
    result    not run yet
"""

from vg_video import tgan
from vg_video.data.clips import ClipConfig

from vg_train.recipe import Recipe
from vg_train.run import Keeping

TITLE = "TGAN (a baseline of chapters 4 and 5)"
Config = tgan.TGANConfig


def thesis() -> Recipe[tgan.TGANConfig]:
    """The released code's numbers; the thesis gives none."""
    return Recipe(config=tgan.TGANConfig(), clips=ClipConfig(steps=(1, 1)), keep=Keeping.for_long_runs())


def tiny() -> Recipe[tgan.TGANConfig]:
    """A run for two cores and eight minutes."""
    keep = Keeping(sample_every=400, score_every=400)
    return Recipe(config=tgan.tiny(), clips=ClipConfig(steps=(1, 2), flip=True), keep=keep)


PRESETS = {"thesis": thesis, "tiny": tiny}
