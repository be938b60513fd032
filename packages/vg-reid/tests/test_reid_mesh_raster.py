"""The z-buffer against a loop over pixels and triangles in float64."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from vg_reid.mesh import raster
from vg_reid.mesh.raster import NEAR, SUBPIXELS, Fragments, rasterize


def slow_rasterize(columns: Tensor, rows: Tensor, depth: Tensor, faces: Tensor, size: tuple[int, int]) -> Fragments:
    """One view after another, one pixel after another, one triangle after another, by areas as in school."""
    seen = Fragments(
        torch.full((len(columns), *size), -1),
        torch.full((len(columns), *size), torch.inf, dtype=torch.float64),
        torch.zeros(len(columns), *size, 3, dtype=torch.float64),
    )
    for view, row, column in itertools.product(range(len(columns)), range(size[0]), range(size[1])):
        best = math.inf
        for index, face in enumerate(faces.tolist()):
            corners = [(float(columns[view, i]), float(rows[view, i]), float(depth[view, i])) for i in face]
            if not all(math.isfinite(x + y + z) and z >= NEAR for x, y, z in corners):
                continue
            areas = [cross(corners[i - 2], corners[i - 1], (column, row)) for i in range(3)]
            total = cross(*corners)
            if total == 0 or min(area / total for area in areas) < 0:
                continue
            parts = [area / total / z for area, (_, _, z) in zip(areas, corners, strict=True)]
            here = float(np.float32(1 / sum(parts)))
            if here < best:
                best = here
                seen.faces[view, row, column] = index
                seen.depth[view, row, column] = 1 / sum(parts)
                seen.weights[view, row, column] = torch.tensor([part / sum(parts) for part in parts])
    return seen


def cross(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def soup(rng: torch.Generator, triangles: int, spread: float, views: int, size: tuple[int, int]) -> tuple[Tensor, ...]:
    """Unconnected triangles of all sizes in and around the image, on the grid of subpixels."""
    middle = torch.rand(views, triangles, 1, 2, generator=rng, dtype=torch.float64) * 1.4 - 0.2
    reach = torch.rand(views, triangles, 1, 1, generator=rng, dtype=torch.float64) ** 3 * spread
    corners = middle * torch.tensor(size) + reach * torch.randn(views, triangles, 3, 2, generator=rng)
    corners = (corners * SUBPIXELS).round() / SUBPIXELS
    rows, columns = corners.flatten(1, 2).unbind(-1)
    depth = 1 + 2 * torch.rand(views, 3 * triangles, generator=rng, dtype=torch.float64)
    return columns, rows, depth, torch.arange(3 * triangles).view(-1, 3)


def assert_same(found: Fragments, wanted: Fragments) -> None:
    assert torch.equal(found.faces, wanted.faces)
    torch.testing.assert_close(found.depth.double(), wanted.depth, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.weights.double(), wanted.weights, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("triangles", "spread", "views"), [(1, 30.0, 1), (60, 8.0, 2), (25, 60.0, 3)])
def test_the_z_buffer_is_a_loop_over_pixels_and_triangles(
    triangles: int, spread: float, views: int, rng: torch.Generator
) -> None:
    size = (13, 9)
    columns, rows, depth, faces = soup(rng, triangles, spread, views, size)
    found = rasterize(columns, rows, depth, faces, size)
    wanted = slow_rasterize(columns, rows, depth, faces, size)
    assert triangles == 1 or len(wanted.faces.unique()) > 5
    assert_same(found, wanted)


def test_float32_sees_the_same_as_float64(rng: torch.Generator) -> None:
    columns, rows, depth, faces = soup(rng, 40, 8.0, 1, (13, 9))
    found = rasterize(columns.float(), rows.float(), depth.float(), faces, (13, 9))
    assert found.depth.dtype == torch.float32
    assert_same(found, slow_rasterize(columns, rows, depth.float().double(), faces, (13, 9)))


def test_portions_of_any_size_give_the_same(rng: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    columns, rows, depth, faces = soup(rng, 60, 8.0, 2, (13, 9))
    whole = rasterize(columns, rows, depth, faces, (13, 9))
    for pairs in (1, 7, 100):
        monkeypatch.setattr(raster, "PAIRS", pairs)
        assert_same(rasterize(columns, rows, depth, faces, (13, 9)), whole)


def test_corners_and_edges_on_pixel_middles_are_the_loop_too(rng: torch.Generator) -> None:
    columns, rows = torch.randint(-2, 8, (2, 2, 60), generator=rng).double()
    depth = 1 + torch.randint(0, 3, (2, 60), generator=rng).double()
    faces = torch.arange(60).view(-1, 3)
    assert_same(rasterize(columns, rows, depth, faces, (6, 6)), slow_rasterize(columns, rows, depth, faces, (6, 6)))


@pytest.mark.parametrize("scale", [1.0, 0.37, 1 / 3])
def test_a_surface_has_no_holes(scale: float, rng: torch.Generator) -> None:
    cells = 40
    place = torch.cartesian_prod(torch.arange(cells + 1.0), torch.arange(cells + 1.0))
    place += 0.45 * (torch.rand(place.shape, generator=rng) * 2 - 1) * (torch.rand(len(place), 1, generator=rng) < 0.5)
    rows, columns = (place * scale - 1).T[:, None]
    first = torch.cartesian_prod(torch.arange(cells), torch.arange(cells)) @ torch.tensor([cells + 1, 1])
    faces = torch.cat([first[:, None] + torch.tensor(c) for c in ([0, 1, cells + 1], [1, cells + 1, cells + 2])])
    side = int((cells - 1) * scale) - 2
    seen = rasterize(columns, rows, torch.ones_like(rows), faces, (side, side))
    assert (seen.faces >= 0).all()


def test_of_equal_depths_the_first_triangle_is_seen() -> None:
    columns, rows, depth = torch.tensor([[-9.0, 99, -9]]), torch.tensor([[-9.0, -9, 99]]), torch.full((1, 3), 2.0)
    for faces in ([[0, 1, 2], [0, 1, 2]], [[1, 2, 0], [0, 1, 2], [2, 1, 0]]):
        assert (rasterize(columns, rows, depth, torch.tensor(faces), (5, 4)).faces == 0).all()


def test_the_nearer_triangle_is_seen_whichever_comes_first() -> None:
    columns = torch.tensor([[-9.0, 99, -9] * 2])
    rows = torch.tensor([[-9.0, -9, 99] * 2])
    depth = torch.tensor([[3.0, 3, 3, 2, 2, 2]])
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    assert (rasterize(columns, rows, depth, faces, (5, 4)).faces == 1).all()
    assert (rasterize(columns, rows, depth, faces.flip(0), (5, 4)).faces == 0).all()


@pytest.mark.parametrize(
    ("columns", "depth"),
    [
        ([2.0, 2.0, 2.0], [1.0, 1.0, 1.0]),  # a line
        ([-9.0, 99.0, -9.0], [1.0, -1.0, 1.0]),  # a corner behind the camera
        ([-9.0, 99.0, -9.0], [1.0, 0.0, 1.0]),
        ([-9.0, math.nan, -9.0], [1.0, 1.0, 1.0]),
        ([-9.0, math.inf, -9.0], [1.0, 1.0, 1.0]),
        ([-900.0, -500.0, -900.0], [1.0, 1.0, 1.0]),  # off the image
        ([2.1, 2.2, 2.1], [1.0, 1.0, 1.0]),  # between the middles of pixels
    ],
)
def test_what_cannot_be_seen_is_not_drawn(columns: list[float], depth: list[float]) -> None:
    rows = torch.tensor([[-9.0, -9.0, 99.0]])
    seen = rasterize(torch.tensor([columns]), rows, torch.tensor([depth]), torch.tensor([[0, 1, 2]]), (5, 4))
    assert (seen.faces == -1).all()
    assert seen.depth.isinf().all()
    assert not seen.weights.any()
