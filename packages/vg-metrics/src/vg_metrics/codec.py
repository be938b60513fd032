"""Frames of video files; the only file that imports PyAV, the extra `vg-metrics[video]`, and only when it is called."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import av

SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif")

Window = Callable[[int], range | None]  # length of a clip -> its frames to take; None if it is too short


class ShortClipError(ValueError):
    """A clip with fewer frames than are to be taken of it.

    Attributes:
        frames: how many it has.
    """

    def __init__(self, path: Path, frames: int) -> None:
        super().__init__(f"{path}: {frames} frames are too few")
        self.frames = frames


def read_video(path: Path, window: Window) -> np.ndarray:
    """The frames of a video file that a window asks for; the whole file is decoded, as headers may lie on its length.

    Rotation and mirror flags are applied, alpha and sound dropped, pixels left as they are stored.

    Args:
        path: mp4, mov, avi, mkv, webm or gif.
        window: told the number of frames, says which to take. Its start must not move back as that number grows:
            frames before the start of the frames seen so far are not kept.
    Returns:
        uint8 RGB, (t, h, w, 3).
    Raises:
        ValueError: naming the file, if it is damaged, too large or no video, or PyAV is not installed.
        ShortClipError: if the window wants more frames than there are.
    """
    kept: deque[Any] = deque()
    count, dropped = 0, 0
    with _opened(path) as container:
        for frame in _good_frames(path, container):
            kept.append(frame)
            count += 1
            wanted = window(count)
            while kept and wanted is not None and dropped < wanted.start:
                kept.popleft()
                dropped += 1
    wanted = window(count)
    if wanted is None:
        raise ShortClipError(path, count)
    size = kept[0].width, kept[0].height
    return np.stack([_upright(kept[index - dropped], size) for index in wanted])


@contextmanager
def _opened(path: Path) -> "Iterator[av.container.InputContainer]":
    """The file, its video stream checked before anything is decoded."""
    try:
        import av
    except ImportError as error:
        raise ValueError(f"{path}: reading videos wants PyAV: pip install 'vg-metrics[video]'") from error
    try:  # "file:" keeps a name like `a:b.mp4` from being taken for a protocol
        container = av.open(f"file:{path}", metadata_errors="replace")
    except av.FFmpegError as error:
        raise ValueError(f"{path} is a damaged video or none ({error.strerror})") from error
    with container:
        if not container.streams.video:
            raise ValueError(f"{path} is no video: no picture stream in it")
        codec = container.streams.video[0].codec_context
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 2**30)  # where Pillow refuses pictures
        if codec.width * codec.height > limit:
            raise ValueError(f"{path}: frames of {codec.width}x{codec.height}, wanted at most {limit} pixels")
        codec.options = {"max_pixels": str(limit)}  # a size may also change on the way
        yield container


def _good_frames(path: Path, container: "av.container.InputContainer") -> "Iterator[av.VideoFrame]":
    """All frames; ValueError at the first damage."""
    import av

    good = 0
    try:
        for packet in container.demux(container.streams.video[0]):
            if packet.is_corrupt:
                raise ValueError(f"{path} is a damaged video (after {good} good frames)")
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise ValueError(f"{path} is a damaged video (after {good} good frames)")
                good += 1
                yield frame
    except av.FFmpegError as error:
        raise ValueError(f"{path} is a damaged video (after {good} good frames: {error.strerror})") from error
    if not good or _cut_off(path):
        raise ValueError(f"{path} is a damaged video (it ends after {good} good frames)")


def _cut_off(path: Path) -> bool:
    """Whether a gif or a webm ends before it says it does, which FFmpeg passes over."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
        if head == b"GIF8":
            file.seek(max(0, size - 64))
            return not file.read().rstrip(b"\0").endswith(b";")
        if head != b"\x1a\x45\xdf\xa3":  # EBML: webm, mkv
            return False
        file.seek(_ebml_number(file) or 0, 1)
        if file.read(4) != b"\x18\x53\x80\x67":  # segment
            return False
        length = _ebml_number(file)
        return length is not None and file.tell() + length > size


def _ebml_number(file: BinaryIO) -> int | None:
    """A number of 1 to 8 bytes, the first of which tells how many; None for the reserved "unknown"."""
    first = (file.read(1) or b"\0")[0]
    width = 9 - first.bit_length()
    value = int.from_bytes(bytes([first & (0xFF >> width)]) + file.read(width - 1), "big")
    return None if width > 8 or value == (1 << 7 * width) - 1 else value


def _upright(frame: "av.VideoFrame", size: tuple[int, int]) -> np.ndarray:
    """A decoded frame as RGB (h, w, 3) of a size, turned and mirrored as its display matrix says."""
    pixels = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return pixels
    # x' = a x + c y and y' = b x + d y, y down; only quarter turns and mirrors are in use
    a, b, _, c, d = np.frombuffer(matrix, np.int32, count=5)  # type: ignore[call-overload]
    if abs(b) > abs(a):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
