"""Settings of VGAN runs.

tiny
    command   vg-train fit vgan --data videos --preset tiny
    time      eight minutes on two CPU cores
    result    36 clips of Weizmann: dark figures and blobs that move before the wall
image
    command   vg-train fit vgan --data videos --preset image
    time      60,000 steps of 32 clips: days on a GPU
    result    not run yet
thesis
    command   vg-train fit vgan --data videos
    time      60,000 steps of 64 clips: days on a GPU
    result    not run yet
"""

from vg_video import vgan
from vg_video.data.clips import ClipConfig

from vg_train.recipe import Recipe
from vg_train.run import Keeping

TITLE = "VGAN (a baseline of chapters 3 to 5)"
Config = vgan.VGANConfig


def thesis() -> Recipe[vgan.VGANConfig]:
    """The released code's numbers; the thesis gives none."""
    return Recipe(config=vgan.VGANConfig(), clips=ClipConfig(frames=32, steps=(1, 1)), keep=Keeping.for_long_runs())


def image() -> Recipe[vgan.VGANConfig]:
    """The form that goes on from an image, for the comparison of 3.4.3."""
    clips = ClipConfig(frames=32, steps=(2, 2))
    return Recipe(config=vgan.image_conditioned(), clips=clips, keep=Keeping.for_long_runs())


def tiny() -> Recipe[vgan.VGANConfig]:
    """A run for two cores and eight minutes."""
    keep = Keeping(sample_every=400, score_every=400)
    return Recipe(config=vgan.tiny(), clips=ClipConfig(frames=32, steps=(1, 1), flip=True), keep=keep)


PRESETS = {"thesis": thesis, "image": image, "tiny": tiny}
