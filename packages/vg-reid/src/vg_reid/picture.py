"""Pictures of rankings: the query on the left, what was found beside it, right and wrong framed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from vg_reid.data.transforms import read_image, to_rgb

HEIGHT, WIDTH = 192, 96  # pixels of one person
FRAME, GAP, CAPTION = 4, 8, 34
RIGHT, WRONG, NEUTRAL, QUERY = "#2e9e4f", "#d23b3b", "#9a9a9a", "#2b62c4"
PAPER, INK = "white", "#202020"


class Ranked(NamedTuple):
    """One person found, as shown in a picture."""

    image: Path | Image.Image
    caption: str
    """At most two short lines."""
    right: bool | None
    """Whether it is the person of the query; None where that is not known."""


def ranking_picture(query: Path | Image.Image, ranked: Sequence[Ranked], caption: str = "query") -> Image.Image:
    """Draw one ranking: the query framed blue, then the matches, best first, right ones green and wrong ones red.

    Args:
        query: the photo searched for.
        ranked: what was found; grey frames where nobody knows.
        caption: two short lines under the query.
    Raises:
        FileNotFoundError: if an image file does not exist.
        ValueError: if one is damaged; the message names the file.
    """
    tiles = [_tile(query, caption, QUERY)]
    tiles += [_tile(item.image, item.caption, _color(item.right)) for item in ranked]
    width = sum(tile.width for tile in tiles) + GAP * (len(tiles) + 2)
    picture = Image.new("RGB", (width, tiles[0].height + 2 * GAP), PAPER)
    x = GAP
    for position, tile in enumerate(tiles):
        picture.paste(tile, (x, GAP))
        x += tile.width + (2 * GAP if position == 0 else GAP)
    return picture


def stack_pictures(pictures: Sequence[Image.Image]) -> Image.Image:
    """Put rankings of several queries under one another."""
    if not pictures:
        raise ValueError("no pictures to stack, wanted at least one")
    sheet = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), PAPER)
    y = 0
    for picture in pictures:
        sheet.paste(picture, (0, y))
        y += picture.height
    return sheet


def _color(right: bool | None) -> str:
    if right is None:
        return NEUTRAL
    return RIGHT if right else WRONG


def _tile(image: Path | Image.Image, caption: str, color: str) -> Image.Image:
    person = to_rgb(image) if isinstance(image, Image.Image) else read_image(image)
    person = person.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    tile = Image.new("RGB", (WIDTH + 2 * FRAME, HEIGHT + 2 * FRAME + CAPTION), PAPER)
    tile.paste(color, (0, 0, tile.width, HEIGHT + 2 * FRAME))
    tile.paste(person, (FRAME, FRAME))
    draw = ImageDraw.Draw(tile)
    draw.multiline_text((2, HEIGHT + 2 * FRAME + 3), caption, fill=INK, font=ImageFont.load_default(12), spacing=2)
    return tile
