"""Settings of MoCoGAN runs.

tiny
    command   vg-train fit mocogan --data videos --preset tiny
    time      eight minutes on two CPU cores
    result    36 clips of Weizmann: blurred figures that move
image
    command   vg-train fit mocogan --data videos --preset image
    time      100,000 steps of 32 clips: days on a GPU
    result    not run yet
thesis
    command   vg-train fit mocogan --data videos
    time      100,000 steps of 32 clips: days on a GPU
    result    not run yet
"""

from vg_video import mocogan
from vg_video.data.clips import ClipConfig

from vg_train.recipe import Recipe
from vg_train.run import Keeping

TITLE = "MoCoGAN (a baseline of chapters 3 to 5)"
Config = mocogan.MoCoGANConfig


def thesis() -> Recipe[mocogan.MoCoGANConfig]:
    """The released code's numbers; the thesis gives none."""
    return Recipe(config=mocogan.MoCoGANConfig(), clips=ClipConfig(steps=(2, 2)), keep=Keeping.for_long_runs())


def image() -> Recipe[mocogan.MoCoGANConfig]:
    """The form that goes on from an image, for the comparison of 3.4.3."""
    clips = ClipConfig(frames=32, steps=(2, 2))
    return Recipe(config=mocogan.image_conditioned(), clips=clips, keep=Keeping.for_long_runs())


def tiny() -> Recipe[mocogan.MoCoGANConfig]:
    """A run for two cores and eight minutes."""
    keep = Keeping(sample_every=400, score_every=400)
    return Recipe(config=mocogan.tiny(), clips=ClipConfig(steps=(1, 2), flip=True), keep=keep)


PRESETS = {"thesis": thesis, "image": image, "tiny": tiny}
