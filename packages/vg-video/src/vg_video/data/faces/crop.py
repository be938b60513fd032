"""A video becomes the video of its face (3.4.1)."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from vg_video.data.faces.detector import FaceDetector
from vg_video.data.faces.track import FaceCropConfig, follow_face, square_path
from vg_video.data.folder import VideoSource
from vg_video.data.limits import stack_frames


class NoFaceError(ValueError):
    """A sound video in which no face, or none for long enough, was found."""


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """The face of one video."""

    frames: np.ndarray  # uint8 RGB (t, resolution, resolution, 3)
    squares: np.ndarray  # float64 (t, 3): left, top and side of the crops in the video, in pixels
    seen: np.ndarray  # bool (t,): whether the face was found in the frame
    faces: int  # the most that were found in one frame


def crop_face(video: VideoSource, detector: FaceDetector, config: FaceCropConfig | None = None) -> FaceCrop:
    """Find the face of a video, follow it and crop it out of every frame.

    The video is decoded twice, one frame at a time, so that long and large ones need little memory. When there are
    several faces, `follow_face` tells which is taken.

    Args:
        video: as `scan_folder` finds it.
        detector: finds the faces of a frame; `YuNet`, or one's own.
        config: how to crop.
    Raises:
        NoFaceError: naming the video, when the face was found in none of its frames or in too few.
        ValueError: naming the video, when it is damaged.
    """
    config = config or FaceCropConfig()
    found, height, width = [], 0, 0
    for frame in video.frames():
        height, width = frame.shape[:2]
        found.append(detector.detect(frame))
    boxes = follow_face(found)
    seen = ~np.isnan(boxes[:, 0])
    if not seen.any():
        raise NoFaceError(f"{video.path}: no face in its {len(seen)} frames")
    if seen.mean() < config.least_seen:
        raise NoFaceError(
            f"{video.path}: a face in only {seen.sum()} of its {len(seen)} frames; "
            f"{config.least_seen:.0%} are wanted (least_seen)"
        )
    squares = square_path(boxes, height, width, config)
    pairs = zip(video.frames(), squares, strict=True)
    crops = (crop_square(frame, square, config.resolution) for frame, square in pairs)
    return FaceCrop(stack_frames(video.path, crops), squares, seen, max(map(len, found)))


def crop_square(frame: np.ndarray, square: np.ndarray, resolution: int) -> np.ndarray:
    """Cut a square out of a frame, to fractions of a pixel, and scale it, antialiased.

    Where the square reaches over the border of the frame, the pixels of the border are repeated.

    Args:
        frame: uint8 (h, w, 3).
        square: left, top and side in pixels, (3,).
        resolution: height and width of the crop.
    Returns:
        The crop, (resolution, resolution, 3).
    """
    height, width = frame.shape[:2]
    left, top, side = square.tolist()
    over = int(np.ceil(max(0.0, -left, -top, left + side - width, top + side - height)))
    if over:
        frame = np.pad(frame, [(over, over), (over, over), (0, 0)], mode="edge")
    box = (left + over, top + over, left + over + side, top + over + side)
    return np.asarray(Image.fromarray(frame).resize((resolution, resolution), Image.Resampling.BICUBIC, box))
