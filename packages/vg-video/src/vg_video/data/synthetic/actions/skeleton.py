"""The two-dimensional skeleton of a figure: angles over time become joints.

Lengths are in body heights, x to the right, y down, the floor at y = 0. Angles are in degrees from hanging straight
down: outwards for a figure seen from the front, forwards (to the right) for one seen from the side.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

THIGH, SHIN, ANKLE = 0.245, 0.235, 0.022  # the ankle's height over the floor
TORSO, NECK, HEAD = 0.30, 0.04, 0.155
UPPER_ARM, FOREARM = 0.165, 0.15
SHOULDERS, HIPS = 0.10, 0.055  # half widths, seen from the front
STANCE = 4.0  # degrees from a leg to the vertical

Angle = np.ndarray | float
Pair = tuple[Angle, Angle]  # of the two arms or legs: left and right of the picture, or the far and the near one


class Limb(NamedTuple):
    """The joints of an arm or a leg, each (t, 2)."""

    root: np.ndarray  # shoulder or hip
    middle: np.ndarray  # elbow or knee
    end: np.ndarray  # hand or ankle


class Pose(NamedTuple):
    """Where the joints are over time; points are (t, 2)."""

    arms: tuple[Limb, Limb]
    legs: tuple[Limb, Limb]
    pelvis: np.ndarray
    chest: np.ndarray  # between the shoulders
    head: np.ndarray  # its center
    lift: np.ndarray  # of the feet over the floor, (t,)
    travel: np.ndarray  # along the floor, (t,); not yet added to the joints
    from_side: bool

    @property
    def travels(self) -> bool:
        """Whether the figure leaves its place."""
        return bool(np.ptp(self.travel))


@dataclass
class Angles:
    """What an action sets, each value over time (t,) or constant."""

    arms: Pair = (7.0, 7.0)
    elbows: Pair = (7.0, 7.0)  # bent forwards, added to the arm
    legs: Pair = (STANCE, STANCE)
    knees: Pair = (0.0, 0.0)  # bent backwards, taken from the leg
    lean: Angle = 0.0  # of the torso, to the right
    lift: Angle = 0.0  # of the feet over the floor, in body heights
    travel: Angle = 0.0  # along the floor, in body heights
    from_side: bool = False


def pose(angles: Angles, frames: int) -> Pose:
    """Place the joints of a figure whose pelvis is at x = 0, as high as the longer leg and the lift bring it."""
    zero = np.zeros(frames)
    signs = (1, 1) if angles.from_side else (-1, 1)
    across = (0.1, -0.1) if angles.from_side else (-1, 1)  # shoulders and hips, seen from the side, all but coincide

    def limb(side: int, center: np.ndarray, width: float, angle: Angle, bend: Angle, lengths: tuple) -> Limb:
        root = center + np.array([width * across[side], 0])
        middle = root + lengths[0] * _direction(zero + angle, signs[side])
        return Limb(root, middle, middle + lengths[1] * _direction(zero + angle + bend, signs[side]))

    def leg(side: int, pelvis: np.ndarray) -> Limb:
        return limb(side, pelvis, HIPS, angles.legs[side], -angles.knees[side], (THIGH, SHIN))

    def arm(side: int, shoulders: np.ndarray) -> Limb:
        return limb(side, shoulders, SHOULDERS, angles.arms[side], angles.elbows[side], (UPPER_ARM, FOREARM))

    hanging = np.zeros((frames, 2))
    reach = np.maximum(leg(0, hanging).end[:, 1], leg(1, hanging).end[:, 1])
    pelvis = np.stack([zero, -(reach + ANKLE + angles.lift)], -1)
    spine = -_direction(zero - angles.lean, 1)
    chest = pelvis + TORSO * spine
    shoulders = chest - 0.03 * spine
    return Pose(
        arms=(arm(0, shoulders), arm(1, shoulders)),
        legs=(leg(0, pelvis), leg(1, pelvis)),
        pelvis=pelvis,
        chest=chest,
        head=chest + (NECK + HEAD / 2) * spine,
        lift=zero + angles.lift,
        travel=zero + angles.travel,
        from_side=angles.from_side,
    )


def _direction(degrees: np.ndarray, sign: int) -> np.ndarray:
    """The unit vectors (t, 2) at these angles from straight down."""
    radians = np.radians(degrees)
    return np.stack([sign * np.sin(radians), np.cos(radians)], -1)
