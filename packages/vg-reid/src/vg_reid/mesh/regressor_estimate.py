"""The trained body regressor as an estimator of meshes, and pictures of what it estimates."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vg_reid.data.transforms import to_rgb, to_tensor
from vg_reid.mesh.body import BodyModel
from vg_reid.mesh.camera import weak_camera
from vg_reid.mesh.crop import WeakCamera
from vg_reid.mesh.estimate import MeshEstimate
from vg_reid.mesh.regressor import BodyRegressor, Theta, full_pose
from vg_reid.mesh.render import render
from vg_reid.mesh.rotate import rotate

GAP = 4  # white pixels between pictures
BLUE = (0.35, 0.6, 1.0)  # of a drawn body


class RegressorEstimator:
    """Photos to Anny meshes, through the body regressor.

    The net sees each photo squeezed to its own height and width, 1:2; the camera is brought back to the photo's shape.

    Args:
        net: trained.
        body: what it was trained on, on the same device.
    """

    def __init__(self, net: BodyRegressor, body: BodyModel) -> None:
        self.net, self.body = net.eval(), body

    def __call__(self, images: Sequence[Image.Image], names: Sequence[str] = ()) -> list[MeshEstimate]:
        """Estimate bodies, as `vg_reid.mesh.estimate.Estimator` says; all photos go through the net together."""
        if not images:
            return []
        config = self.net.config
        photos = torch.stack([to_tensor(image, config.height, config.width) for image in images])
        theta = self.net.estimate(photos.to(self.net.mean.device))
        vertices = posed(self.body, self.net, theta).cpu()
        faces = self.body.faces.cpu()
        squeezed = config.width / config.height
        return [
            MeshEstimate(mesh, faces, azimuth, _camera(camera, image.size, squeezed))
            for mesh, azimuth, camera, image in zip(
                vertices, theta.degrees.tolist(), theta.camera.tolist(), images, strict=True
            )
        ]


@torch.no_grad()
def posed(body: BodyModel, net: BodyRegressor, theta: Theta) -> Tensor:
    """Pose and turn the bodies that theta describes: vertices (b, v, 3)."""
    pose = full_pose(body, net.config.joints, theta.pose)
    return rotate(body(pose, theta.shape), theta.degrees)


def _camera(camera: Sequence[float], size: tuple[int, int], squeezed: float) -> WeakCamera:
    """Bring the camera of a squeezed photo, counted in halves of its height, to the photo's square box."""
    scale, x, y = camera
    width, height = size
    return WeakCamera(scale * height / max(size), x * width / (height * squeezed), y)


def estimate_sheet(photos: Sequence[Image.Image], estimates: Sequence[MeshEstimate], columns: int = 8) -> Image.Image:
    """Draw each photo beside the body that was estimated in it, where its camera puts it; 128 pixels high.

    Args:
        photos: the crops.
        estimates: one each; one without a camera is drawn as large as fits.
        columns: pairs in a row.
    Raises:
        ValueError: if there are no photos, or not one estimate each.
    """
    if not photos or len(photos) != len(estimates):
        raise ValueError(f"{len(estimates)} estimates of {len(photos)} photos, wanted one each, at least one")
    size = (128, 64)
    pairs = []
    for photo, estimate in zip(photos, estimates, strict=True):
        shown = np.asarray(to_rgb(photo).resize(size[::-1], Image.Resampling.BICUBIC), np.float32) / 255
        pairs.append(np.concatenate([shown, _drawn(estimate, photo, size, shown)], axis=1))
    pairs += [np.ones_like(pairs[0])] * (-len(pairs) % columns)
    padded = [np.pad(pair, ((0, GAP), (0, GAP), (0, 0)), constant_values=1) for pair in pairs]
    rows = [np.concatenate(padded[start : start + columns], axis=1) for start in range(0, len(padded), columns)]
    return Image.fromarray((np.concatenate(rows) * 255).round().astype(np.uint8))


def _drawn(estimate: MeshEstimate, photo: Image.Image, size: tuple[int, int], below: np.ndarray) -> np.ndarray:
    """Draw a body in blue over the faded photo: (h, w, 3) in [0, 1]."""
    camera = None
    if estimate.camera is not None:
        scale, x, y = estimate.camera
        camera = weak_camera(scale * max(photo.size) / photo.height, x, y, size)
    shaded = render(estimate.vertices, estimate.faces, (0,), size, camera=camera)[0].numpy()[..., None]
    return np.where(shaded > 0, shaded * np.array(BLUE, np.float32), 0.5 + 0.5 * below)
