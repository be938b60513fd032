"""Person images as batches of tensors, each image decoded once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vg_reid.data.augment import Augment
from vg_reid.data.layouts import Person
from vg_reid.data.transforms import normalize, read_image, to_pixels
from vg_reid.seeds import seeded

MEMORY_LIMIT = 4 << 30  # bytes; all of MSMT17's training images at 256x128 are 3.2 GB


class PersonImages:
    """Images of persons, resized and normalized for E_id; decoded ones are kept in memory.

    An image is read when it is first asked for. Its pixels are kept as bytes (3 x height x width of them) until
    `memory_limit` is reached; images beyond it are decoded every time.

    Args:
        persons: the images, in the order that indices mean.
        height: pixels.
        width: pixels.
        augment: what may be done to an image, None for nothing.
        memory_limit: bytes of pixels to keep.
    Raises:
        ValueError: if there are no images, or the size is not positive.
    """

    def __init__(
        self,
        persons: Sequence[Person],
        *,
        height: int = 256,
        width: int = 128,
        augment: Augment | None = None,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        if not persons:
            raise ValueError("found no images, wanted at least one person")
        if min(height, width) < 1:
            raise ValueError(f"images of {height}x{width} pixels, wanted at least 1x1")
        self.persons = tuple(persons)
        self.height, self.width = height, width
        self.augment = augment
        self._room = memory_limit // (3 * height * width)
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Number of images."""
        return len(self.persons)

    @property
    def pids(self) -> Tensor:
        """Identities, (n,) int64."""
        return torch.tensor([person.pid for person in self.persons])

    @property
    def camids(self) -> Tensor:
        """Cameras counted from 0, (n,) int64; -1 where it is unknown."""
        return torch.tensor([person.camid for person in self.persons])

    def batch(self, indices: Sequence[int], *, seed: int = 0) -> Tensor:
        """Some of the images.

        Args:
            indices: which, in any order, also several times.
            seed: of the augmentation, which is a function of the seed and of the image's index.
        Returns:
            float32 (b, 3, height, width), normalized with ImageNet's mean and deviation.
        Raises:
            FileNotFoundError: if an image is not there.
            ValueError: if an image cannot be decoded; the message names it.
            IndexError: if an index is out of range.
        """
        images = [self.pixels(index).float() / 255 for index in indices]
        if self.augment is not None:
            images = [self.augment(image, seeded(seed, index)) for image, index in zip(images, indices, strict=True)]
        return normalize(torch.stack(images))

    def pixels(self, index: int) -> Tensor:
        """Bytes of one image without augmentation, uint8 (3, height, width)."""
        if index not in self._kept:
            pixels = to_pixels(read_image(self.persons[index].path), self.height, self.width)
            if len(self._kept) >= self._room:
                return pixels
            self._kept[index] = pixels
        return self._kept[index]
