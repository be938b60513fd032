"""From photos of persons to meshes (6.3.1): what an estimate is, and the one choice of how it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from PIL import Image
from torch import Tensor

from vg_reid.mesh.anny import AnnyBody
from vg_reid.mesh.crop import WeakCamera
from vg_reid.mesh.fixed import read_body
from vg_reid.mesh.smpl import SMPLBody

Kind = Literal["standing", "regressor", "hmr", "spin", "precomputed"]

Use = Literal["needed", "optional", "unused"]

PATHS: dict[str, dict[Kind, Use]] = {  # what each kind does with the paths of its config
    "source": {
        "standing": "unused",
        "regressor": "needed",
        "hmr": "needed",
        "spin": "needed",
        "precomputed": "needed",
    },
    "body": {
        "standing": "optional",
        "regressor": "unused",
        "hmr": "needed",
        "spin": "needed",
        "precomputed": "optional",
    },
    "mean": {
        "standing": "unused",
        "regressor": "unused",
        "hmr": "optional",
        "spin": "optional",
        "precomputed": "unused",
    },
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
    """regressor: its model folder. hmr, spin: the checkpoint. precomputed: the folder of meshes."""
    body: Path | None = None
    """standing: a mesh file in the place of Anny. hmr, spin: the SMPL model file. precomputed: a mesh file with the
    faces of those meshes that have none."""
    mean: Path | None = None
    """hmr, spin: the mean parameters (.npz), where the checkpoint lacks them."""
    device: str = "cpu"
    """Where the nets run."""

    def check(self) -> None:
        """Refuse a choice that does not hold together.

        Raises:
            ValueError: if a path is missing that the kind needs, or there is one that it does not read.
        """
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind={self.kind!r}, wanted one of {', '.join(get_args(Kind))}")
        for name, kinds in PATHS.items():
            given = getattr(self, name) is not None
            if kinds[self.kind] == "needed" and not given:
                raise ValueError(f"kind={self.kind!r} without {name}, wanted its path")
            if kinds[self.kind] == "unused" and given:
                raise ValueError(f"kind={self.kind!r} with {name}={getattr(self, name)}, wanted none: it is not read")


def estimator(config: EstimatorConfig) -> Estimator:
    """Make the estimator that was chosen.

    Raises:
        FileNotFoundError: if a file or folder does not exist.
        ValueError: if the choice does not hold together, a file cannot be read, or an extra is not installed (`mesh`
            for Anny, `smpl` for SMPL).
    """
    config.check()
    source, body = config.source, config.body
    match config.kind:
        case "standing":
            from vg_reid.mesh.standing import Standing

            return Standing(read_body(body) if body else AnnyBody())
        case "regressor" if source:
            from vg_reid.mesh.regressor import BodyRegressor
            from vg_reid.mesh.regressor_estimate import RegressorEstimator

            return RegressorEstimator(BodyRegressor.from_pretrained(source).to(config.device), AnnyBody(config.device))
        case "hmr" | "spin" as net if source and body:
            from vg_reid.mesh.hmr import HMREstimator
            from vg_reid.mesh.hmr_official import load

            return HMREstimator(load(source, net, config.mean).to(config.device), SMPLBody(body, config.device))
        case "precomputed" if source:
            from vg_reid.mesh.precomputed import Precomputed

            return Precomputed(source, read_body(body).faces if body else None)
    raise ValueError(f"kind={config.kind!r} without its paths")
