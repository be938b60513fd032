"""Sheets of generated views: a person from all sides (figures 6.3, 6.8 to 6.10), models side by side (figure 6.4)."""

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from vg_reid.data.transforms import IMAGENET_MEAN, IMAGENET_STD

GAP, CAPTION, LABEL = 4, 18, 96  # pixels between pictures, of the line above them, of the names on their left
PAPER, INK = "white", "#202020"

Tile = Image.Image | None


def denormalize(images: Tensor) -> Tensor:
    """Undo the normalization with ImageNet's mean and deviation; what is then outside [0, 1] is cut off.

    Args:
        images: (..., 3, h, w), as the nets of 6.4.2 read and write them.
    Returns:
        The same shape, in [0, 1].
    """
    mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images * std + mean).clamp(0, 1)


def to_picture(image: Tensor) -> Image.Image:
    """Turn a normalized image (3, h, w) into a picture."""
    return _picture(denormalize(image))


def projection_picture(mesh: Tensor) -> Image.Image:
    """Turn a projection (1, h, w) in [-1, 1] into a picture."""
    return _picture(((mesh + 1) / 2).clamp(0, 1).expand(3, -1, -1))


def grid(rows: Sequence[Sequence[Tile]], *, columns: Sequence[str] = (), names: Sequence[str] = ()) -> Image.Image:
    """Lay pictures of one size out in rows.

    Args:
        rows: the pictures; None leaves a place free.
        columns: a word above each column, or none at all.
        names: words on the left of each row, or none at all.
    Raises:
        ValueError: if there is no picture.
    """
    tiles = [tile for row in rows for tile in row if tile is not None]
    if not tiles:
        raise ValueError("no pictures to lay out, wanted at least one")
    width, height = tiles[0].width + GAP, tiles[0].height + GAP
    left, top = (LABEL if names else 0) + GAP, (CAPTION if columns else 0) + GAP
    sheet = Image.new("RGB", (left + max(map(len, rows)) * width, top + len(rows) * height), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for column, word in enumerate(columns):
        draw.text((left + column * width, GAP), word, fill=INK, font=font)
    for i, row in enumerate(rows):
        if names:
            draw.multiline_text((GAP, top + i * height + height // 2), names[i], fill=INK, font=font, anchor="lm")
        for column, tile in enumerate(row):
            if tile is not None:
                sheet.paste(tile, (left + column * width, top + i * height))
    return sheet


def view_sheet(photos: Tensor, projections: Tensor, views: Tensor, azimuths: Sequence[int]) -> Image.Image:
    """Draw persons from all sides (figures 6.3, 6.8 to 6.10): a row of projections, below it the photo and the views.

    Args:
        photos: x, (n, 3, h, w), normalized.
        projections: (n, 1 + a, 1, h, w) in [-1, 1], the original structure first.
        views: what was generated for them, (n, 1 + a, 3, h, w), normalized.
        azimuths: degrees of the turns, a of them.
    Raises:
        ValueError: if the numbers of persons or of views differ.
    """
    _check_views(photos, views, azimuths)
    if projections.shape[:2] != views.shape[:2]:
        raise ValueError(f"projections are {tuple(projections.shape[:2])}, wanted {tuple(views.shape[:2])} as views")
    rows: list[list[Tile]] = []
    for photo, meshes, generated in zip(photos, projections, views, strict=True):
        rows.append([None, *map(projection_picture, meshes)])
        rows.append([to_picture(photo), *map(to_picture, generated)])
    return grid(rows, columns=_columns(azimuths))


def comparison_sheet(photos: Tensor, views: Sequence[tuple[str, Tensor]], azimuths: Sequence[int]) -> Image.Image:
    """Draw what several models make of the same persons (figure 6.4), a row for each model.

    Args:
        photos: x, (n, 3, h, w), normalized.
        views: of each model its name and its views of all persons, (n, 1 + a, 3, h, w), normalized.
        azimuths: degrees of the turns, a of them.
    Raises:
        ValueError: if the numbers of persons or of views differ.
    """
    for _, generated in views:
        _check_views(photos, generated, azimuths)
    rows: list[list[Tile]] = []
    names: list[str] = []
    for i, photo in enumerate(photos):
        for j, (name, generated) in enumerate(views):
            rows.append([to_picture(photo) if j == 0 else None, *map(to_picture, generated[i])])
            names.append(name)
    return grid(rows, columns=_columns(azimuths), names=names)


def _columns(azimuths: Sequence[int]) -> list[str]:
    return ["photo", "own", *(str(azimuth) for azimuth in azimuths)]


def _check_views(photos: Tensor, views: Tensor, azimuths: Sequence[int]) -> None:
    wanted = (len(photos), 1 + len(azimuths))
    if tuple(views.shape[:2]) != wanted:
        raise ValueError(f"views are {tuple(views.shape[:2])} persons and sides, wanted {wanted}")


def _picture(pixels: Tensor) -> Image.Image:
    """Values in [0, 1], (3, h, w), as a picture."""
    return Image.fromarray((pixels * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy())
