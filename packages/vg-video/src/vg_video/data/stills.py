"""Still pictures as videos: folders of frames and horizontal strips."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vg_video.data.containers import is_image
from vg_video.data.files import write_atomically
from vg_video.data.limits import check_pixels

# What Pillow was seen to raise on damaged pictures.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, Image.DecompressionBombError)


def natural_key(name: str) -> tuple:
    """Sort key under which `frame10` comes after `frame9`."""
    parts = re.split(r"(\d+)", name)
    return tuple(int(part) if i % 2 else part.lower() for i, part in enumerate(parts)), name


def frame_files(folder: Path) -> list[Path]:
    """List the pictures of a folder of frames in natural order of their names; hidden files are left out."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted((path for path in files if is_image(path)), key=lambda path: natural_key(path.name))


def image_size(path: Path) -> tuple[int, int]:
    """Tell (width, height) as a viewer shows the picture, EXIF orientation applied, without decoding it.

    Raises:
        ValueError: when its header is damaged.
    """
    with _opened(path) as image:
        width, height = image.size
        try:
            turned = image.getexif().get(0x0112, 1) >= 5  # the four EXIF orientations that swap the axes
        except _DAMAGE as error:
            raise ValueError(f"{path}: damaged picture ({error})") from error
    return (height, width) if turned else (width, height)


def read_image(path: Path | str) -> np.ndarray:
    """Read a picture as uint8 RGB (h, w, 3): EXIF orientation applied, palette looked up, alpha dropped.

    Raises:
        ValueError: when it is damaged or too large.
    """
    path = Path(path)
    with _opened(path) as image:
        check_pixels(path, *image.size)
        try:
            return np.asarray(ImageOps.exif_transpose(_eight_bits(image)).convert("RGB"))
        except _DAMAGE as error:
            raise ValueError(f"{path}: damaged picture ({error})") from error


def stream_frames(folder: Path | str) -> Iterator[np.ndarray]:
    """Yield the frames (h, w, 3) of a folder of equally large pictures, in natural order of their names.

    Raises:
        ValueError: when there is none, when one is damaged, or when one has another size than the first.
    """
    folder = Path(folder)
    files = frame_files(folder)
    if not files:
        raise ValueError(f"{folder}: no picture in it; a folder of frames is wanted")
    size = None
    for index, path in enumerate(files):
        frame = read_image(path)
        size = size or frame.shape
        if frame.shape != size:
            found, wanted = (f"{shape[1]}x{shape[0]}" for shape in (frame.shape, size))
            raise ValueError(f"{path}: frame {index} is {found}, the first one is {wanted}")
        yield frame


def strip_length(width: int, height: int) -> int:
    """Tell how many square frames a picture of this size holds side by side; 0 when it is no strip."""
    return width // height if width % height == 0 and width >= 2 * height else 0


def read_strip(path: Path | str) -> np.ndarray:
    """Read a horizontal strip of square frames as uint8 RGB (t, h, h, 3).

    Raises:
        ValueError: when it is damaged, too large, or its width is not a multiple (two or more) of its height.
    """
    strip = read_image(path)
    height, width = strip.shape[:2]
    length = strip_length(width, height)
    if not length:
        raise ValueError(f"{path}: {width}x{height} is no strip; the width must be 2, 3, ... times the height")
    return np.ascontiguousarray(strip.reshape(height, length, height, 3).swapaxes(0, 1))


def encode_strip(frames: np.ndarray) -> bytes:
    """Write frames (t, h, w, 3) side by side as one PNG, without loss."""
    t, h, w, _ = frames.shape
    buffer = io.BytesIO()
    Image.fromarray(frames.swapaxes(0, 1).reshape(h, t * w, 3)).save(buffer, "png")
    return buffer.getvalue()


def write_strip(path: Path | str, frames: np.ndarray) -> None:
    """Write uint8 RGB frames (t, h, w, 3) as a horizontal PNG strip, atomically."""
    write_atomically(path, encode_strip(frames))


def _opened(path: Path) -> Image.Image:
    """The picture with its header read; its pixels are not decoded yet."""
    try:
        return Image.open(path)
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        reason = "too large" if isinstance(error, Image.DecompressionBombError) else "not a picture that can be read"
        raise ValueError(f"{path}: {reason} ({error})") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen-bit gray pictures scaled to eight bits; the others as they are."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
