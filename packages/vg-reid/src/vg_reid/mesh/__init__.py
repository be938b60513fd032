"""Bodies, their turns about the vertical axis and their pictures: the structures of 6.3.1."""

from vg_reid.mesh.render import render

__all__ = ["render"]
