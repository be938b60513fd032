"""GCL (chapter 6): the View Generator, and contrast of what it generates with a memory of all images.

state = gcl.TrainState(gcl.GCLConfig(), seed=0, encoder=warmed_up)
for step in gcl.train(state, images, projections):
    ...
"""

from vg_reid.gcl.batches import Structures
from vg_reid.gcl.config import Clustering, Contrast, GCLConfig, Pass, Schedule, official
from vg_reid.gcl.state import TrainState
from vg_reid.gcl.tiny import tiny
from vg_reid.gcl.train import train

__all__ = [
    "Clustering",
    "Contrast",
    "GCLConfig",
    "Pass",
    "Schedule",
    "Structures",
    "TrainState",
    "official",
    "tiny",
    "train",
]
