"""One face through a video: its box in every frame, and the smooth path of square crops around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from vg_layers.configs import check_at_least, check_one_of

LEAST_OVERLAP = 0.2  # intersection over union from which a box goes on with a face seen before
GROWTH, LARGEST_GROWTH = 0.25, 2.0  # of both boxes before they are compared: for each missed frame, and in all


@dataclass(frozen=True, kw_only=True)
class FaceCropConfig:
    """How faces are cropped (3.4.1: in each frame)."""

    resolution: int = 128  # pixels, height and width of the crops
    box: Literal["smooth", "clip"] = "smooth"  # the crop follows the face, smoothly; or one box for the whole clip
    smoothing: float = 4.0  # frames, standard deviation of the Gaussian that smooths the boxes over time; 0: none
    margin: float = 0.2  # added on each of the four sides, as a share of the face's longer side
    border: Literal["clamp", "pad"] = "clamp"  # a crop that reaches over the border is moved inside; or edges repeat
    least_seen: float = 0.5  # share of the frames in which the face must have been found

    def __post_init__(self) -> None:
        check_at_least(self, 8, "resolution")
        check_at_least(self, 0, "smoothing")
        check_one_of(self, "box", "smooth", "clip")
        check_one_of(self, "border", "clamp", "pad")
        for name in ("margin", "least_seen"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)}, wanted 0 .. 1")


def follow_face(found: Sequence[np.ndarray]) -> np.ndarray:
    """Pick one face out of all that were found in a video, and follow it.

    In each frame, boxes are given to the faces seen before by the largest overlap (intersection over union with the
    face's last box, at least 0.2); a box left over is a new face. A face that was missed for some frames may have moved
    on, so both boxes first grow about their centers: by a quarter for each missed frame, to the double at most. The
    face with the largest area, summed over the frames, is the one.

    Args:
        found: for each frame, boxes (n, 4) as left, top, right, bottom.
    Returns:
        The face's box in each frame, float64 (t, 4); NaN where it was not found, everywhere when no face was.
    """
    faces: list[dict[int, np.ndarray]] = []  # for each face its boxes by frame, the last one last
    for frame, boxes in enumerate(found):
        overlaps = np.array([_overlaps(face, frame, boxes) for face in faces]).reshape(len(faces), len(boxes))
        free = set(range(len(boxes)))
        while overlaps.size and overlaps.max() >= LEAST_OVERLAP:
            face, box = np.unravel_index(overlaps.argmax(), overlaps.shape)
            faces[face][frame] = boxes[box]
            overlaps[face], overlaps[:, box] = -1, -1
            free.remove(int(box))
        faces += [{frame: boxes[box]} for box in sorted(free)]
    path = np.full((len(found), 4), np.nan)
    if faces:
        chosen = max(faces, key=lambda face: _areas(np.stack(list(face.values()))).sum())
        path[list(chosen)] = list(chosen.values())
    return path


def square_path(boxes: np.ndarray, height: int, width: int, config: FaceCropConfig) -> np.ndarray:
    """Turn the boxes of a face into square crops.

    Gaps are filled on straight lines, before the first and after the last box that one is held; then each of the
    four edges is smoothed by a Gaussian, its weights normalized over the frames that there are. box="clip" takes the
    smallest box around all of the smoothed ones. The square has the center of the box and its longer side, plus the
    margin; border="clamp" makes it no larger than the frame and moves it inside.

    Args:
        boxes: (t, 4) as left, top, right, bottom; NaN where there is none, but not everywhere.
        height: of the frames.
        width: of the frames.
        config: how to crop.
    Returns:
        Left, top and side of the square in each frame, in pixels, float64 (t, 3).
    """
    frames, seen = np.arange(len(boxes)), ~np.isnan(boxes[:, 0])
    filled = [np.interp(frames, frames[seen], edge[seen]) for edge in boxes.T]
    left, top, right, bottom = (_smoothed(edge, config.smoothing) for edge in filled)
    if config.box == "clip":
        left, top = np.full_like(left, left.min()), np.full_like(top, top.min())
        right, bottom = np.full_like(right, right.max()), np.full_like(bottom, bottom.max())
    x, y = (left + right) / 2, (top + bottom) / 2
    side = np.maximum(right - left, bottom - top) * (1 + 2 * config.margin)
    if config.border == "clamp":
        side = np.minimum(side, min(height, width))
        x, y = np.clip(x, side / 2, width - side / 2), np.clip(y, side / 2, height - side / 2)
    return np.stack([x - side / 2, y - side / 2, side], axis=1)


def _smoothed(values: np.ndarray, deviation: float) -> np.ndarray:
    """Values over time (t,), each the mean of its neighbors with Gaussian weights, up to 3 deviations away."""
    reach = int(np.ceil(min(3 * deviation, len(values))))
    if not reach:
        return values
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    inside = slice(reach, reach + len(values))
    return np.convolve(values, weights)[inside] / np.convolve(np.ones_like(values), weights)[inside]


def _overlaps(face: dict[int, np.ndarray], frame: int, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a face's last box with each of (n, 4), all grown by the frames that it was missed."""
    last = max(face)
    growth = min(1 + GROWTH * (frame - last - 1), LARGEST_GROWTH)
    box, boxes = _grown(face[last][None], growth), _grown(boxes, growth)
    shared = _areas(
        np.concatenate([np.maximum(box[:, :2], boxes[:, :2]), np.minimum(box[:, 2:], boxes[:, 2:])], axis=1)
    )
    return shared / np.maximum(_areas(box) + _areas(boxes) - shared, 1e-9)


def _grown(boxes: np.ndarray, factor: float) -> np.ndarray:
    """Boxes (n, 4) made larger about their centers."""
    reach = (boxes[:, 2:] - boxes[:, :2]) * (factor - 1) / 2
    return boxes + np.concatenate([-reach, reach], axis=1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    """Areas of boxes (n, 4); an empty one has none."""
    return (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1)
