"""The square crop that HMR and SPIN look at, and the weak camera that they answer with."""

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vg_reid.data.transforms import to_rgb

SIZE = 224  # pixels of a side
FOCAL = 5000.0  # pixels: the focal length that stands for a camera far away
UNIT = 200.0  # pixels: a box of this side has scale 1


class WeakCamera(NamedTuple):
    """A camera without perspective: a point (x, y) of the body is seen at scale * (x + self.x, y + self.y).

    Places in the photo are counted from the middle of its square box, y up, in halves of the box's side.
    """

    scale: float
    x: float
    y: float


class Box(NamedTuple):
    """A square in the pixels of a photo; it may reach over the photo's edges."""

    left: int
    top: int
    side: int

    @property
    def scale(self) -> float:
        """The side as HMR and SPIN count it."""
        return self.side / UNIT


def square_box(width: int, height: int) -> Box:
    """Return the box around the middle of a photo whose side is the photo's longer one.

    A side of an odd number of pixels is kept whole; the published crop loses its last row.
    """
    side = max(width, height)
    return Box(width // 2 - side // 2, height // 2 - side // 2, side)


def square_crop(image: Image.Image, size: int = SIZE) -> Tensor:
    """Cut out the square box of a photo, black outside of the photo, and scale it (bilinear, antialiased).

    Args:
        image: a crop around one person, of any size and mode.
        size: pixels of a side of the result.
    Returns:
        (3, size, size) in [0, 1], RGB.
    """
    box = square_box(image.width, image.height)
    square = Image.new("RGB", (box.side, box.side))
    square.paste(to_rgb(image), (-box.left, -box.top))
    pixels = np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels.transpose(2, 0, 1) / np.float32(255))


def perspective_translation(camera: WeakCamera, size: int = SIZE, focal: float = FOCAL) -> tuple[float, float, float]:
    """Return where a body stands before a perspective camera that sees it as the weak one does.

    Args:
        camera: the weak camera; its scale must be positive.
        size: pixels of a side of the picture.
        focal: the focal length in pixels.
    Returns:
        Meters along x, y and away from the camera: (x, y, 2 focal / (size scale)).
    Raises:
        ValueError: if the scale is not positive.
    """
    if not camera.scale > 0:
        raise ValueError(f"a camera of scale {camera.scale}, wanted a positive one")
    return camera.x, camera.y, 2 * focal / (size * camera.scale)


def project(vertices: Tensor, camera: WeakCamera) -> Tensor:
    """Return where vertices (v, 3) are seen: (v, 2), from the middle of the box, y up, in halves of its side."""
    return camera.scale * (vertices[:, :2] + vertices.new_tensor([camera.x, camera.y]))
