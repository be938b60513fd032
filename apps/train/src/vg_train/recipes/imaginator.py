"""Settings of ImaGINator runs.

tiny
    command   vg-train fit imaginator --data videos --preset tiny
    time      eight minutes on two CPU cores
    result    36 clips of Weizmann: persons stay as the image has them and move by label; outlines melt late in a clip
official
    command   vg-train fit imaginator --data videos --preset official
    time      55,000 steps of 64 clips: days on a GPU
    result    not run yet
thesis
    command   vg-train fit imaginator --data videos
    time      55,000 steps of 64 clips: days on a GPU
    result    not run yet
"""

from vg_video import imaginator
from vg_video.data.clips import ClipConfig

from vg_train.recipe import Recipe
from vg_train.run import Keeping

TITLE = "ImaGINator (chapter 3)"
Config = imaginator.ImaGINatorConfig


def thesis() -> Recipe[imaginator.ImaGINatorConfig]:
    """The thesis' own numbers, on faces: every second frame (3.3.5, 3.4.1)."""
    return Recipe(
        config=imaginator.ImaGINatorConfig(),
        clips=ClipConfig(frames=32, steps=(2, 2)),
        keep=Keeping.for_long_runs(),
        labels=True,
    )


def official() -> Recipe[imaginator.ImaGINatorConfig]:
    """The released code's numbers: neighboring frames, and its own weights and order of the updates."""
    clips = ClipConfig(frames=32, steps=(1, 1), fit="resize")
    return Recipe(config=imaginator.imaginator_official(), clips=clips, keep=Keeping.for_long_runs(), labels=True)


def tiny() -> Recipe[imaginator.ImaGINatorConfig]:
    """A run for two cores and eight minutes."""
    keep = Keeping(sample_every=400, score_every=400)
    return Recipe(
        config=imaginator.tiny(), clips=ClipConfig(frames=32, steps=(1, 1), flip=True), keep=keep, labels=True
    )


PRESETS = {"thesis": thesis, "official": official, "tiny": tiny}
