"""Several views of an image: random augmentations, or CamStyle's transfers to the styles of the other cameras."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vg_reid.data.augment import Augment
from vg_reid.data.images import PersonImages
from vg_reid.data.layouts import Person
from vg_reid.seeds import seeded


@dataclass(frozen=True)
class Styles:
    """Images of persons in the style of each camera (CamStyle); the own camera's is the photo itself."""

    images: PersonImages
    """The n photos, then their transfers."""
    places: Tensor
    """(n, cameras) int64: where in `images` a photo in the style of a camera is."""


def read_styles(
    persons: Sequence[Person],
    folder: Path,
    *,
    height: int = 256,
    width: int = 128,
    augment: Augment | None = None,
) -> Styles:
    """Find CamStyle's transfers, `<stem>_fake_<a>to<b>.jpg` for a photo of camera a, cameras counted from 1.

    Args:
        persons: the photos.
        folder: where the transfers are; it may be that of the photos.
        height: pixels.
        width: pixels.
        augment: what may be done to an image.
    Raises:
        ValueError: if a camera is unknown, or there is only one.
        FileNotFoundError: if transfers are missing; the first is named.
    """
    if unknown := [person for person in persons if person.camid < 0]:
        raise ValueError(f"{unknown[0].path} has no camera, wanted one for each of the {len(persons)} images")
    cameras = sorted({person.camid for person in persons})
    if len(cameras) < 2:
        raise ValueError(f"found {len(cameras)} cameras, wanted at least 2 to transfer between")
    everything, places = list(persons), torch.empty(len(persons), len(cameras), dtype=torch.int64)
    for index, person in enumerate(persons):
        for column, camera in enumerate(cameras):
            places[index, column] = index if camera == person.camid else len(everything)
            if camera != person.camid:
                name = f"{person.path.stem}_fake_{person.camid + 1}to{camera + 1}.jpg"
                everything.append(Person(folder / name, person.pid, camera))
    if missing := [person.path for person in everything if not person.path.is_file()]:
        raise FileNotFoundError(
            f"{missing[0]} is missing, one of {len(missing)}: wanted all photos and their transfers"
        )
    return Styles(PersonImages(everything, height=height, width=width, augment=augment), places)


def draw_views(
    images: PersonImages, indices: Sequence[int], count: int, key: tuple[int, ...], styles: Styles | None = None
) -> Tensor:
    """Draw several views of each image.

    Args:
        images: the photos, with the augmentation that makes their views differ.
        indices: which of them.
        count: views of each; with styles each is that of another camera.
        key: what all draws are a function of, beside the image: seed, step.
        styles: their transfers; without them all views are augmentations of the photo.
    Returns:
        (b, count, 3, h, w), ImageNet-normalized.
    Raises:
        ValueError: if there are more views than cameras.
    """
    chosen = torch.tensor(indices)[:, None].expand(-1, count)
    source = images
    if styles is not None:
        cameras = styles.places.shape[1]
        if count > cameras:
            raise ValueError(f"views={count}, wanted at most the {cameras} cameras that there are styles of")
        drawn = [torch.randperm(cameras, generator=seeded(*key, index))[:count] for index in indices]
        chosen = styles.places[torch.tensor(indices)].gather(1, torch.stack(drawn))
        source = styles.images
    views = [source.batch(chosen[:, view].tolist(), seed=number(*key, view)) for view in range(count)]
    return torch.stack(views, 1)


def number(*key: int) -> int:
    """One number, 0 or more, that is a function of the key: a seed for what takes one number only."""
    return int(torch.randint(1 << 62, (), generator=seeded(*key)))
