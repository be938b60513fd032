"""Perspective cameras in front of a body, with the conventions of PyTorch3D's FoVPerspectiveCameras."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FIELD_OF_VIEW = 10.0  # degrees across the shorter side: a street camera several meters away


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera on the z axis that looks at (x, y, 0) along -z; image right is +x, image up is +y, all in meters.

    It is PyTorch3D's `FoVPerspectiveCameras(fov, R=diag(-1, 1, -1), T=(x, -y, distance))`: the field of view spans the
    shorter side of the image, and depth is the distance along the viewing direction.
    """

    distance: float
    """From the camera to the plane z = 0."""
    x: float = 0.0
    y: float = 0.0
    fov: float = FIELD_OF_VIEW
    """Degrees across the shorter side of the image."""

    def __post_init__(self) -> None:
        if not 0 < self.fov < 180:
            raise ValueError(f"fov is {self.fov}, wanted degrees between 0 and 180")
        if not (self.distance > 0 and math.isfinite(self.distance + self.x + self.y)):
            raise ValueError(f"camera at ({self.x}, {self.y}, {self.distance}), wanted finite numbers, distance > 0")

    @property
    def slope(self) -> float:
        """Half the shorter side of the image at one meter's depth, in meters."""
        return math.tan(math.radians(self.fov) / 2)


def fit_camera(
    vertices: Tensor, size: tuple[int, int] = (256, 128), *, fill: float = 0.95, fov: float = FIELD_OF_VIEW
) -> Camera:
    """Find the camera that shows a body as large as possible at every azimuth, without moving between azimuths.

    Args:
        vertices: (v, 3), meters.
        size: height and width of the image, pixels.
        fill: share of the image's height, or width, that the body may take.
        fov: degrees across the shorter side.
    """
    low, high = (float(value) for value in torch.aminmax(vertices[:, 1]))
    radius = float(vertices[:, ::2].norm(dim=1).max())
    camera = Camera(distance=1.0, fov=fov)
    slopes = [fill * camera.slope * side / min(size) for side in size]
    reach = max((high - low) / 2 / slopes[0], radius / slopes[1])
    return Camera(distance=max(reach, 1e-6) + radius, y=(high + low) / 2, fov=fov)


def weak_camera(scale: float, tx: float, ty: float, size: tuple[int, int] = (256, 128), fov: float = 2.5) -> Camera:
    """Turn a weak perspective camera, as HMR predicts it, into a distant perspective one.

    Args:
        scale: half image heights to a meter: the body's (x + tx, y + ty) times `scale` is the place in the image, -1 to
            1 from its bottom to its top.
        tx: shift of the body to the image's right, meters.
        ty: shift of the body upward, meters.
        size: height and width of the image, pixels.
        fov: degrees across the shorter side; the smaller, the nearer to weak perspective.
    Raises:
        ValueError: if the scale is not positive.
    """
    if not scale > 0:
        raise ValueError(f"scale of the weak camera is {scale}, wanted more than 0")
    slope = Camera(distance=1.0, fov=fov).slope * size[0] / min(size)
    return Camera(distance=1 / (scale * slope), x=-tx, y=-ty, fov=fov)


def project(vertices: Tensor, cameras: Sequence[Camera], size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Project points to pixels; the middle of the upper left pixel is (0, 0).

    Args:
        vertices: (n, v, 3), one camera each, meters.
        cameras: n of them.
        size: height and width, pixels.
    Returns:
        column, row and depth of each point, all (n, v); depth in meters, points behind the camera have none above 0 and
        no meaningful column and row.
    """
    place = torch.tensor([(c.x, c.y, c.distance, c.slope) for c in cameras], dtype=vertices.dtype)
    x, y, distance, slope = place.to(vertices.device)[:, :, None].unbind(1)
    height, width = size
    depth = distance - vertices[..., 2]
    scale = min(size) / 2 / (slope * depth)
    return (
        (vertices[..., 0] - x) * scale + (width - 1) / 2,
        (y - vertices[..., 1]) * scale + (height - 1) / 2,
        depth,
    )
