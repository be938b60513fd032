"""Cameras, turns and pictures of bodies."""

import math

import pytest
import torch
from torch import Tensor
from vg_reid import mesh
from vg_reid.mesh.camera import Camera, fit_camera, project, weak_camera
from vg_reid.mesh.render import AMBIENT, fragments, render
from vg_reid.mesh.rotate import AZIMUTHS, OFFICIAL_AZIMUTHS, rotate, rotation_matrix

SIZE = (64, 32)


def box(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """A closed box, its triangles counterclockwise seen from outside."""
    vertices = torch.cartesian_prod(torch.tensor(x), torch.tensor(y), torch.tensor(z))
    squares = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return vertices, torch.tensor([t for a, b, c, d in squares for t in ((a, b, c), (a, c, d))])


def ball(steps: int = 24) -> tuple[Tensor, Tensor]:
    """A closed sphere of half a meter; its poles are many vertices, with triangles that have no area."""
    polar = torch.linspace(0, math.pi, steps + 1)
    around = torch.linspace(0, 2 * math.pi, 2 * steps + 1)[:-1]
    p, a = (grid.flatten() for grid in torch.meshgrid(polar, around, indexing="ij"))
    vertices = 0.5 * torch.stack([p.sin() * a.sin(), p.cos(), p.sin() * a.cos()], dim=1)
    r, c = torch.cartesian_prod(torch.arange(steps), torch.arange(2 * steps)).T
    here, right = r * 2 * steps + c, r * 2 * steps + (c + 1) % (2 * steps)
    below, across = here + 2 * steps, right + 2 * steps
    return vertices, torch.cat([torch.stack([here, below, right], 1), torch.stack([right, below, across], 1)])


def test_the_turns_are_those_of_6_3_1_and_the_official_code_lacks_the_last() -> None:
    assert AZIMUTHS == (45, 90, 135, 180, 225, 270, 315)
    assert OFFICIAL_AZIMUTHS == (45, 90, 135, 180, 225, 270)


def test_at_90_degrees_the_front_is_to_the_right() -> None:
    nose = torch.tensor([[0.1, 1.5, 0.2]])
    torch.testing.assert_close(rotate(nose, 90), torch.tensor([[0.2, 1.5, -0.1]]))
    vertices, faces = box((-0.2, 0.2), (-0.8, 0.8), (-0.2, 0.2))
    nose_box, nose_faces = box((-0.05, 0.05), (0.4, 0.5), (0.2, 0.4))
    body, triangles = torch.cat([vertices, nose_box]), torch.cat([faces, nose_faces + 8])
    camera = Camera(distance=6.0, fov=20)
    front, right, back, left = render(body, triangles, (0, 90, 180, 270), SIZE, mode="silhouette", camera=camera)
    assert torch.equal(right, left.flip(1))
    assert right[:, SIZE[1] // 2 :].sum() > right[:, : SIZE[1] // 2].sum()
    assert torch.equal(front, front.flip(1)) and torch.equal(back, back.flip(1))


def test_cameras_are_pytorch3ds_field_of_view_cameras(rng: torch.Generator) -> None:
    """NDC of its documentation: x to the left, y up, the shorter side from -1 to 1; view = world R + T."""
    points = torch.rand(5, 3, generator=rng, dtype=torch.float64) - 0.5
    camera, (height, width) = Camera(distance=4.0, x=0.1, y=-0.2, fov=25), (96, 40)
    view = points @ torch.diag(torch.tensor([-1.0, 1, -1])).double() + torch.tensor([0.1, 0.2, 4.0])
    focal = 1 / math.tan(math.radians(25) / 2)
    ndc = focal * view[:, :2] / view[:, 2:]
    columns, rows, depth = (value[0] for value in project(points[None], [camera], (height, width)))
    torch.testing.assert_close(depth, view[:, 2])
    torch.testing.assert_close(1 - (2 * columns + 1) / width, ndc[:, 0])
    torch.testing.assert_close(height / width - (2 * rows + 1) / width, ndc[:, 1])


def test_a_box_has_the_size_and_depth_that_the_camera_says() -> None:
    vertices, faces = box((-0.25, 0.25), (-0.5, 0.5), (-0.25, 0.25))
    camera = Camera(distance=3.25, fov=2 * math.degrees(math.atan(0.25)))  # 1.5 m across 32 pixels at 3 m
    depth = render(vertices, faces, (0,), SIZE, mode="depth", camera=camera)[0]
    inside = torch.zeros(SIZE, dtype=torch.bool)
    half_width, half_height = round(0.25 / 1.5 * 32), round(0.5 / 1.5 * 32)
    inside[32 - half_height : 32 + half_height, 16 - half_width : 16 + half_width] = True
    assert (depth[~inside].isinf()).all()
    torch.testing.assert_close(depth[inside], torch.full_like(depth[inside], 3.0))


def test_a_fitted_body_fills_the_image_and_leaves_it_at_no_azimuth(rng: torch.Generator) -> None:
    for extent in ((0.3, 0.85, 0.2), (0.9, 0.3, 0.1), (0.1, 0.1, 1.5)):
        vertices = (torch.rand(200, 3, generator=rng) * 2 - 1) * torch.tensor(extent) + torch.tensor([0, 0.4, 0])
        turned = rotate(vertices.expand(24, -1, -1), torch.arange(24) * 15.0)
        columns, rows, depth = project(turned, [fit_camera(vertices, SIZE)] * 24, SIZE)
        assert depth.min() > 0
        assert columns.min() >= -0.5 and columns.max() <= SIZE[1] - 0.5
        assert rows.min() >= -0.5 and rows.max() <= SIZE[0] - 0.5
        share = max((columns.max() - columns.min()) / SIZE[1], (rows.max() - rows.min()) / SIZE[0])
        assert share > 0.75


def test_a_weak_camera_sees_scale_times_the_shifted_body(rng: torch.Generator) -> None:
    points = torch.rand(20, 3, generator=rng, dtype=torch.float64) - 0.5
    columns, rows, _ = project(points[None], [weak_camera(0.9, 0.2, -0.1, (64, 32))], (64, 32))
    torch.testing.assert_close((2 * columns[0] + 1 - 32) / 64, 0.9 * (points[:, 0] + 0.2), rtol=0, atol=0.02)
    torch.testing.assert_close((64 - 2 * rows[0] - 1) / 64, 0.9 * (points[:, 1] - 0.1), rtol=0, atol=0.02)


def test_a_ball_looks_the_same_from_all_sides_and_is_lit_from_above() -> None:
    vertices, faces = ball()
    views = render(vertices, faces, (0, 45, 100, 315), (48, 48))
    assert ((views > 0) == (views[:1] > 0)).float().mean() > 0.995
    torch.testing.assert_close(views[1], views[0], rtol=0, atol=0.05)
    seen = views[0][views[0] > 0]
    assert seen.min() >= AMBIENT - 1e-6 and 0.98 < seen.max() <= 1 + 1e-6
    assert views[0, 12, 24] > views[0, 36, 24] + 0.1


def test_a_ball_has_no_holes() -> None:
    vertices, faces = ball(60)  # triangles of less than a pixel
    for view in render(vertices, faces, (0, 7, 45), (40, 40), mode="silhouette"):
        for row in view:
            columns = row.nonzero().squeeze(1)
            assert not len(columns) or len(columns) == columns[-1] - columns[0] + 1


def test_turning_triangles_inside_out_changes_no_picture() -> None:
    vertices, faces = ball()
    torch.testing.assert_close(render(vertices, faces, (0, 30), SIZE), render(vertices, faces.flip(1), (0, 30), SIZE))


def test_parts_are_the_numbers_of_the_triangles() -> None:
    vertices, faces = box((-0.4, 0.4), (-0.4, 0.4), (-0.4, 0.4))
    parts = torch.arange(1, 13)
    views = render(vertices, faces, (0, 90, 180), SIZE, mode="parts", parts=parts)
    assert [set(view.unique().tolist()) for view in views] == [{0, 11, 12}, {0, 1, 2}, {0, 9, 10}]


def test_bodies_of_a_batch_are_drawn_as_alone(rng: torch.Generator) -> None:
    vertices, faces = box((-0.3, 0.3), (-0.8, 0.8), (-0.2, 0.2))
    bodies = vertices * (0.5 + torch.rand(3, 1, 3, generator=rng))
    cameras = [Camera(distance=4.0 + i, fov=30, y=0.1 * i) for i in range(3)]
    azimuths = tuple(range(0, 350, 50))  # 21 views: more than are drawn at once
    together = render(bodies, faces, azimuths, SIZE, camera=cameras)
    assert together.shape == (3, 7, *SIZE)
    for i in range(3):
        alone = [render(bodies[i], faces, (turn,), SIZE, camera=cameras[i])[0] for turn in azimuths]
        torch.testing.assert_close(together[i], torch.stack(alone), rtol=0, atol=1e-6)


def test_rotation_matrices_turn_about_their_vector_and_have_gradients_at_rest() -> None:
    quarter = rotation_matrix(torch.tensor([0.0, 0.0, math.pi / 2], dtype=torch.float64))
    wanted = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(quarter, wanted)
    still = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_matrix, (still,))


def test_the_package_exports_render() -> None:
    assert mesh.render is render


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vertices": torch.zeros(8, 2)}, "wanted floats"),
        ({"vertices": torch.full((8, 3), math.nan)}, "not all finite"),
        ({"faces": torch.tensor([[0, 1, 8]])}, "faces name vertices"),
        ({"faces": torch.tensor([[0.0, 1, 2]])}, "wanted integers"),
        ({"azimuths": ()}, "azimuths"),
        ({"mode": "parts"}, "with parts None"),
        ({"parts": torch.ones(12)}, "mode 'shaded'"),
        ({"mode": "wire"}, "mode 'wire'"),
        ({"camera": [Camera(distance=1.0)] * 2}, "2 cameras for 1 bodies"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, object], words: str) -> None:
    vertices, faces = box((-1.0, 1.0), (-1.0, 1.0), (-1.0, 1.0))
    with pytest.raises(ValueError, match=words):
        render(**{"vertices": vertices, "faces": faces, "azimuths": (0,), "size": SIZE, **change})


@pytest.mark.parametrize("values", [{"distance": 0.0}, {"distance": math.nan}, {"distance": 1.0, "fov": 180.0}])
def test_impossible_cameras_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        Camera(**values)
    with pytest.raises(ValueError, match="scale"):
        weak_camera(0.0, 0, 0)


def test_without_pytorch3d_its_backend_says_so() -> None:
    try:
        import pytorch3d  # noqa: F401
    except ImportError:
        vertices, faces = ball()
        with pytest.raises(ValueError, match="needs PyTorch3D"):
            render(vertices, faces, backend="pytorch3d")
    else:
        pytest.skip("PyTorch3D is installed")


def test_pytorch3d_draws_the_same() -> None:
    pytest.importorskip("pytorch3d")
    vertices, faces = ball()
    bodies = rotate(vertices.expand(2, -1, -1), torch.tensor([10.0, 50.0])) * torch.tensor([0.5, 1.5, 0.7])
    cameras = [Camera(distance=4.0, fov=20), Camera(distance=5.0, fov=25, x=0.1, y=-0.1)]
    ours = fragments(bodies, faces, cameras, SIZE)
    theirs = fragments(bodies, faces, cameras, SIZE, backend="pytorch3d")
    same = ours.faces == theirs.faces
    assert same.float().mean() > 0.999
    torch.testing.assert_close(ours.depth[same], theirs.depth[same], rtol=1e-5, atol=0)
    torch.testing.assert_close(ours.weights[same], theirs.weights[same], rtol=0, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_gpu_draws_the_same() -> None:
    vertices, faces = ball()
    there = render(vertices.cuda(), faces.cuda(), (0, 45), SIZE).cpu()
    torch.testing.assert_close(there, render(vertices, faces, (0, 45), SIZE), rtol=0, atol=1e-4)
