"""One mesh from a file as a body: for those who need neither poses nor shapes."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vg_reid.files import read_npz
from vg_reid.mesh.body import check_parameters


@dataclass(frozen=True, eq=False)
class FixedBody:
    """A body that always stands the same: no joints, no shape."""

    vertices: Tensor  # (v, 3), meters
    faces: Tensor  # (f, 3)
    parts: Tensor | None = None

    joints: tuple[str, ...] = ()
    shape_names: tuple[str, ...] = ()

    def __call__(self, pose: Tensor | None = None, shape: Tensor | None = None) -> Tensor:
        """Return the body, (1, v, 3), or b times of it where pose (b, 0, 3) or shape (b, 0) say so."""
        return self.vertices.expand(check_parameters(pose, shape, 0, 0), -1, -1)


def read_body(path: str | Path) -> FixedBody:
    """Read a mesh file, y up and facing +z in meters, and move it onto the vertical axis by the middle of its box.

    Args:
        path: .obj (polygons are cut into triangles, all else is left out), .npz with `vertices` (v, 3) and `faces`
            (f, 3), or .ply, for which trimesh must be installed.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is of another kind, damaged, has no triangles, or a coordinate is not finite.
    """
    vertices, faces = read_mesh(Path(path))
    middle = (vertices.min(0) + vertices.max(0)) / 2
    centered = torch.from_numpy(vertices - middle * [1, 0, 1]).float()
    return FixedBody(centered, torch.from_numpy(faces))


def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the vertices (v, 3) float64 and triangles (f, 3) int64 of a mesh file as they are; see `read_body`."""
    readers = {".obj": _read_obj, ".npz": _read_npz, ".ply": _read_ply}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path} ends in {path.suffix!r}, wanted a mesh: {', '.join(readers)}")
    try:
        vertices, faces = readers[path.suffix.lower()](path)
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise ValueError(f"{path} is no mesh that can be read: {error}") from None
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
        raise ValueError(f"{path} has vertices {vertices.shape} and faces {faces.shape}, wanted (v, 3) and (f, 3)")
    if not np.isfinite(vertices).all():
        raise ValueError(f"{path} has coordinates that are not finite")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(f"{path} has faces of vertices {faces.min()} to {faces.max()}, but {len(vertices)} vertices")
    return vertices, faces


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    vertices: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        kind, *words = line.split() or [""]
        try:
            if kind == "v":
                vertices.append([float(word) for word in words[:3]])
            elif kind == "f":
                corners = [int(word.split("/")[0]) for word in words]  # vertex/texture/normal
                corners = [corner - 1 if corner > 0 else len(vertices) + corner for corner in corners]
                faces += [(corners[0], a, b) for a, b in itertools.pairwise(corners[1:])]
        except ValueError:
            raise ValueError(f"line {number} is {line[:40]!r}") from None
    return np.array(vertices, dtype=np.float64), np.array(faces, dtype=np.int64)


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    arrays = read_npz(path)
    return arrays["vertices"].astype(np.float64), arrays["faces"].astype(np.int64)


def _read_ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        import trimesh
    except ImportError:
        raise ValueError("trimesh is not installed, wanted the extra vg-reid[mesh] or an .obj file") from None
    mesh: Any = trimesh.load(path, process=False, force="mesh")
    return np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64)
