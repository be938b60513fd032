"""Built-in sets of videos with known factors."""

from vg_video.data.synthetic.actions.set import SyntheticActions
from vg_video.data.synthetic.base import SyntheticClip, SyntheticSet
from vg_video.data.synthetic.faces.set import SyntheticFaces

__all__ = ["SyntheticActions", "SyntheticClip", "SyntheticFaces", "SyntheticSet"]
