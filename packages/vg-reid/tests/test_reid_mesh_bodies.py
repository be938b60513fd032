"""Bodies: Anny, SMPL from a stand-in of its shape, and meshes from files."""

import io
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from vg_reid.mesh.anny import AnnyBody
from vg_reid.mesh.body import BodyModel, check_parameters
from vg_reid.mesh.fixed import read_body, read_mesh
from vg_reid.mesh.parts import PARTS, face_parts
from vg_reid.mesh.smpl import JOINTS, LICENCE, SMPLBody, read_arrays

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
OBJ = """# a square and a triangle, as modelers write them
o thing
v 0 0 0 1.0
v 2 0 0
v 2 1 0
v 0 1 0
vt 0 0
vn 0 0 1
f 1/1/1 2/1/1 3/1/1 4/1/1
v 1 2 1
f -3//1 -2//1 -1//1
"""


@pytest.fixture(scope="session")
def smpl_arrays() -> dict[str, np.ndarray]:
    """Arrays with the names and shapes of SMPL: a T of points, each moved by the nearest of 24 joints."""
    draw = np.random.default_rng(0)
    joints = np.zeros((24, 3))
    joints[[1, 4, 7, 10]] = [[0.1, -0.1, 0], [0.1, -0.5, 0], [0.1, -0.9, 0], [0.1, -1, 0.1]]
    joints[[3, 6, 9, 12, 15]] = [[0, 0.1, 0], [0, 0.2, 0], [0, 0.3, 0], [0, 0.5, 0], [0, 0.6, 0]]
    joints[[13, 16, 18, 20, 22]] = [[0.1, 0.4, 0], [0.2, 0.4, 0], [0.45, 0.4, 0], [0.7, 0.4, 0], [0.8, 0.4, 0]]
    for left, right in ((1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (22, 23)):
        joints[right] = joints[left] * [-1, 1, 1]
    owner = np.arange(6890) % 24
    vertices = joints[owner] + 0.03 * draw.standard_normal((6890, 3))
    weights = np.eye(24)[owner]
    return {
        "v_template": vertices,
        "shapedirs": 0.01 * draw.standard_normal((6890, 3, 10)),
        "posedirs": 0.001 * draw.standard_normal((6890, 3, 207)),
        "J_regressor": weights.T / weights.sum(0)[:, None],
        "weights": weights,
        "kintree_table": np.array([np.array(PARENTS) % 2**32, np.arange(24)], dtype=np.int64),
        "f": np.stack([np.arange(6888), np.arange(1, 6889), np.arange(2, 6890)], axis=1).astype(np.uint32),
    }


@pytest.fixture(scope="session")
def smpl_file(smpl_arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smpl") / "smpl.npz"
    np.savez(path, **smpl_arrays)
    return path


def test_obj_files_hold_polygons_textures_and_counts_from_the_end(tmp_path: Path) -> None:
    (tmp_path / "thing.obj").write_text(OBJ)
    vertices, faces = read_mesh(tmp_path / "thing.obj")
    assert vertices.tolist() == [[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0], [1, 2, 1]]
    assert faces.tolist() == [[0, 1, 2], [0, 2, 3], [2, 3, 4]]


def test_a_body_from_a_file_stands_on_the_vertical_axis(tmp_path: Path) -> None:
    (tmp_path / "thing.obj").write_text(OBJ)
    body: BodyModel = read_body(tmp_path / "thing.obj")
    vertices = body()
    assert vertices.shape == (1, 5, 3)
    low, high = vertices[0].aminmax(dim=0)
    torch.testing.assert_close(low + high, torch.tensor([0.0, 2.0, 0.0]))
    assert body(shape=torch.zeros(3, 0)).shape == (3, 5, 3)


def test_npz_and_ply_files_are_the_obj_file(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    (tmp_path / "thing.obj").write_text(OBJ)
    vertices, faces = read_mesh(tmp_path / "thing.obj")
    np.savez(tmp_path / "thing.npz", vertices=vertices, faces=faces)
    trimesh.Trimesh(vertices, faces, process=False).export(tmp_path / "thing.ply")
    for name in ("thing.npz", "thing.ply"):
        found = read_mesh(tmp_path / name)
        np.testing.assert_allclose(found[0], vertices)
        np.testing.assert_array_equal(found[1], faces)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.obj", b"v 0 0 0\nv 1 0 x\n", "line 2 is 'v 1 0 x'"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "faces of vertices 0 to 8"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 nan\nf 1 2 3\n", "not finite"),
        ("a.obj", b"", "wanted \\(v, 3\\)"),
        ("a.obj", b"\x00\xff\x89PNG", "wanted \\(v, 3\\)"),
        ("a.npz", b"PK no archive", "no mesh that can be read"),
        ("a.stl", b"", "wanted a mesh: .obj, .npz, .ply"),
    ],
)
def test_damaged_mesh_files_are_named(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as error:
        read_body(tmp_path / name)
    assert name in str(error.value)
    for missing in ("b.obj", "b.npz", "b.ply"):
        with pytest.raises(FileNotFoundError):
            read_body(tmp_path / missing)


def test_a_triangle_belongs_to_the_part_of_most_corners() -> None:
    parts = torch.tensor([1, 2, 2, 3])
    assert face_parts(parts, torch.tensor([[0, 1, 2], [0, 1, 3], [3, 3, 0]])).tolist() == [2, 2, 3]


def test_parameters_of_other_shapes_are_named() -> None:
    assert check_parameters(None, torch.zeros(4, 10), 24, 10) == 4
    for pose, shape in (
        (torch.zeros(2, 23, 3), None),
        (None, torch.zeros(10)),
        (torch.zeros(2, 24, 3), torch.zeros(3, 10)),
    ):
        with pytest.raises(ValueError, match="wanted"):
            check_parameters(pose, shape, 24, 10)


def test_smpl_stands_with_arms_down_and_poses_are_its_own(smpl_file: Path, smpl_arrays: dict[str, np.ndarray]) -> None:
    pytest.importorskip("smplx")
    with pytest.warns(UserWarning, match="surveillance"):
        body: BodyModel = SMPLBody(smpl_file)
    assert body.faces.shape == (6888, 3) and body.joints == JOINTS and len(body.shape_names) == 10
    owner = torch.arange(6890) % 24
    template = body(pose=torch.zeros(1, 24, 3))[0]
    np.testing.assert_allclose(template.numpy(), smpl_arrays["v_template"], atol=1e-5)
    standing = body()[0]
    for wrist, side in ((20, 1), (21, -1)):
        hand = standing[owner == wrist].mean(0)
        assert hand[1] < -0.05 and 0.2 < side * hand[0] < 0.4
    foot = standing[owner == 10].mean(0)
    torch.testing.assert_close(foot, template[owner == 10].mean(0), atol=0.02, rtol=0)
    assert body.parts[0] == 1 + PARTS.index("left leg")  # of pelvis, left hip, right hip


def test_smpl_has_gradients_and_batches(smpl_file: Path) -> None:
    pytest.importorskip("smplx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = SMPLBody(smpl_file)
    pose = (0.1 * torch.ones(2, 24, 3)).requires_grad_()
    shape = torch.zeros(2, 10, requires_grad=True)
    vertices = body(pose, shape)
    assert vertices.shape == (2, 6890, 3)
    (vertices * torch.linspace(-1, 1, 6890)[:, None]).sum().backward()
    assert pose.grad.abs().sum() > 0 and shape.grad.abs().sum() > 0


def test_the_licence_is_told_once(smpl_file: Path) -> None:
    pytest.importorskip("smplx")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(3):
            SMPLBody(smpl_file)
    assert [str(warning.message) for warning in told if str(warning.message) == LICENCE] == [LICENCE]
    assert "surveillance" in LICENCE and "not commercial" in LICENCE


def test_pickles_of_arrays_are_read_and_all_others_refused(smpl_arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    for protocol in (2, 4):
        content = smpl_arrays | {"J_regressor": sparse.csc_matrix(smpl_arrays["J_regressor"]), "bs_type": "lrotmin"}
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        for name, array in read_arrays(path).items():
            np.testing.assert_array_equal(array, smpl_arrays[name])

    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "harm"),)

    path.write_bytes(pickle.dumps(smpl_arrays | {"f": Harm()}))
    with pytest.raises(ValueError, match="mkdir, wanted arrays only"):
        read_arrays(path)
    assert not (tmp_path / "harm").exists()


def test_chumpy_arrays_are_read_without_chumpy(smpl_arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

    class Renaming(pickle._Pickler):  # type: ignore[name-defined]
        """Writes Ch as chumpy's class, which is not installed."""

        def save_global(self, obj: object, name: str | None = None) -> None:
            if obj is Ch:
                self.write(b"cchumpy.ch\nCh\n")
            else:
                super().save_global(obj, name)

        dispatch = pickle._Pickler.dispatch | {type: save_global}  # type: ignore[attr-defined]

    stream = io.BytesIO()
    Renaming(stream, protocol=2).dump(smpl_arrays | {"v_template": Ch(smpl_arrays["v_template"])})
    path = tmp_path / "smpl.pkl"
    path.write_bytes(stream.getvalue())
    np.testing.assert_array_equal(read_arrays(path)["v_template"], smpl_arrays["v_template"])


def test_files_that_are_not_smpl_are_named(smpl_arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "smpl.npz"
    np.savez(path, **{name: array for name, array in smpl_arrays.items() if name != "posedirs"})
    with pytest.raises(ValueError, match="has no posedirs"):
        read_arrays(path)
    np.savez(path, **smpl_arrays | {"weights": np.zeros((6890, 52))})
    with pytest.raises(ValueError, match=r"weights is \(6890, 52\)"):
        read_arrays(path)
    (tmp_path / "cut.pkl").write_bytes(pickle.dumps(smpl_arrays)[:1000])
    whole = path.read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.npz").write_bytes(whole[:5000] + bytes(20) + whole[5020:])
    (tmp_path / "long.pkl").write_bytes(b"\x8e" + b"\xff" * 8)  # bytes of a length that no machine can have
    for name in ("cut.pkl", "cut.npz", "flipped.npz", "long.pkl"):
        with pytest.raises(ValueError, match=f"{name} is no SMPL file"):
            read_arrays(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.pkl")


@pytest.fixture(scope="session")
def anny() -> AnnyBody:
    pytest.importorskip("anny")
    return AnnyBody()


@pytest.mark.slow
def test_anny_stands_with_arms_down(anny: AnnyBody) -> None:
    body: BodyModel = anny
    assert body.faces.shape == (27420, 3) and len(body.joints) == 104
    vertices = body()[0]
    assert vertices.shape == (13718, 3)
    low, high = vertices.aminmax(dim=0)
    assert 1.5 < high[1] - low[1] < 2.0
    assert high[0] - low[0] < 0.8  # in Anny's own pose the hands are more than a meter apart
    torch.testing.assert_close(low[0], -high[0], atol=0.01, rtol=0)
    corners = vertices[body.faces]
    volume = (corners[:, 0] * torch.linalg.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert 0.03 < volume < 0.12  # positive: the triangles are counterclockwise seen from outside
    left = vertices[body.faces[body.parts == 1 + PARTS.index("left arm")].unique()]
    assert left[:, 0].min() > 0.05 and left[:, 1].max() < high[1] - 0.2
    assert set(body.parts.unique().tolist()) == set(range(1, len(PARTS) + 1))


@pytest.mark.slow
def test_anny_turns_joints_about_the_axes_of_the_standing_body(anny: AnnyBody) -> None:
    pose = torch.zeros(2, 104, 3)
    torch.testing.assert_close(anny(pose[:1]), anny(), atol=1e-5, rtol=0)
    shin = anny.faces[anny.parts == 1 + PARTS.index("left leg")].unique()
    pose[0, anny.joints.index("upperleg01.L"), 0] = -0.6  # about the axis to the left: forward, for what hangs down
    pose[1, 0, 1] = torch.pi / 2  # the root: the whole body to its left
    forward, turned = anny(pose)
    standing = anny()[0]
    assert (forward - standing)[shin, 2].max() > 0.3
    assert (forward - standing).norm(dim=1).gt(1e-4).float().mean() < 0.4
    quarter = torch.stack([standing[:, 2], standing[:, 1], -standing[:, 0]], dim=1)
    torch.testing.assert_close(turned, quarter, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_annys_shape_moves_the_body_and_has_gradients(anny: AnnyBody) -> None:
    shape = torch.full((2, 6), 0.5)
    shape[:, anny.shape_names.index("age")] = 2 / 3
    shape[1, anny.shape_names.index("height")] = 0.9
    shape.requires_grad_()
    pose = torch.zeros(2, 104, 3, requires_grad=True)
    vertices = anny(pose, shape)
    heights = vertices[..., 1].amax(1) - vertices[..., 1].amin(1)
    assert heights[1] > heights[0] + 0.1
    heights.sum().backward()
    assert shape.grad.abs().sum() > 0 and pose.grad.isfinite().all() and pose.grad.abs().sum() > 0
