"""A z-buffer for small triangles: all triangles of all views at once, without holes, on any device.

At 256x128 a body of 27,420 triangles has few that are larger than some pixels, and more than half of them hold the
middle of none: minima, maxima and comparisons over (views, triangles) find these. What is left, some 50,000 pairs of a
triangle and a pixel of its bounding box in a view, is tested exactly; then the pairs compete for their pixels in one
minimum over depth and triangle, packed into one integer.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

SUBPIXELS = 2**14  # vertices lie on this grid, so that edge functions are exact in float64 up to 2048 pixels away
NEAR = 0.01  # meters; a triangle with a corner nearer to the camera, or behind it, is not drawn
PAIRS = 2**21  # pairs of a triangle and a pixel that are tested at once, if no triangle alone has more

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


class _Triangles(NamedTuple):
    """The k triangles of all views whose bounding boxes hold the middle of a pixel, view by view."""

    view: Tensor
    face: Tensor
    edges: Tensor  # (3, 3, k) float64: [0] column + [1] row + [2] is 0 on the edge opposite of each corner, more inside
    inverse: Tensor  # (3, k) float64: of the corners' depths
    box: tuple[Tensor, Tensor, Tensor, Tensor]  # left, top, width, height: pixels

    def weigh(self, owner: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """Return for pairs of a triangle and a pixel the areas opposite of the corners, (3, pairs), exactly."""
        a, b, c = (self.edges[i].index_select(1, owner) for i in range(3))
        return a.mul_(column).add_(b.mul_(row)).add_(c)

    def divide(self, owner: Tensor, areas: Tensor) -> tuple[Tensor, Tensor]:
        """Turn areas into the depth (pairs,) and the perspective-correct weights (3, pairs)."""
        weights = areas * self.inverse.index_select(1, owner)
        total = weights.sum(0)
        return areas.sum(0) / total, weights / total


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
    triangles = _set_up(columns, rows, depth, faces, size)
    buffer = torch.full((len(columns) * height * width,), _NOTHING, device=columns.device)
    for owner, column, row in _pairs(triangles):
        areas = triangles.weigh(owner, column, row)
        inside = (areas.amin(0) >= 0).nonzero().squeeze(1)
        owner = owner[inside]
        seen, _ = triangles.divide(owner, areas.index_select(1, inside))
        key = (seen.float().view(torch.int32).long() << _INDEX_BITS) + owner
        pixel = (triangles.view[owner] * height + row[inside]) * width + column[inside]
        buffer.scatter_reduce_(0, pixel, key, "amin")
    return _resolve(buffer.view(-1, height, width), triangles, depth.dtype)


def _set_up(columns: Tensor, rows: Tensor, depth: Tensor, faces: Tensor, size: tuple[int, int]) -> _Triangles:
    """Find the triangles that may be seen, and what is needed to test pixels against them."""
    x = torch.where(depth >= NEAR, (columns * SUBPIXELS).round_().div_(SUBPIXELS), torch.nan)
    y = (rows * SUBPIXELS).round_().div_(SUBPIXELS)
    left, right = _span(x, faces, size[1])
    top, bottom = _span(y, faces, size[0])
    index = ((left <= right) & (top <= bottom)).flatten().nonzero().squeeze(1)  # a comparison with NaN is false
    view = index // len(faces)
    face = index - view * len(faces)
    corner = view * x.shape[1] + faces.T.index_select(1, face)  # (3, k)
    x, y = x.take(corner).double(), y.take(corner).double()
    x1, y1, x2, y2 = x.roll(-1, 0), y.roll(-1, 0), x.roll(-2, 0), y.roll(-2, 0)
    edges = torch.stack([y2 - y1, x1 - x2, x2 * y1 - x1 * y2])
    area = edges[2].sum(0)
    edges *= torch.where(area == 0, torch.nan, area.sign())  # no pixel is inside of a triangle without area
    left, top = left.take(index), top.take(index)
    box = (left, top, right.take(index) - left + 1, bottom.take(index) - top + 1)
    return _Triangles(view, face, edges, 1 / depth.take(corner).double(), box)


def _span(place: Tensor, faces: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
    """Return the first and last pixel middles between the corners, (n, f) each, within the image."""
    a, b, c = (place.index_select(1, corner) for corner in faces.T)
    low, high = torch.minimum(torch.minimum(a, b), c), torch.maximum(torch.maximum(a, b), c)
    return low.ceil_().clamp_(min=0), high.floor_().clamp_(max=pixels - 1)


def _pairs(triangles: _Triangles) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Give all pairs of a triangle and a pixel in its box, in portions: triangle, column, row."""
    left, top, width, height = (side.long() for side in triangles.box)
    counts = width * height
    ends = counts.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    portion = 0
    while portion < len(ends):
        done = int(ends[portion] - counts[portion])
        stop = max(portion + 1, int(torch.searchsorted(ends, done + PAIRS, right=True))) if total > PAIRS else len(ends)
        owner = torch.repeat_interleave(counts[portion:stop]) + portion
        offset = torch.arange(done, done + len(owner), device=owner.device) - (ends - counts)[owner]
        across = width[owner]
        down = torch.div(offset, across, rounding_mode="floor")
        yield owner, left[owner] + offset - down * across, top[owner] + down
        portion = stop


def _resolve(keys: Tensor, triangles: _Triangles, dtype: torch.dtype) -> Fragments:
    """Look up what won each pixel."""
    view, row, column = (keys != _NOTHING).nonzero(as_tuple=True)
    owner = keys[view, row, column] & (2**_INDEX_BITS - 1)
    seen, parts = triangles.divide(owner, triangles.weigh(owner, column, row))
    faces = torch.full_like(keys, -1)
    depth = torch.full(keys.shape, torch.inf, dtype=dtype, device=keys.device)
    weights = torch.zeros(*keys.shape, 3, dtype=dtype, device=keys.device)
    faces[view, row, column] = triangles.face[owner]
    depth[view, row, column] = seen.to(dtype)
    weights[view, row, column] = parts.T.to(dtype)
    return Fragments(faces, depth, weights)
