"""How all systems are trained: settings, state, discriminators' and generator's terms, and the loop."""

from vg_video.training.config import TrainingConfig
from vg_video.training.critic import Critic
from vg_video.training.part import Part
from vg_video.training.procedure import DivergenceError, Generated, Procedure, run
from vg_video.training.state import TrainState

__all__ = ["Critic", "DivergenceError", "Generated", "Part", "Procedure", "TrainState", "TrainingConfig", "run"]
