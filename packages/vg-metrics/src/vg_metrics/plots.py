"""Pictures of results, drawn with Pillow: the rank curve of a retrieval, and optical flow beside its color wheel."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from vg_metrics.files import write_file
from vg_metrics.functional.flow_color import flow_to_color, flow_wheel

INK, GRID, LINE = (30, 30, 30), (225, 225, 225), (0, 92, 175)
GAP = 4  # pixels between pictures


class Frame(NamedTuple):
    """The area of a plot, in pixels, and what its axes run over."""

    left: int
    top: int
    right: int
    bottom: int
    last: int  # value at the right end of the horizontal axis, which begins at 1; the vertical one is 0 to 1

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixel of a point."""
        across = (x - 1) / max(self.last - 1, 1)
        return self.left + across * (self.right - self.left), self.bottom - y * (self.bottom - self.top)


def rank_curve(cmc: Sequence[float], *, ranks: int = 20, title: str = "") -> Image.Image:
    """Cumulative matching characteristic: the share of queries whose first match is at a rank or before.

    Args:
        cmc: share at rank 1, 2, .., 0..1.
        ranks: how many to show.
        title: line above the plot.
    Returns:
        RGB, 480 x 360.
    Raises:
        ValueError: if the curve is empty.
    """
    shown = [float(share) for share in cmc[:ranks]]
    if not shown:
        raise ValueError("the curve has no rank, wanted at least one")
    picture = Image.new("RGB", (480, 360), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    frame = Frame(52, 34, 462, 312, len(shown))
    for tenth in range(0, 11, 2):
        y = frame.place(1, tenth / 10)[1]
        draw.line([(frame.left, y), (frame.right, y)], GRID)
        draw.text((frame.left - 6, y), f"{tenth * 10} %", INK, font, anchor="rm")
    for rank in sorted({1, *range(5, len(shown) + 1, 5)}):
        x = frame.place(rank, 0)[0]
        draw.line([(x, frame.top), (x, frame.bottom)], GRID)
        draw.text((x, frame.bottom + 8), str(rank), INK, font, anchor="mt")
    points = [frame.place(rank, share) for rank, share in enumerate(shown, 1)]
    draw.line(points, LINE, 2)
    for x, y in points:
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], LINE)
    draw.text(((frame.left + frame.right) / 2, 342), "rank", INK, font, anchor="mm")
    draw.text((frame.left, 18), title, INK, font, anchor="lm")
    return picture


def flow_picture(clip: Tensor, flows: Tensor, radius: float) -> Image.Image:
    """Frames of a clip above their optical flow in the colors of the wheel, which stands at the right.

    Args:
        clip: (3, t, h, w), bytes.
        flows: from each frame to the next, pixels, (t - 1, 2, h, w).
        radius: H, the length of the full color, pixels.
    Returns:
        RGB; the last frame, which has no flow, is left out.
    """
    count, (height, width) = len(flows), clip.shape[2:]
    side = 2 * height + GAP
    sheet = torch.full((3, side, count * (width + GAP) + side), 255, dtype=torch.uint8)
    colors = flow_to_color(flows, radius=radius)
    for index in range(count):
        left = index * (width + GAP)
        sheet[:, :height, left : left + width] = clip[:, index]
        sheet[:, height + GAP :, left : left + width] = colors[index]
    sheet[:, :, -side:] = flow_wheel(side)
    return Image.fromarray(sheet.permute(1, 2, 0).contiguous().numpy())


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all; ValueError for another suffix."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: pictures are written as .png")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_file(path, buffer.getvalue())
