"""Settings of G3AN runs.

tiny
    command   vg-train fit g3an --data videos --preset tiny
    time      eight minutes on two CPU cores
    result    36 clips of Weizmann: blurred persons in several postures, who move; more steps make them sharper
thesis
    command   vg-train fit g3an --data videos
    time      60,000 steps of 96 clips: days on a GPU
    result    not run yet
"""

import dataclasses

from vg_video import g3an
from vg_video.data.clips import ClipConfig

from vg_train.recipe import Recipe
from vg_train.run import Keeping

TITLE = "G3AN (chapter 4)"
Config = g3an.G3ANConfig
SHEETS = 6  # of samples over the training of the demo


def thesis() -> Recipe[g3an.G3ANConfig]:
    """The thesis' own numbers (4.4.1, 4.4.2)."""
    return Recipe(config=g3an.G3ANConfig(), clips=ClipConfig(), keep=Keeping.for_long_runs())


def tiny() -> Recipe[g3an.G3ANConfig]:
    """A run for two cores and eight minutes."""
    keep = Keeping(sample_every=400, score_every=400)
    return Recipe(config=g3an.tiny(), clips=ClipConfig(steps=(1, 2), flip=True), keep=keep)


def demo(steps: int) -> Recipe[g3an.G3ANConfig]:
    """Tiny for the few minutes of `vg-train demo` and its built-in videos.

    These are as many as one likes, so nothing has to be mirrored; the average of the weights is as short as the run.
    """
    config = dataclasses.replace(g3an.tiny(), steps=steps, ema_decay=0.98)
    every = -(-steps // SHEETS)
    keep = Keeping(sample_every=every, score_every=every, save_every=every)
    return Recipe(config=config, clips=ClipConfig(steps=(1, 2)), keep=keep)


PRESETS = {"thesis": thesis, "tiny": tiny}
