import numpy as np
import pytest
import torch
from PIL import Image
from vg_reid.data.transforms import normalize
from vg_reid.silhouettes import (
    image_silhouette,
    measure_disentanglement,
    overlap,
    projection_silhouette,
)
from vg_reid.swap import interpolate, interpolation_sheet
from vg_reid.views import comparison_sheet, denormalize, grid, projection_picture, to_picture, view_sheet

HEIGHT, WIDTH = 64, 32


def bodies(*lefts: int) -> torch.Tensor:
    """Projections of gray boxes at different places on black."""
    meshes = torch.full((len(lefts), 1, HEIGHT, WIDTH), -1.0)
    for mesh, left in zip(meshes, lefts, strict=True):
        mesh[:, 10:56, left : left + 10] = 0.2
    return meshes


def paint(meshes: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """A perfect generator: the code's color on the body, a floor under a wall behind it."""
    body = (meshes > -1).expand(-1, 3, -1, -1)
    scene = torch.full_like(body, 0.3, dtype=torch.float32)
    scene[:, :, 40:] = 0.5
    return normalize(torch.where(body, codes[:, :, None, None].expand_as(scene), scene))


def test_denormalize_undoes_normalize_and_cuts_off_the_rest(rng):
    images = torch.rand(2, 3, 5, 4, generator=rng)
    torch.testing.assert_close(denormalize(normalize(images)), images)
    assert (
        denormalize(torch.full((3, 1, 1), 99.0)).eq(1).all() and denormalize(torch.full((3, 1, 1), -99.0)).eq(0).all()
    )


def test_pictures_have_the_colors_of_the_images(rng):
    image = torch.rand(3, 6, 4, generator=rng)
    found = np.asarray(to_picture(normalize(image))).transpose(2, 0, 1)
    np.testing.assert_allclose(found, image * 255, atol=0.6)
    mesh = torch.linspace(-1, 1, 24).view(1, 6, 4)
    np.testing.assert_allclose(np.asarray(projection_picture(mesh))[..., 1], (mesh[0] + 1) * 127.5, atol=0.6)


def test_view_sheet_shows_the_photo_and_each_view_under_its_projection(rng):
    photos, views = torch.rand(2, 3, 8, 6, generator=rng), torch.rand(2, 4, 3, 8, 6, generator=rng)
    projections = torch.rand(2, 4, 1, 8, 6, generator=rng) * 2 - 1
    sheet = view_sheet(normalize(photos), projections, normalize(views), (90, 180, 270))
    row, column, top, left = 8 + 4, 6 + 4, 18 + 4, 4  # tile and gap, caption and gap, gap
    assert sheet.size == (left + 5 * column, top + 4 * row)
    person, turn = 1, 2
    corner = (left + (1 + turn) * column, top + (2 * person + 1) * row)
    assert crop(sheet, corner) == to_picture(normalize(views[person, turn])).tobytes()
    above = (corner[0], corner[1] - row)
    assert crop(sheet, above) == projection_picture(projections[person, turn]).tobytes()
    assert crop(sheet, (left, corner[1])) == to_picture(normalize(photos[person])).tobytes()


def crop(sheet: Image.Image, corner: tuple[int, int]) -> bytes:
    return sheet.crop((*corner, corner[0] + 6, corner[1] + 8)).tobytes()


def test_comparison_sheet_has_a_row_for_each_model(rng):
    photos = torch.rand(2, 3, 8, 6, generator=rng)
    views = [(name, torch.rand(2, 2, 3, 8, 6, generator=rng)) for name in ("without", "with")]
    sheet = comparison_sheet(photos, views, (90,))
    assert sheet.size == (96 + 4 + 3 * 10, 18 + 4 + 4 * 12)
    corner = (96 + 4 + 2 * 10, 18 + 4 + 3 * 12)  # second person, second model, turned
    assert crop(sheet, corner) == to_picture(views[1][1][1, 1]).tobytes()


def test_sheets_that_cannot_be_drawn_are_an_error():
    photos, views = torch.zeros(2, 3, 8, 6), torch.zeros(2, 3, 3, 8, 6)
    with pytest.raises(ValueError, match=r"views are \(2, 3\) persons and sides, wanted \(2, 2\)"):
        comparison_sheet(photos, [("one", views)], (90,))
    with pytest.raises(ValueError, match=r"projections are \(2, 2\), wanted \(2, 3\) as views"):
        view_sheet(photos, torch.zeros(2, 2, 1, 8, 6), views, (90, 180))
    with pytest.raises(ValueError, match="no pictures to lay out"):
        grid([[None]])


def test_interpolation_walks_from_one_identity_to_the_other_in_a_fixed_structure(rng):
    codes, meshes = torch.rand(2, 3, generator=rng), bodies(2, 20)
    walks = interpolate(paint, codes, meshes, steps=5)
    assert walks.shape == (2, 5, 3, HEIGHT, WIDTH)
    for mesh, walk in zip(meshes, walks, strict=True):
        for i, image in enumerate(walk):
            expected = paint(mesh[None], (codes[0] + i / 4 * (codes[1] - codes[0]))[None])[0]
            torch.testing.assert_close(image, expected)
    sheet = interpolation_sheet(paint(meshes, codes), meshes, walks)
    assert sheet.size == (4 + 8 * (WIDTH + 4), 18 + 4 + 2 * (HEIGHT + 4))
    with pytest.raises(ValueError, match="steps=1, wanted at least 2"):
        interpolate(paint, codes, meshes, steps=1)
    with pytest.raises(ValueError, match="3 part codes and 2 projections, wanted 2 persons"):
        interpolate(paint, torch.zeros(3, 3), meshes)


@pytest.mark.parametrize("background", [-1.0, 1.0, 0.3])
def test_silhouette_of_a_projection_is_what_differs_from_its_background(background):
    meshes = torch.full((1, 1, HEIGHT, WIDTH), background)
    meshes[:, :, 20:, 8:20] = 0.0  # down to the lower border
    body = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.bool)
    body[:, 20:, 8:20] = True
    assert torch.equal(projection_silhouette(meshes), body)


def test_silhouette_of_an_image_is_found_before_a_wall_and_a_floor(rng):
    meshes = bodies(3, 18)
    images = paint(meshes, torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.1, 0.6]]))
    images = images + 0.1 * torch.randn(images.shape, generator=rng)
    body = projection_silhouette(meshes)
    elsewhere = projection_silhouette(bodies(14, 6))  # a projection that is not there favors no pixel
    assert overlap(image_silhouette(images, ~(body | elsewhere)), body).min() > 0.9
    with pytest.raises(ValueError, match="cover a whole image"):
        image_silhouette(images, torch.zeros(2, HEIGHT, WIDTH, dtype=torch.bool))


def test_overlap_is_intersection_over_union(rng):
    first, second = torch.rand(3, 7, 5, generator=rng) > 0.5, torch.rand(3, 7, 5, generator=rng) > 0.3
    first[2] = second[2] = False
    for found, a, b in zip(overlap(first, second), first, second, strict=True):
        either = sum(x or y for x, y in zip(a.flatten().tolist(), b.flatten().tolist(), strict=True))
        both = sum(x and y for x, y in zip(a.flatten().tolist(), b.flatten().tolist(), strict=True))
        assert found.item() == pytest.approx(both / either if either else 1.0)


def test_disentanglement_tells_a_generator_that_follows_the_mesh_from_one_that_does_not(rng):
    codes = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.1, 0.1, 0.9]])
    own, new = bodies(2, 8, 12), bodies(18, 20, 3)
    good = measure_disentanglement(paint, codes, own, new, batch_size=2)
    assert good.follows == 1 and good.persons == 3
    assert good.new_mesh > 0.95 > 0.3 > good.old_mesh
    assert good.other_identity > 0.95 > 0.3 > good.other_mesh
    assert min(good.own_identity, good.new_identity) > 0.95

    def deaf(meshes: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """The place of the body depends on the identity alone."""
        places = bodies(*(2 + (code.argmax().item() * 9) for code in codes))
        return paint(places, codes)

    bad = measure_disentanglement(deaf, codes, own, new)
    assert bad.other_mesh > 0.95 > 0.3 > bad.other_identity
    assert bad.new_mesh < 0.6 and bad.new_identity < 0.6
    assert len(good.describe()) == 3
    with pytest.raises(ValueError, match="3 codes for 3 and 2 projections"):
        measure_disentanglement(paint, codes, own, new[:2])
