"""The same views by PyTorch3D, where it is installed: it is on no package index and is built from its source.

Differences that remain: PyTorch3D leaves out pixels whose middle lies exactly on an edge, and cuts triangles that reach
behind the camera, where our z-buffer leaves them out.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vg_reid.mesh.camera import Camera
from vg_reid.mesh.raster import NEAR, Fragments


def rasterize(vertices: Tensor, faces: Tensor, cameras: Sequence[Camera], size: tuple[int, int]) -> Fragments:
    """Find what n cameras see of n bodies.

    Args:
        vertices: (n, v, 3), meters.
        faces: (f, 3) int64.
        cameras: n of them, as `FoVPerspectiveCameras(fov, R=diag(-1, 1, -1), T=(x, -y, distance))`.
        size: height and width, pixels.
    Raises:
        ValueError: if PyTorch3D is not installed.
    """
    try:
        from pytorch3d.renderer import FoVPerspectiveCameras, MeshRasterizer, RasterizationSettings
        from pytorch3d.structures import Meshes
    except ImportError:
        raise ValueError("backend 'pytorch3d' needs PyTorch3D (built from its source), wanted it or 'torch'") from None

    device = vertices.device
    place = torch.tensor([(c.x, -c.y, c.distance) for c in cameras], device=device)
    turn = torch.diag(torch.tensor([-1.0, 1.0, -1.0], device=device)).expand(len(cameras), 3, 3)
    fov = torch.tensor([c.fov for c in cameras], device=device)
    settings = RasterizationSettings(
        image_size=size, blur_radius=0.0, faces_per_pixel=1, perspective_correct=True, cull_backfaces=False
    )
    rasterizer = MeshRasterizer(
        cameras=FoVPerspectiveCameras(fov=fov, R=turn, T=place, znear=NEAR, device=device), raster_settings=settings
    )
    seen = rasterizer(Meshes(verts=vertices.float(), faces=faces.expand(len(vertices), -1, -1)))
    packed = seen.pix_to_face[..., 0]
    empty = packed < 0
    first = torch.arange(len(vertices), device=device)[:, None, None] * len(faces)  # it counts on over the bodies
    return Fragments(
        torch.where(empty, -1, packed - first),
        torch.where(empty, torch.inf, seen.zbuf[..., 0]).to(vertices.dtype),
        torch.where(empty[..., None], 0.0, seen.bary_coords[..., 0, :]).to(vertices.dtype),
    )
