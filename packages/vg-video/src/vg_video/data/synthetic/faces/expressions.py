"""What the parts of a face do in each of the six expressions of MUG."""

from typing import NamedTuple

import numpy as np

from vg_video.data.synthetic.canvas import Numbers


class Rig(NamedTuple):
    """Where the parts of a face are, against their place at rest; lengths are in half heights of the head."""

    brow_inner: Numbers = 0.0  # up
    brow_outer: Numbers = 0.0  # up
    brow_knit: Numbers = 0.0  # towards each other
    lids: Numbers = 0.0  # upper lid, up: share of the eye's height
    squint: Numbers = 0.0  # lower lid, up: share of the eye's height
    width: Numbers = 0.0  # of the mouth, half
    curve: Numbers = 0.0  # its corners, up
    upper: Numbers = 0.0  # upper lip, up
    lower: Numbers = 0.0  # lower lip, down
    boxy: Numbers = 0.0  # how square the opening is, 0 .. 1
    teeth: Numbers = 0.0  # share of the opening that the upper teeth fill
    thin: Numbers = 0.0  # how far the lips are pressed, 0 .. 1
    sneer: Numbers = 0.0  # one side of the mouth and the nose, up
    wrinkle: Numbers = 0.0  # nose, up
    jaw: Numbers = 0.0  # chin, down
    nod: Numbers = 0.0  # head, down, in degrees
    flush: Numbers = 0.0  # red in the cheeks, 0 .. 1


EXPRESSIONS = {
    "happiness": Rig(
        brow_inner=0.02, brow_outer=0.03, lids=-0.10, squint=0.34, width=0.125, curve=0.175, lower=0.10, boxy=0.15,
        teeth=0.75, jaw=0.03, nod=-2.0, flush=0.55,
    ),
    "sadness": Rig(
        brow_inner=0.14, brow_outer=-0.06, brow_knit=0.035, lids=-0.28, width=-0.02, curve=-0.15, lower=-0.005,
        thin=0.1, nod=7.0,
    ),
    "anger": Rig(
        brow_inner=-0.135, brow_outer=0.05, brow_knit=0.07, lids=-0.16, squint=0.16, width=0.03, curve=-0.04,
        upper=0.045, lower=0.055, boxy=0.9, teeth=1.0, thin=0.3, nod=4.0, flush=0.9,
    ),
    "surprise": Rig(
        brow_inner=0.135, brow_outer=0.16, lids=0.30, width=-0.11, upper=0.095, lower=0.17, boxy=0.85, teeth=0.12,
        jaw=0.14, nod=-4.0,
    ),
    "disgust": Rig(
        brow_inner=-0.08, brow_outer=-0.02, brow_knit=0.03, lids=-0.34, squint=0.28, width=-0.01, curve=-0.09,
        upper=0.055, boxy=0.3, teeth=1.0, sneer=0.085, wrinkle=0.06, nod=-5.0,
    ),
    "fear": Rig(
        brow_inner=0.15, brow_outer=0.05, brow_knit=0.055, lids=0.27, width=0.09, curve=-0.065, upper=0.03,
        lower=0.09, boxy=0.75, teeth=0.35, thin=0.3, jaw=0.06, nod=-3.0, flush=-0.8,
    ),
}  # fmt: skip


def rig(expression: str, intensity: np.ndarray) -> Rig:
    """Where the parts of a face are that shows an expression at this intensity, (t,), 0 .. 1."""
    return Rig(*(intensity * value for value in EXPRESSIONS[expression]))
