"""How a figure moves: the ten actions of Weizmann, each as angles of the joints over time.

An action is a function of the phase, (t,), in cycles, and of the size of the movement; 1 is the full one.
"""

from collections.abc import Callable

import numpy as np

from vg_video.data.synthetic.actions.skeleton import SHIN, STANCE, THIGH, Angles

CROUCH = 0.5  # share of a jump that is spent on the floor


def _sine(cycles: np.ndarray) -> np.ndarray:
    """From 0 over 1, 0 and -1 back to 0."""
    return np.sin(2 * np.pi * cycles)


def _pulse(cycles: np.ndarray) -> np.ndarray:
    """From 0 to 1 and back."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * cycles)


def _hop(cycles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How deep a jumper crouches and how high he flies, 0 .. 1, and how many jumps lie behind him."""
    part = cycles % 1
    crouch = _pulse((part / CROUCH).clip(0, 1))
    air = ((part - CROUCH) / (1 - CROUCH)).clip(0, 1)
    return crouch, 4 * air * (1 - air), np.floor(cycles) + air


def _bend(phase: np.ndarray, size: float) -> Angles:
    depth = _pulse(phase) * size
    arm = 8 + 24 * depth
    leg = -9 * depth
    return Angles(arms=(arm + 5, arm), legs=(leg + 2, leg - 2), knees=(2.0, 2.0), lean=100 * depth, from_side=True)


def _jack(phase: np.ndarray, size: float) -> Angles:
    opening = _pulse(phase) * size
    arm, leg = 10 + 154 * opening, STANCE + 21 * opening
    return Angles(arms=(arm, arm), legs=(leg, leg), lift=0.04 * np.abs(_sine(phase)))


def _jump(phase: np.ndarray, size: float) -> Angles:
    crouch, flight, jumps = _hop(phase)
    arm = 10 - 45 * crouch * size + 75 * flight * size
    leg, knee = 6 + 44 * crouch * size + 20 * flight, 4 + 84 * crouch * size + 34 * flight
    return Angles(
        arms=(arm + 6, arm),
        elbows=(14.0, 14.0),
        legs=(leg + 3, leg),
        knees=(knee, knee),
        lean=4 + 24 * crouch * size,
        lift=0.10 * size * flight,
        travel=0.55 * size * jumps,
        from_side=True,
    )


def _jump_in_place(phase: np.ndarray, size: float) -> Angles:
    crouch, flight, _ = _hop(phase)
    arm, leg, knee = 12 + 30 * flight * size, STANCE + 32 * crouch * size, 62 * crouch * size
    return Angles(arms=(arm, arm), legs=(leg, leg), knees=(knee, knee), lift=0.13 * size * flight)


def _run(phase: np.ndarray, size: float) -> Angles:
    phase = 1.5 * phase
    swing = 42 * size * _sine(phase)
    far, near = (14 + 88 * size * np.maximum(0, _sine(phase + shift)) ** 2 for shift in (0.14, 0.64))
    return Angles(
        arms=(-1.1 * swing, 1.1 * swing),
        elbows=(88.0, 88.0),
        legs=(8 + swing, 8 - swing),
        knees=(far, near),
        lean=11.0,
        lift=0.035 * size * np.abs(_sine(phase)),
        travel=0.75 * size * phase,
        from_side=True,
    )


def _side(phase: np.ndarray, size: float) -> Angles:
    opening = _pulse(phase)
    arm, leg = 16 + 14 * opening * size, STANCE + 24 * opening * size
    together = 0.035 * np.maximum(0, _sine(phase + 0.5))
    return Angles(arms=(arm, arm), legs=(leg, leg), lift=together, travel=0.7 * size * phase)


def _skip(phase: np.ndarray, size: float) -> Angles:
    crouch, flight, hops = _hop(phase)
    arm = 34 * size * (flight - crouch)
    return Angles(
        arms=(arm, 12 - arm),
        elbows=(38.0, 38.0),
        legs=(24 - 14 * flight * size, 4 + 26 * crouch * size + 6 * flight),
        knees=(96.0, 4 + 50 * crouch * size + 10 * flight),
        lean=7.0,
        lift=0.075 * size * flight,
        travel=0.45 * size * hops,
        from_side=True,
    )


def _walk(phase: np.ndarray, size: float) -> Angles:
    phase = 0.75 * phase
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
    "jack": _jack,
    "jump": _jump,
    "pjump": _jump_in_place,
    "run": _run,
    "side": _side,
    "skip": _skip,
    "walk": _walk,
    "wave1": _wave_one_hand,
    "wave2": _wave_two_hands,
}
