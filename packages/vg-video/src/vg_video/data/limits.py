"""How large a picture or a video may become in memory: a small file can unpack to terabytes."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

MAX_PIXELS = 2**26  # of one picture: 8192 x 8192, twice an 8K frame, and a strip of 1024 frames of 256 x 256
MAX_BYTES = 2**32  # of one video, decoded: 4 GiB, about 11 minutes of 640 x 360 at 10 frames per second


def check_pixels(path: Path, width: int, height: int) -> None:
    """Refuse a picture, before it is decoded, of more than MAX_PIXELS pixels (ValueError)."""
    if width * height > MAX_PIXELS:
        raise ValueError(f"{path}: {width}x{height} pixels; at most {MAX_PIXELS} pixels are decoded")


def stack_frames(path: Path, frames: Iterable[np.ndarray]) -> np.ndarray:
    """Join frames (h, w, 3) to (t, h, w, 3), or stop as soon as they pass MAX_BYTES (ValueError)."""
    kept: list[np.ndarray] = []
    size = 0
    for frame in frames:
        size += frame.nbytes
        if size > MAX_BYTES:
            raise ValueError(f"{path}: more than {MAX_BYTES} bytes when decoded (frame {len(kept)}): cut it into parts")
        kept.append(frame)
    return np.stack(kept)
