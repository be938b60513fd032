"""Settings of G3AN runs.

tiny
    command   vg-train fit g3an --data videos --preset tiny
    time      a quarter of an hour on two CPU cores
    result    36 clips of Weizmann, 13 minutes: persons before the wall who wave with one or both arms; bends blurred
demo
    command   vg-train demo
    time      five minutes on two CPU cores, about 1000 steps; what comes before and after takes two more
    result    two drawn figures in their rooms that step and move their arms, with ragged outlines
thesis
    command   vg-train fit g3an --data videos
    time      60,000 steps of 96 clips: days on a GPU
    result    not run yet
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from vg_video import g3an
from vg_video.data.clips import ClipConfig

from vg_train.run import Keeping

Preset = Literal["thesis", "tiny"]
SHEETS = 6  # of samples over the training of the demo


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings that belong together: the nets and their training, the clips, and what the run keeps."""

    config: g3an.G3ANConfig
    clips: ClipConfig
    keep: Keeping


def recipe(preset: Preset) -> Recipe:
    """Settings by the name of a preset."""
    return tiny() if preset == "tiny" else thesis()


def thesis() -> Recipe:
    """The thesis' own numbers (4.4.1, 4.4.2)."""
    every = 1000
    keep = Keeping(sample_every=every, score_every=every, save_every=every, score_clips=256)
    return Recipe(config=g3an.G3ANConfig(), clips=ClipConfig(), keep=keep)


def tiny() -> Recipe:
    """A run for two cores and a quarter of an hour."""
    keep = Keeping(sample_every=400, score_every=400)
    return Recipe(config=g3an.tiny(), clips=ClipConfig(steps=(1, 2), flip=True), keep=keep)


def demo(steps: int) -> Recipe:
    """Tiny for the few minutes of the demo and its built-in videos.

    These are as many as one likes, so nothing has to be mirrored; the average of the weights is as short as the run.
    """
    config = dataclasses.replace(g3an.tiny(), steps=steps, ema_decay=0.98)
    every = -(-steps // SHEETS)
    keep = Keeping(sample_every=every, score_every=every, save_every=every)
    return Recipe(config=config, clips=ClipConfig(steps=(1, 2)), keep=keep)
