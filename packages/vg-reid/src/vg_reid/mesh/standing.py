"""No estimate at all: everybody stands upright and faces the camera."""

from collections.abc import Sequence

import torch
from PIL import Image

from vg_reid.mesh.body import BodyModel
from vg_reid.mesh.estimate import MeshEstimate


class Standing:
    """One body, at azimuth 0, for every photo: what an estimator must be better than.

    Args:
        body: stands in its own standing pose, as an average adult.
    """

    def __init__(self, body: BodyModel) -> None:
        with torch.no_grad():
            self.estimate = MeshEstimate(body()[0].cpu(), body.faces.cpu(), azimuth=0.0)

    def __call__(self, images: Sequence[Image.Image], names: Sequence[str] = ()) -> list[MeshEstimate]:
        """Give the same body for each photo, as `vg_reid.mesh.estimate.Estimator` says."""
        return [self.estimate] * len(images)
