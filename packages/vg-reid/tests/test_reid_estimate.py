"""Estimators of meshes: one choice, the axes that all share, folders of meshes, and what wrong input gets."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from vg_reid.mesh.crop import WeakCamera, project
from vg_reid.mesh.estimate import EstimatorConfig, estimator
from vg_reid.mesh.hmr import HMR, HMREstimator
from vg_reid.mesh.precomputed import Precomputed
from vg_reid.mesh.rotate import rotate, rotation_matrix

OBJ = "v -0.2 0 0.1\nv 0.2 0 0.1\nv 0 1.8 0.1\nv 0 0.9 -0.3\nf 1 2 3\nf 2 4 3\nf 4 1 3\n"
PHOTO = Image.new("RGB", (64, 128))


class RigidBody:
    """Stands for SMPL: a cloud of points that only the first rotation moves."""

    faces = torch.tensor([[0, 1, 2]])

    def __init__(self, points: Tensor) -> None:
        self.points = points

    def posed(self, rotations: Tensor, shape: Tensor | None = None) -> Tensor:
        return self.points @ rotations[:, 0].mT


@pytest.fixture(scope="module")
def unmoved() -> HMR:
    """HMR that answers with its mean parameters, whatever it sees."""
    net = HMR().eval()
    torch.nn.init.zeros_(net.fc3.weight)
    torch.nn.init.zeros_(net.fc3.bias)
    return net


def rotation_vector(matrix: Tensor) -> Tensor:
    """Axis times angle of a rotation, (3,): its axis is the eigenvector of 1, of the two signs the one that fits."""
    angle = math.acos(max(-1.0, min(1.0, (matrix.trace().item() - 1) / 2)))
    values, vectors = torch.linalg.eig(matrix)
    axis = vectors[:, (values - 1).abs().argmin()].real
    axis = axis / axis.norm()
    candidates = [axis * angle, -axis * angle]
    return min(candidates, key=lambda vector: (rotation_matrix(vector) - matrix).norm().item())


@pytest.mark.parametrize("azimuth", [0.0, 30.0, 90.0, 179.0, -60.0])
def test_hmr_gives_the_body_turned_by_its_azimuth_with_y_up(azimuth: float, rng: torch.Generator, unmoved: HMR) -> None:
    points = torch.randn(20, 3, generator=rng)
    upside_down = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # from y up, z to the camera to HMR's axes
    turn = torch.stack(list(rotate(torch.eye(3)[:, None], azimuth).squeeze(1))).T
    unmoved.mean_theta[0, :3] = torch.tensor([0.8, 0.1, 0.3])
    unmoved.mean_theta[0, 3:6] = rotation_vector(upside_down @ turn)
    body: Any = RigidBody(points)
    (found,) = HMREstimator(unmoved, body)([PHOTO])
    torch.testing.assert_close(found.vertices, rotate(points, azimuth), atol=1e-4, rtol=1e-4)
    assert found.azimuth == pytest.approx(azimuth, abs=1e-2)
    theirs = found.vertices * torch.tensor([1.0, -1.0, -1.0])
    seen = 0.8 * (theirs[:, :2] + torch.tensor([0.1, 0.3]))  # HMR's own projection, y down
    assert found.camera is not None
    torch.testing.assert_close(project(found.vertices, found.camera), seen * torch.tensor([1.0, -1.0]))


def test_hmr_takes_no_photos_and_small_ones(unmoved: HMR) -> None:
    body: Any = RigidBody(torch.zeros(1, 3))
    estimate = HMREstimator(unmoved, body)
    assert estimate([]) == []
    assert len(estimate([Image.new("L", (2, 2))])) == 1


def test_standing_is_one_body_from_the_front_for_all(tmp_path: Path) -> None:
    (tmp_path / "body.obj").write_text(OBJ)
    found = estimator(EstimatorConfig(kind="standing", body=tmp_path / "body.obj"))([PHOTO, PHOTO])
    assert len(found) == 2
    assert found[0].azimuth == 0 and found[0].camera is None
    torch.testing.assert_close(found[0].vertices, found[1].vertices)
    assert found[0].faces.tolist() == [[0, 1, 2], [1, 3, 2], [3, 0, 2]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "guess"}, "kind='guess', wanted one of standing, regressor, hmr, spin, precomputed"),
        ({"kind": "regressor"}, "kind='regressor' without source"),
        ({"kind": "spin", "source": Path("a.pt")}, "kind='spin' without body"),
        ({"kind": "precomputed"}, "kind='precomputed' without source"),
        ({"kind": "standing", "source": Path("a")}, "kind='standing' with source=a, wanted none"),
        ({"kind": "regressor", "source": Path("a"), "mean": Path("m.npz")}, "with mean=m.npz, wanted none"),
    ],
)
def test_a_choice_that_does_not_hold_together_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimator(EstimatorConfig(**settings))


def test_a_missing_file_is_an_error_and_no_other_way_is_taken(tmp_path: Path) -> None:
    config = EstimatorConfig(kind="spin", source=tmp_path / "none.pt", body=tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match=r"none\.pt does not exist"):
        estimator(config)
    with pytest.raises(FileNotFoundError, match="no-meshes is no folder"):
        estimator(EstimatorConfig(kind="precomputed", source=tmp_path / "no-meshes"))


def test_precomputed_meshes_are_found_by_the_photos_names(tmp_path: Path) -> None:
    vertices = np.arange(12, dtype=np.float64).reshape(4, 3)
    faces = np.array([[0, 1, 2], [1, 2, 3]], np.int32)
    (tmp_path / "0001").mkdir()
    np.savez(tmp_path / "0001" / "a.npz", vertices=vertices, faces=faces, azimuth=45.0, camera=[0.9, 0.1, -0.2])
    (tmp_path / "b.obj").write_text(OBJ)
    first, second = Precomputed(tmp_path)([PHOTO, PHOTO], ["0001/a.jpg", "b.png"])
    np.testing.assert_allclose(first.vertices.numpy(), vertices)
    assert first.vertices.dtype == torch.float32 and first.faces.dtype == torch.int64
    assert first.azimuth == 45 and first.camera == WeakCamera(0.9, 0.1, -0.2)
    assert second.vertices.shape == (4, 3) and second.azimuth is None and second.camera is None


def test_meshes_without_faces_share_those_of_a_mesh_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", vertices=np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"a.npz has no faces"):
        Precomputed(tmp_path)([PHOTO], ["a.jpg"])
    (tmp_path / "body.obj").write_text(OBJ)
    config = EstimatorConfig(kind="precomputed", source=tmp_path, body=tmp_path / "body.obj")
    (found,) = estimator(config)([PHOTO], ["a.jpg"])
    assert len(found.faces) == 3


def test_missing_meshes_are_counted_and_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "p3.npz", vertices=np.zeros((3, 3)), faces=[[0, 1, 2]])
    names = [f"p{i}.jpg" for i in range(9)]
    meshes = Precomputed(tmp_path)
    assert meshes.missing(names) == [name for name in names if name != "p3.jpg"]
    with pytest.raises(FileNotFoundError, match=r"8 of 9 photos have no mesh in .*: p0.jpg, p1.jpg, p2.jpg, p4.jpg"):
        meshes([PHOTO] * 9, names)
    with pytest.raises(ValueError, match="0 names for 1 photos"):
        meshes([PHOTO])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"faces": [[0, 1, 2]]}, "has no vertices"),
        ({"vertices": np.zeros((3, 2)), "faces": [[0, 1, 2]]}, r"vertices \(3, 2\)"),
        ({"vertices": np.full((3, 3), np.nan), "faces": [[0, 1, 2]]}, "all finite"),
        ({"vertices": np.zeros((3, 3)), "faces": [[0, 1, 3]]}, "3 vertices and faces of 0 to 3"),
        ({"vertices": np.zeros((3, 3)), "faces": [[0.0, 1, 2]]}, "wanted integers"),
        ({"vertices": np.zeros((3, 3)), "faces": [[0, 1, 2]], "camera": [0.0, 0, 0]}, "wanted a positive scale"),
        ({"vertices": np.zeros((3, 3)), "faces": [[0, 1, 2]], "azimuth": [1, 2]}, "has 2 azimuths"),
    ],
)
def test_damaged_meshes_are_named(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=rf"a.npz .*{message}"):
        Precomputed(tmp_path)([PHOTO], ["a.jpg"])


def test_files_that_are_no_meshes_are_named(tmp_path: Path) -> None:
    for content in (b"PK\x03\x04 cut", b"text"):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"a.npz is no mesh that can be read: it is no .npz archive"):
            Precomputed(tmp_path)([PHOTO], ["a.jpg"])
    np.savez_compressed(tmp_path / "a.npz", vertices=np.arange(999.0))
    torn = bytearray((tmp_path / "a.npz").read_bytes())
    torn[100:200] = bytes(100)
    (tmp_path / "a.npz").write_bytes(torn)
    with pytest.raises(ValueError, match=r"a.npz is no mesh that can be read"):
        Precomputed(tmp_path)([PHOTO], ["a.jpg"])
    np.savez(tmp_path / "b.npz", vertices=np.array([object()]))
    with pytest.raises(ValueError, match=r"b.npz is no mesh that can be read"):
        Precomputed(tmp_path)([PHOTO], ["b.jpg"])


def test_a_folder_of_projections_is_told_apart_from_one_of_meshes(tmp_path: Path) -> None:
    (tmp_path / "train" / "render").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds projections already"):
        Precomputed(tmp_path)
