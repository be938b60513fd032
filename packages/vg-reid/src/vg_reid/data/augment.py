"""Traditional data augmentation, TDA of table 6.3: random flipping, cropping, jittering and erasing."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from vg_reid.data.transforms import IMAGENET_MEAN

GREY = (0.299, 0.587, 0.114)  # share of red, green and blue in what the eye takes for light


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What may be done to one image; each kind can be turned off.

    The thesis (6.4.3) names the four kinds only. Their strengths are those that re-identification has in common: the
    crop moves the image by up to 10 pixels of 256, jitter changes light, contrast and saturation by up to a fifth, and
    every second image has a rectangle of 2 to 20 % of its area erased to ImageNet's mean.
    """

    flip: bool = True
    """Mirror every second image."""
    crop: bool = True
    """Move the image; what comes in at its border is black."""
    jitter: bool = True
    """Change brightness, contrast and saturation."""
    erasing: bool = True
    """Erase a rectangle."""

    def __call__(self, image: Tensor, generator: Generator) -> Tensor:
        """Augment one image.

        Args:
            image: (3, h, w) in [0, 1]; it is not changed.
            generator: source of all draws, on the CPU.
        Returns:
            (3, h, w) in [0, 1].
        """
        if self.flip and _uniform(generator) < 0.5:
            image = image.flip(-1)
        if self.crop:
            image = shift(image, generator)
        if self.jitter:
            image = jitter(image, generator)
        if self.erasing and _uniform(generator) < 0.5:
            image = erase(image, generator)
        return image


def shift(image: Tensor, generator: Generator, *, share: float = 10 / 256) -> Tensor:
    """Cut an image of the same size out of the image with a black border of `share` of its height."""
    h, w = image.shape[-2:]
    border = round(share * h)
    top, left = torch.randint(2 * border + 1, (2,), generator=generator).tolist()
    return F.pad(image, (border, border, border, border))[:, top : top + h, left : left + w]


def jitter(image: Tensor, generator: Generator, *, strength: float = 0.2) -> Tensor:
    """Change brightness, then contrast, then saturation by factors of [1 - strength, 1 + strength]."""
    brightness, contrast, saturation = (1 + strength * (2 * torch.rand(3, generator=generator) - 1)).tolist()
    image = (image * brightness).clamp(0, 1)
    mean = _grey(image).mean()
    image = (mean + contrast * (image - mean)).clamp(0, 1)
    grey = _grey(image)
    return (grey + saturation * (image - grey)).clamp(0, 1)


def erase(
    image: Tensor,
    generator: Generator,
    *,
    area: tuple[float, float] = (0.02, 0.2),
    aspect: tuple[float, float] = (0.3, 10 / 3),
) -> Tensor:
    """Fill a random rectangle with ImageNet's mean.

    Args:
        image: (3, h, w) in [0, 1].
        generator: source of all draws.
        area: range of the rectangle's share of the image.
        aspect: range of its height over its width, drawn on a log scale; a side longer than the image's is cut.
    """
    h, w = image.shape[-2:]
    pixels = h * w * _uniform(generator, *area)
    ratio = aspect[0] * (aspect[1] / aspect[0]) ** _uniform(generator)
    rows = min(h, max(1, round((pixels * ratio) ** 0.5)))
    columns = min(w, max(1, round((pixels / ratio) ** 0.5)))
    top = int(_uniform(generator) * (h - rows + 1))
    left = int(_uniform(generator) * (w - columns + 1))
    image = image.clone()
    image[:, top : top + rows, left : left + columns] = image.new_tensor(IMAGENET_MEAN).view(3, 1, 1)
    return image


def _uniform(generator: Generator, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


def _grey(image: Tensor) -> Tensor:
    """Light of each pixel, (1, h, w)."""
    return (image * image.new_tensor(GREY).view(3, 1, 1)).sum(0, keepdim=True)
