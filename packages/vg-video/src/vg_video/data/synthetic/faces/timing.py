"""How a face moves over time: an expression comes and goes, the head sways, the eyes blink."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

BLINK = 1.6  # frames from open to closed
SWAY = 0.618  # ratio of the two waves of which a sway consists: never the same again


class Course(NamedTuple):
    """What a head does, each (t,)."""

    intensity: np.ndarray  # of the expression, 0 .. 1
    lids: np.ndarray  # how open the eyes are: 1, and 0 in a blink
    x: np.ndarray  # of the head, in widths of the frame from its place
    y: np.ndarray
    yaw: np.ndarray  # degrees, to the right of the picture
    pitch: np.ndarray  # degrees, down
    roll: np.ndarray  # degrees, clockwise
    gaze: np.ndarray  # of the eyes, to the right, -1 .. 1


def draw_motion(draw: Callable[[], float]) -> dict[str, float]:
    """Choose how a clip is played.

    `onset`, `apex` and `offset` are frames that the expression takes to come, stays, and takes to go; it begins after
    `rest` frames, and again after each `period`. At its apex it has `strength`.
    """
    motion = {
        "rest": 0.5 + draw(),
        "onset": 3 + 1.5 * draw(),
        "apex": 2.5 + 1.5 * draw(),
        "offset": 3.5 + draw(),
        "period": 17 + 6 * draw(),
        "strength": 0.75 + 0.25 * draw(),
        "blink": 24 * draw(),  # frame of the first one
        "blink_period": 24 + 20 * draw(),
        "x": 0.5 + 0.06 * (draw() - 0.5),
        "y": 0.465 + 0.03 * (draw() - 0.5),
        "size": 0.94 + 0.12 * draw(),
        "sway": 0.5 + 0.5 * draw(),
        "pace": 0.016 + 0.014 * draw(),  # cycles per frame
    }
    return motion | {f"{name}_phase": draw() for name in ("x", "y", "yaw", "pitch", "roll", "gaze")}


def course(motion: Mapping[str, float], frames: int) -> Course:
    """Follow a head over time."""
    time = np.arange(frames, dtype=np.float64)

    def sway(name: str, reach: float) -> np.ndarray:
        cycles = motion["pace"] * time + motion[f"{name}_phase"]
        waves = np.sin(2 * np.pi * cycles) + 0.5 * np.sin(2 * np.pi * (cycles / SWAY + 3 * motion[f"{name}_phase"]))
        return reach * motion["sway"] * waves / 1.5

    since = (time - motion["blink"]) % motion["blink_period"]
    to_blink = np.minimum(since, motion["blink_period"] - since)
    return Course(
        intensity=motion["strength"] * _expression(time, motion),
        lids=_ease((to_blink / BLINK - 0.25).clip(0, 1)),
        x=sway("x", 0.03),
        y=sway("y", 0.015),
        yaw=sway("yaw", 17.0),
        pitch=sway("pitch", 7.0),
        roll=sway("roll", 7.0),
        gaze=sway("gaze", 1.0),
    )


def _expression(time: np.ndarray, motion: Mapping[str, float]) -> np.ndarray:
    """From 0 to 1 in the onset, 1 at the apex, back to 0 in the offset, 0 between."""
    since = np.where(time < motion["rest"], 0, (time - motion["rest"]) % motion["period"])
    rise = (since / motion["onset"]).clip(0, 1)
    fall = ((since - motion["onset"] - motion["apex"]) / motion["offset"]).clip(0, 1)
    return _ease(rise) - _ease(fall)


def _ease(part: np.ndarray) -> np.ndarray:
    """From 0 to 1, without a jolt at either end."""
    return part * part * (3 - 2 * part)
