"""Settings of MintGAN runs.

tiny
    command   vg-train fit mintgan --data videos --preset tiny
    time      eight minutes on two CPU cores
    result    36 clips of Weizmann: standing figures that raise and lower their arms, with rough outlines
bair
    command   vg-train fit mintgan --data videos --preset bair
    time      50,000 steps of 32 clips: days on a GPU
    result    not run yet
thesis
    command   vg-train fit mintgan --data videos
    time      50,000 steps of 32 clips: days on a GPU
    result    not run yet
"""

from vg_video import mintgan
from vg_video.data.clips import ClipConfig
from vg_video.temporal_pyramid import PyramidConfig

from vg_train.recipe import Recipe
from vg_train.run import Keeping

TITLE = "MintGAN (chapter 5)"
Config = mintgan.MintGANConfig


def thesis() -> Recipe[mintgan.MintGANConfig]:
    """The thesis' own numbers (5.2.5)."""
    return Recipe(config=mintgan.MintGANConfig(), clips=ClipConfig(steps=(1, 1)), keep=Keeping.for_long_runs())


def bair() -> Recipe[mintgan.MintGANConfig]:
    """Three speeds, which were best for the robot (table 5.3)."""
    config = mintgan.MintGANConfig(video_discriminator=PyramidConfig(speeds=3))
    return Recipe(config=config, clips=ClipConfig(steps=(1, 1)), keep=Keeping.for_long_runs())


def tiny() -> Recipe[mintgan.MintGANConfig]:
    """A run for two cores and eight minutes."""
    keep = Keeping(sample_every=400, score_every=400)
    return Recipe(config=mintgan.tiny(), clips=ClipConfig(steps=(1, 2), flip=True), keep=keep)


PRESETS = {"thesis": thesis, "bair": bair, "tiny": tiny}
