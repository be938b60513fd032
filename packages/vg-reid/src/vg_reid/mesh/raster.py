"""A z-buffer for small triangles: all triangles of all views at once, without holes, on any device.

At 256x128 a body of 27,420 triangles has few that are larger than some pixels, and more than half of them hold the
middle of none: minima, maxima and comparisons over (views, triangles) find these. The others go by the size of their
bounding boxes: all triangles of one size are tested against all pixels of their boxes in one pass without any look-up.
What is inside competes for its pixel in one minimum over depth and triangle, packed into one integer.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

SUBPIXELS = 2**14  # vertices lie on this grid, so that edge functions are exact in float64 up to 2048 pixels away
NEAR = 0.01  # meters; a triangle with a corner nearer to the camera, or behind it, is not drawn
PAIRS = 2**20  # pairs of a triangle and a pixel that are tested at once, if no triangle alone has more

_NOTHING = torch.iinfo(torch.int64).max
_INDEX_BITS = 32


class Fragments(NamedTuple):
    """What is seen in each pixel of n views."""

    faces: Tensor
    """(n, h, w) int64: the triangle, -1 where there is none."""
    depth: Tensor
    """(n, h, w): meters along the viewing direction, infinite where there is nothing."""
    weights: Tensor
    """(n, h, w, 3): of the triangle's corners, perspective-correct, 0 where there is nothing."""


class _Points(NamedTuple):
    """The vertices of all views, one view after another, and how triangles refer to them."""

    x: Tensor  # (n v) float64
    y: Tensor
    inverse: Tensor  # of the depth
    faces: Tensor  # (3, f)
    vertices: int  # v

    def corners(self, triangles: "_Triangles") -> Tensor:
        """Return the vertices of g triangles, (3 g)."""
        first = triangles.view * self.vertices
        return torch.cat([corner.index_select(0, triangles.face) + first for corner in self.faces])

    def edges(self, corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (a, b, c), each (3, g): a column + b row + c is 0 on the edge opposite of each corner, more inside.

        They are NaN for triangles without area, so that no pixel is inside.
        """
        x, y = (side.index_select(0, corners).view(3, -1) for side in (self.x, self.y))
        x1, y1, x2, y2 = x.roll(-1, 0), y.roll(-1, 0), x.roll(-2, 0), y.roll(-2, 0)
        a, b, c = y2 - y1, x1 - x2, x2 * y1 - x1 * y2
        area = c.sum(0)
        sign = torch.where(area == 0, torch.nan, area.sign())
        return a.mul_(sign), b.mul_(sign), c.mul_(sign)


class _Triangles(NamedTuple):
    """Triangles whose bounding boxes hold the middle of a pixel, (k,) each."""

    view: Tensor
    face: Tensor
    left: Tensor  # of the box, pixels
    top: Tensor


def rasterize(columns: Tensor, rows: Tensor, depth: Tensor, faces: Tensor, size: tuple[int, int]) -> Fragments:
    """Find the nearest triangle under the middle of each pixel.

    The middle of a pixel on an edge is inside of the triangles on both sides; of equal depths (float32) the first
    triangle is seen. Triangles without area, with a corner behind the camera, or not finite are not drawn.

    Args:
        columns: of the vertices in n views, (n, v); pixels, 0 is the middle of the first.
        rows: of the vertices, (n, v), downward.
        depth: of the vertices along the viewing direction, (n, v), meters.
        faces: corners of the triangles, (f, 3) int64; both of their sides can be seen.
        size: height and width, pixels.
    """
    height, width = size
    x = torch.where(depth >= NEAR, (columns * SUBPIXELS).round_().div_(SUBPIXELS), torch.nan)
    y = (rows * SUBPIXELS).round_().div_(SUBPIXELS)
    points = _Points(
        x.flatten().double(), y.flatten().double(), 1 / depth.flatten().double(), faces.T.contiguous(), x.shape[1]
    )
    buffer = torch.full((len(columns) * height * width,), _NOTHING, device=columns.device)
    for triangles, across, down in _groups(x, y, faces, size):
        corners = points.corners(triangles)
        a, b, c = points.edges(corners)
        c += a * triangles.left + b * triangles.top
        areas = a[:, None] * across + b[:, None] * down + c[:, None]  # (3, p, g), exact
        inverse = points.inverse.index_select(0, corners).view(3, 1, -1)
        seen = areas.sum(0) / (areas * inverse).sum(0)
        key = (seen.float().view(torch.int32).long() << _INDEX_BITS) + triangles.face
        key = torch.where(areas.amin(0) >= 0, key, _NOTHING)
        pixel = (triangles.view * height + triangles.top) * width + triangles.left + (down * width + across)
        buffer.scatter_reduce_(0, pixel.flatten(), key.flatten(), "amin")
    return _resolve(buffer, points, (len(columns), height, width), depth.dtype)


def _span(place: Tensor, faces: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
    """Return the first and last pixel middles between the corners, (n, f) each, within the image."""
    a, b, c = (place.index_select(1, corner) for corner in faces.T)
    low, high = torch.minimum(torch.minimum(a, b), c), torch.maximum(torch.maximum(a, b), c)
    return low.ceil_().clamp_(min=0), high.floor_().clamp_(max=pixels - 1)


def _groups(x: Tensor, y: Tensor, faces: Tensor, size: tuple[int, int]) -> Iterator[tuple[_Triangles, Tensor, Tensor]]:
    """Give the triangles that may be seen, by the sizes of their boxes, which are rounded up to a few sizes.

    With each group come the p pixels of its boxes: columns and rows from the left and top, (p, 1).
    """
    left, right = _span(x, faces, size[1])
    top, bottom = _span(y, faces, size[0])
    index = ((left <= right) & (top <= bottom)).flatten().nonzero().squeeze(1)  # a comparison with NaN is false
    left, right, top, bottom = (side.flatten().index_select(0, index) for side in (left, right, top, bottom))
    heights, widths = (_sides(pixels) for pixels in size)
    high = torch.bucketize(bottom - top + 1, torch.tensor(heights, device=x.device))
    kind = high * len(widths) + torch.bucketize(right - left + 1, torch.tensor(widths, device=x.device))
    kind, order = kind.short().sort()
    view, face = index // len(faces), index % len(faces)
    triangles = [values.index_select(0, order) for values in (view, face, left.long(), top.long())]
    codes, counts = kind.unique_consecutive(return_counts=True)
    start = 0
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        height, width = heights[code // len(widths)], widths[code % len(widths)]
        pixel = torch.arange(height * width, device=x.device)[:, None]
        portion = max(1, PAIRS // (height * width))
        for first in range(start, start + count, portion):
            view, face, left, top = (values[first : min(first + portion, start + count)] for values in triangles)
            left, top = left.clamp(max=size[1] - width), top.clamp(max=size[0] - height)  # rounded up, yet in the image
            yield _Triangles(view, face, left, top), pixel % width, pixel // width
        start += count


def _sides(pixels: int) -> list[int]:
    """Return the sides that boxes are rounded up to: 1, 2, 3, 4, 6, 8, 12, 16 and so on, to the image's own."""
    sides = sorted({1} | {m << i for m in (2, 3) for i in range(pixels.bit_length())})
    return [*sides[: bisect_left(sides, pixels)], pixels]


def _resolve(keys: Tensor, points: _Points, shape: tuple[int, int, int], dtype: torch.dtype) -> Fragments:
    """Look up what won each pixel."""
    pixel = (keys != _NOTHING).nonzero().squeeze(1)
    row, column = pixel // shape[2], pixel % shape[2]
    view, row = row // shape[1], row % shape[1]
    face = keys[pixel] & (2**_INDEX_BITS - 1)
    corners = points.corners(_Triangles(view, face, column, row))
    a, b, c = points.edges(corners)
    areas = a * column + b * row + c
    weights = areas * points.inverse.index_select(0, corners).view(3, -1)
    total = weights.sum(0)
    faces = torch.full_like(keys, -1)
    depth = torch.full(keys.shape, torch.inf, dtype=dtype, device=keys.device)
    parts = torch.zeros(3, *keys.shape, dtype=dtype, device=keys.device)
    faces[pixel] = face
    depth[pixel] = (areas.sum(0) / total).to(dtype)
    for part, weight in zip(parts, weights / total, strict=True):
        part[pixel] = weight.to(dtype)
    return Fragments(faces.view(shape), depth.view(shape), parts.view(3, *shape).movedim(0, -1))
