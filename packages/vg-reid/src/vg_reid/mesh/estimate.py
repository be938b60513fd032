"""From photos of persons to meshes (6.3.1): what an estimate is, and the one choice of how it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from PIL import Image
from torch import Tensor

from vg_reid.mesh.crop import WeakCamera

Kind = Literal["standing", "regressor", "hmr", "spin", "precomputed"]

NEEDS: dict[Kind, tuple[str, ...]] = {  # the paths without which a kind cannot work
    "standing": (),
    "regressor": ("source",),
    "hmr": ("source", "body"),
    "spin": ("source", "body"),
    "precomputed": ("source",),
}


@dataclass(frozen=True)
class MeshEstimate:
    """The body of one person as the camera of the photo sees it: ready to be rendered, or rotated and rendered."""

    vertices: Tensor  # (v, 3) in meters, y up, x to the right of the photo, z towards the camera; already turned
    faces: Tensor  # (f, 3) indices of vertices, int64
    azimuth: float | None = None  # degrees by which the body was turned; None: not known on its own
    camera: WeakCamera | None = None  # where the body is in the photo; None: not known


class Estimator(Protocol):
    """Any way from photos to meshes."""

    def __call__(self, images: Sequence[Image.Image], names: Sequence[str] = ()) -> list[MeshEstimate]:
        """Estimate one body a photo.

        Args:
            images: crops around one person each, of any size and mode.
            names: paths of the photos below their folder, by which precomputed meshes are found; others ignore them.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class EstimatorConfig:
    """How meshes are made; what is chosen here is done or refused, never replaced by another way."""

    kind: Kind = "standing"
    """standing: one upright body seen from the front, no estimate at all. regressor: the net of `vg-train fit body`.
    hmr, spin: networks with public checkpoints and the SMPL body, by path. precomputed: a folder of meshes."""
    source: Path | None = None
    """regressor: its model folder; hmr and spin: the checkpoint; precomputed: the folder of meshes."""
    body: Path | None = None
    """hmr and spin: the SMPL model file. precomputed: a mesh file whose faces those meshes share that have none."""
    mean: Path | None = None
    """hmr and spin: the mean parameters (.npz), where the checkpoint lacks them."""
    device: str = "cpu"
    """Where the nets run."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind={self.kind!r}, wanted one of {', '.join(get_args(Kind))}")
        for name in NEEDS[self.kind]:
            if getattr(self, name) is None:
                raise ValueError(f"kind={self.kind!r} without {name}, wanted its path")
