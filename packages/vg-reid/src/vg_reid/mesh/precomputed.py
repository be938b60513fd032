"""Meshes that something else estimated: a folder with one file a photo.

`<folder>/<photo without its suffix>.npz` holds `vertices` (v, 3) and may hold `faces` (f, 3), `azimuth` (degrees) and
`camera` (scale, x, y of `vg_reid.mesh.crop.WeakCamera`); `.obj` holds vertices and faces. Vertices are in meters, y up,
z towards the camera, as the photo shows the person.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vg_reid.files import read_npz
from vg_reid.mesh.crop import WeakCamera
from vg_reid.mesh.estimate import MeshEstimate
from vg_reid.mesh.fixed import read_mesh

SUFFIXES = (".npz", ".obj")
SHOWN = 5  # names of missing meshes in a message


class Precomputed:
    """Reads the mesh of each photo by the photo's name.

    Args:
        folder: of the files.
        faces: (f, 3) of those .npz files that have none.
    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds projections in the official layout: those need no meshes.
    """

    def __init__(self, folder: Path, faces: Tensor | None = None) -> None:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is no folder, wanted one of meshes ({', '.join(SUFFIXES)})")
        if (folder / "train" / "render").is_dir():
            raise ValueError(f"{folder} holds projections already, wanted meshes: give it to the training as it is")
        self.folder, self.faces = folder, faces

    def missing(self, names: Sequence[str]) -> list[str]:
        """Tell which photos have no mesh."""
        return [name for name in names if self._path(name) is None]

    def __call__(self, images: Sequence[Image.Image], names: Sequence[str] = ()) -> list[MeshEstimate]:
        """Read meshes, as `vg_reid.mesh.estimate.Estimator` says.

        Raises:
            FileNotFoundError: if some have none; the message counts and names them.
            ValueError: if there is not one name a photo, or a file is damaged; the message names the file.
        """
        if len(names) != len(images):
            raise ValueError(f"{len(names)} names for {len(images)} photos, wanted one each: meshes are found by them")
        if missing := self.missing(names):
            some = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
            raise FileNotFoundError(f"{len(missing)} of {len(names)} photos have no mesh in {self.folder}: {some}")
        return [self._read(path) for name in names if (path := self._path(name))]

    def _path(self, name: str) -> Path | None:
        paths = (self.folder / Path(name).with_suffix(suffix) for suffix in SUFFIXES)
        return next((path for path in paths if path.is_file()), None)

    def _read(self, path: Path) -> MeshEstimate:
        if path.suffix == ".obj":
            vertices, faces = read_mesh(path)
            return MeshEstimate(torch.from_numpy(vertices).float(), torch.from_numpy(faces))
        try:
            arrays = {name: torch.from_numpy(np.asarray(array)) for name, array in read_npz(path).items()}
        except (ValueError, TypeError, OSError) as error:
            raise ValueError(f"{path} is no mesh that can be read: {error}") from None
        if "faces" not in arrays and self.faces is None:
            raise ValueError(f"{path} has no faces, wanted them in it or in a mesh file for all")
        return _estimate(path, {"faces": self.faces} | arrays)


def _estimate(path: Path, arrays: Mapping[str, Any]) -> MeshEstimate:
    """Check what a file holds."""
    if "vertices" not in arrays:
        raise ValueError(f"{path} has no vertices, wanted (v, 3)")
    vertices, faces = arrays["vertices"], arrays["faces"]
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not vertices.isfinite().all():
        raise ValueError(f"{path} has vertices {tuple(vertices.shape)}, wanted (v, 3), all finite")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.is_floating_point() or not len(faces):
        raise ValueError(f"{path} has faces {faces.dtype} {tuple(faces.shape)}, wanted integers (f, 3)")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(f"{path} has {len(vertices)} vertices and faces of {int(faces.min())} to {int(faces.max())}")
    camera = arrays.get("camera")
    if camera is not None and (camera.shape != (3,) or not camera.isfinite().all() or camera[0] <= 0):
        raise ValueError(f"{path} has camera {camera.tolist()}, wanted a positive scale, x and y")
    azimuth = arrays.get("azimuth")
    if azimuth is not None and azimuth.numel() != 1:
        raise ValueError(f"{path} has {azimuth.numel()} azimuths, wanted one number")
    return MeshEstimate(
        vertices.float(),
        faces.long(),
        azimuth=None if azimuth is None else azimuth.item(),
        camera=None if camera is None else WeakCamera(*camera.tolist()),
    )
