"""From an image file to the tensor that E_id reads."""

import struct
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MAX_PIXELS = 50_000_000  # a decoded photo of 150 MB; larger ones are refused before decoding

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def read_image(path: Path) -> Image.Image:
    """Decode a file to an RGB image, turned upright as its EXIF tag says; grey, CMYK and 16-bit images are converted.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, no image, larger than 50 million pixels, or of floating-point numbers; the
            message names the file.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels, wanted at most {MAX_PIXELS}")
            return to_rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise ValueError(f"{path} is not a readable image: {error}") from None


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any PIL mode to RGB: 16-bit grey is scaled to 8 bits, which PIL would clip; what is clear becomes white.

    Raises:
        ValueError: if pixels are floating-point numbers, whose range nobody tells.
    """
    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers, wanted 8 or 16 bits")
    if image.mode.startswith("I"):
        grey = np.clip(np.asarray(image, dtype=np.int64) // 257, 0, 255)
        image = Image.fromarray(grey.astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def to_pixels(image: Image.Image, height: int, width: int) -> Tensor:
    """Resize bicubically, as for all nets of chapter 6: uint8 (3, height, width)."""
    resized = to_rgb(image).resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(resized).transpose(2, 0, 1).copy())


def normalize(images: Tensor) -> Tensor:
    """Normalize images in [0, 1], (..., 3, h, w), with ImageNet's mean and deviation."""
    mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std


def to_tensor(image: Image.Image, height: int, width: int) -> Tensor:
    """Resize an image and normalize it: float32 (3, height, width)."""
    return normalize(to_pixels(image, height, width).float() / 255)
