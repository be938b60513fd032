"""Built-in sets of videos without end, of which everything is known: faces, actions, a robot."""

from vg_video.data.synthetic.actions.set import SyntheticActions
from vg_video.data.synthetic.base import SyntheticClip, SyntheticSet
from vg_video.data.synthetic.dataset import SyntheticClips
from vg_video.data.synthetic.faces.set import SyntheticFaces
from vg_video.data.synthetic.robot.set import SyntheticRobot

__all__ = ["SyntheticActions", "SyntheticClip", "SyntheticClips", "SyntheticFaces", "SyntheticRobot", "SyntheticSet"]
