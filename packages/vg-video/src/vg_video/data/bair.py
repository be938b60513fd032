"""BAIR robot pushing (5.3.1): episodes of 30 steps in TFRecord files, seen by two cameras, with the robot's motion.

The official download is `softmotion30_44k/{train,test}/traj_<first>_to_<last>.tfrecords`. Step t of an episode has the
features `<t>/image_main/encoded` and `<t>/image_aux1/encoded` (plain RGB bytes of 64x64 pixels, despite the name),
`<t>/action` and `<t>/endeffector_pos`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from vg_video.data.tf_example import bytes_feature, float_feature, parse_example
from vg_video.data.tfrecord import find_records, read_record

Camera = Literal["image_aux1", "image_main"]
Reader = Callable[[memoryview], np.ndarray]  # the values of a feature, in a row

STEPS = 30  # of an episode
FRAME = (64, 64, 3)
ACTION_DIM, POSITION_DIM = 4, 3


@dataclass(frozen=True, eq=False)
class RobotMotion:
    """What the robot did in one episode; the numbers are those of the file."""

    actions: np.ndarray  # float32 (30, 4): the command given at each step
    positions: np.ndarray  # float32 (30, 3): where the gripper was


def count_episodes(path: Path | str) -> int:
    """Count the episodes of a file; their data are not read.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and record (from 0), when a record's length is damaged or the file is cut off.
    """
    return len(find_records(path))


def read_episode(path: Path | str, number: int, camera: Camera = "image_aux1") -> np.ndarray:
    """Read the frames of one episode; the record's checksum is verified.

    Args:
        path: a .tfrecords file of the official download.
        number: of the episode in this file, from 0.
        camera: "image_aux1", which most public readers take, or "image_main".
    Returns:
        Frames, uint8 RGB (30, 64, 64, 3).
    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and record, when there is no such episode, or it is damaged, cut off or something else.
    """
    if camera not in get_args(Camera):
        raise ValueError(f"camera={camera!r}; one of {', '.join(get_args(Camera))} is wanted")
    return _read_steps(path, number, [(f"{camera}/encoded", _pixels, FRAME)])[0]


def read_motion(path: Path | str, number: int) -> RobotMotion:
    """Read what the robot did in one episode; arguments and errors as in `read_episode`."""
    actions, positions = _read_steps(
        path, number, [("action", float_feature, (ACTION_DIM,)), ("endeffector_pos", float_feature, (POSITION_DIM,))]
    )
    return RobotMotion(actions, positions)


def _read_steps(path: Path | str, number: int, wanted: list[tuple[str, Reader, tuple[int, ...]]]) -> list[np.ndarray]:
    """Some features of one episode, each (30, ...)."""
    data = read_record(path, number)
    try:
        features = parse_example(data)
        return [np.stack([_value(features, step, *feature) for step in range(STEPS)]) for feature in wanted]
    except ValueError as error:
        raise ValueError(f"{path}: record {number}: {error}") from error


def _value(features: dict[str, memoryview], step: int, name: str, read: Reader, shape: tuple[int, ...]) -> np.ndarray:
    """One feature of one step."""
    name = f"{step}/{name}"
    if name not in features:
        raise ValueError(f"no feature {name!r} among its {len(features)}; an episode has {STEPS} steps of each")
    try:
        values = read(features[name])
    except ValueError as error:
        raise ValueError(f"feature {name!r} {error}") from error
    if values.size != math.prod(shape):
        raise ValueError(f"feature {name!r} holds {values.size} values; {math.prod(shape)} {shape} are wanted")
    return values.reshape(shape)


def _pixels(feature: memoryview) -> np.ndarray:
    """The bytes of a picture, uint8 (n,)."""
    return np.frombuffer(bytes_feature(feature), np.uint8)
