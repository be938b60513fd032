"""How a figure moves: each action gives the joints of a two-dimensional skeleton over time.

Lengths are in body heights, x to the right, y down, the floor at y = 0. Angles are in degrees from hanging straight
down: outwards for a figure seen from the front, forwards (to the right) for one seen from the side.
"""

from collections.abc import Callable
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


def pose(action: str, phase: np.ndarray, size: float) -> Pose:
    """Place the joints of a figure whose pelvis is at x = 0.

    Args:
        action: a key of ACTIONS.
        phase: (t,), in cycles of the action.
        size: of the movement, 1 is the full one.
    Returns:
        The joints; the pelvis is as high as the longer leg lifts it.
    """
    angles, zero = ACTIONS[action](phase, size), np.zeros(len(phase))
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

    hanging = np.zeros((len(phase), 2))
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


def _sine(cycles: np.ndarray) -> np.ndarray:
    """From 0 over 1, 0 and -1 back to 0."""
    return np.sin(2 * np.pi * cycles)


def _pulse(cycles: np.ndarray) -> np.ndarray:
    """From 0 to 1 and back."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * cycles)


def _bend(phase: np.ndarray, size: float) -> Angles:
    depth = _pulse(phase) * size
    arm = 8 + 24 * depth
    leg = -9 * depth
    return Angles(arms=(arm + 5, arm), legs=(leg + 2, leg - 2), knees=(2.0, 2.0), lean=100 * depth, from_side=True)


def _box(phase: np.ndarray, size: float) -> Angles:
    far, near = _pulse(phase) * size, _pulse(phase + 0.5) * size
    return Angles(
        arms=(20 + 68 * far, 20 + 68 * near),
        elbows=(112 - 106 * far, 112 - 106 * near),
        legs=(20.0, -16.0),
        knees=(10.0, 12.0),
        lean=6 + 3 * _sine(2 * phase),
        from_side=True,
    )


def _jump(phase: np.ndarray, size: float) -> Angles:
    crouch, flight = np.maximum(0, _sine(phase)) * size, np.maximum(0, -_sine(phase)) * size
    arm, leg = 14 + 150 * flight, STANCE + 34 * crouch
    return Angles(arms=(arm, arm), legs=(leg, leg), knees=(66 * crouch, 66 * crouch), lift=0.12 * flight)


def _jumping_jack(phase: np.ndarray, size: float) -> Angles:
    opening = _pulse(phase) * size
    arm, leg = 10 + 154 * opening, STANCE + 21 * opening
    return Angles(arms=(arm, arm), legs=(leg, leg), lift=0.04 * np.abs(_sine(phase)))


def _squat(phase: np.ndarray, size: float) -> Angles:
    depth = _pulse(phase) * size
    arm, leg, knee = 7 + 84 * depth, STANCE + 56 * depth, 106 * depth
    return Angles(arms=(arm, arm), legs=(leg, leg), knees=(knee, knee))


def _walk(phase: np.ndarray, size: float) -> Angles:
    swing = 27 * size * _sine(phase)
    far, near = (6 + 50 * size * np.maximum(0, _sine(phase + shift)) ** 2 for shift in (0.2, 0.7))
    return Angles(
        arms=(-0.9 * swing, 0.9 * swing),
        elbows=(18.0, 18.0),
        legs=(swing, -swing),
        knees=(far, near),
        lean=3.0,
        travel=4 * (THIGH + SHIN) * np.sin(np.radians(27 * size)) * phase,  # two steps a cycle
        from_side=True,
    )


def _wave_one_hand(phase: np.ndarray, size: float) -> Angles:
    swing = 48 * size * _sine(phase)
    return Angles(arms=(7.0, 116 + 0.2 * swing), elbows=(7.0, 52 + swing), lean=1.5 * _sine(phase))


def _wave_two_hands(phase: np.ndarray, size: float) -> Angles:
    arm, elbow = 106 + 56 * size * _sine(phase), 12 + 10 * _sine(phase - 0.15)
    return Angles(arms=(arm, arm), elbows=(elbow, elbow))


ACTIONS: dict[str, Callable[[np.ndarray, float], Angles]] = {
    "bend": _bend,
    "box": _box,
    "jump": _jump,
    "jumping_jack": _jumping_jack,
    "squat": _squat,
    "walk": _walk,
    "wave_one_hand": _wave_one_hand,
    "wave_two_hands": _wave_two_hands,
}
