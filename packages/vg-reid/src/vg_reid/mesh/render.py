"""Pictures of a turned body: shaded, silhouette, depth or parts (6.3.1)."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from vg_reid.mesh import pytorch3d, raster
from vg_reid.mesh.camera import Camera, fit_camera, project
from vg_reid.mesh.raster import Fragments
from vg_reid.mesh.rotate import rotate

Mode = Literal["shaded", "silhouette", "depth", "parts"]
Backend = Literal["torch", "pytorch3d"]

LIGHT = (0.0, 0.5, 1.0)  # towards the light, which stands with the camera: it does not turn with the body
AMBIENT = 0.25  # what a surface shows that turns away from the light
VIEWS = 4  # drawn at once on a CPU, whose cache holds what they need; elsewhere 16 times as many


def render(
    vertices: Tensor,
    faces: Tensor,
    azimuths: Sequence[float] = (0,),
    size: tuple[int, int] = (256, 128),
    *,
    mode: Mode = "shaded",
    camera: Camera | Sequence[Camera] | None = None,
    parts: Tensor | None = None,
    backend: Backend = "torch",
) -> Tensor:
    """Turn bodies about the vertical axis x = z = 0 and draw them.

    Args:
        vertices: one body (v, 3) or several (b, v, 3) in meters: y up, z towards the camera at azimuth 0.
        faces: corners of the triangles, (f, 3) integers; both sides can be seen.
        azimuths: a degrees each; at 90 the body's front is to the image's right.
        size: height and width, pixels.
        mode: "shaded", 0 to 1 with smooth normals; "silhouette", 0 or 1; "depth" in meters from the camera's plane,
            infinite where there is nothing; "parts", the numbers of the parts. Where there is nothing, all but depth
            are 0.
        camera: one for all bodies or one each; by default each body fills the image, at no azimuth beyond its edges.
        parts: (f,), the part of each triangle, from 1; for mode "parts" alone.
        backend: "torch", our own z-buffer; or "pytorch3d", which must be installed.
    Returns:
        (a, h, w) of one body, (b, a, h, w) of several, in the type and on the device of `vertices`.
    Raises:
        ValueError: if shapes, indices or choices are not as above, or a coordinate is not finite.
    """
    bodies = vertices if vertices.ndim == 3 else vertices[None]
    _check(bodies, faces, azimuths, size, mode, parts, backend)
    if camera is None:
        cameras = [fit_camera(body, size) for body in bodies]
    else:
        cameras = [camera] * len(bodies) if isinstance(camera, Camera) else list(camera)
    if len(cameras) != len(bodies):
        raise ValueError(f"{len(cameras)} cameras for {len(bodies)} bodies, wanted one each")
    faces = faces.to(bodies.device, torch.int64)
    normals = vertex_normals(bodies, faces) if mode == "shaded" else None
    angles = torch.as_tensor(azimuths, dtype=bodies.dtype, device=bodies.device)
    pictures = []
    at_once = VIEWS if bodies.device.type == "cpu" else 16 * VIEWS
    for chosen in torch.cartesian_prod(torch.arange(len(bodies)), torch.arange(len(angles))).split(at_once):
        body, turn = (column.to(bodies.device) for column in chosen.T)
        turned = rotate(bodies[body], angles[turn])
        seen = fragments(turned, faces, [cameras[i] for i in chosen[:, 0].tolist()], size, backend=backend)
        if normals is not None:
            pictures.append(_shade(seen, faces, rotate(normals[body], angles[turn])))
        else:
            pictures.append(_flat(seen, mode, parts).to(bodies.dtype))
    result = torch.cat(pictures).view(len(bodies), len(angles), *size)
    return result if vertices.ndim == 3 else result[0]


def fragments(
    vertices: Tensor, faces: Tensor, cameras: Sequence[Camera], size: tuple[int, int], *, backend: Backend = "torch"
) -> Fragments:
    """Find what n cameras see of n bodies (n, v, 3) as they stand; for textures and masks of your own."""
    if backend == "pytorch3d":
        return pytorch3d.rasterize(vertices, faces, cameras, size)
    return raster.rasterize(*project(vertices, cameras, size), faces, size)


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return the unit normals at the vertices (b, v, 3), by the areas of the triangles around them; outward where these
    run counterclockwise."""
    a, b, c = (vertices.index_select(1, corner) for corner in faces.T)
    across = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices)
    for corner in faces.T:
        normals.index_add_(1, corner, across)
    return F.normalize(normals, dim=-1, eps=1e-20)


def _shade(seen: Fragments, faces: Tensor, normals: Tensor) -> Tensor:
    """Light the visible pixels alone: each from its triangle's corners, the side that is seen."""
    found = seen.faces.flatten()
    pixel = (found >= 0).nonzero().squeeze(1)
    view = pixel // seen.faces[0].numel()
    corners = faces.index_select(0, found[pixel]) + (view * normals.shape[1])[:, None]
    around = normals.flatten(0, 1).index_select(0, corners.flatten()).view(-1, 3, 3)
    weights = seen.weights.flatten(0, 2).index_select(0, pixel)
    normal = F.normalize((weights[..., None] * around).sum(1), dim=-1, eps=1e-20)
    normal = torch.where(normal[:, 2:] < 0, -normal, normal)
    light = F.normalize(normal.new_tensor(LIGHT), dim=0)
    picture = seen.depth.new_zeros(found.shape)
    picture[pixel] = AMBIENT + (1 - AMBIENT) * (normal @ light).clamp(min=0)
    return picture.view_as(seen.depth)


def _flat(seen: Fragments, mode: Mode, parts: Tensor | None) -> Tensor:
    if mode == "depth":
        return seen.depth
    covered = seen.faces >= 0
    if parts is None:
        return covered
    return torch.where(covered, parts.to(covered.device)[seen.faces.clamp(min=0)], 0)


def _check(
    bodies: Tensor,
    faces: Tensor,
    azimuths: Sequence[float],
    size: tuple[int, int],
    mode: Mode,
    parts: Tensor | None,
    backend: Backend,
) -> None:
    if bodies.ndim != 3 or bodies.shape[-1] != 3 or not bodies.is_floating_point() or not bodies.numel():
        raise ValueError(f"vertices are {bodies.dtype} {tuple(bodies.shape)}, wanted floats (v, 3) or (b, v, 3)")
    if not bodies.isfinite().all():
        raise ValueError("vertices are not all finite, wanted meters")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.is_floating_point() or not len(faces):
        raise ValueError(f"faces are {faces.dtype} {tuple(faces.shape)}, wanted integers (f, 3)")
    if faces.min() < 0 or faces.max() >= bodies.shape[1]:
        raise ValueError(f"faces name vertices {int(faces.min())} to {int(faces.max())} of {bodies.shape[1]}")
    if not len(azimuths) or len(size) != 2 or min(size) < 1:
        raise ValueError(f"{len(azimuths)} azimuths at {tuple(size)} pixels, wanted one or more of both")
    if mode not in get_args(Mode) or backend not in get_args(Backend):
        raise ValueError(f"mode {mode!r} of {backend!r}, wanted {get_args(Mode)} of {get_args(Backend)}")
    if (mode == "parts") != (parts is not None) or (parts is not None and parts.shape != faces.shape[:1]):
        given = None if parts is None else tuple(parts.shape)
        raise ValueError(f"mode {mode!r} with parts {given}, wanted ({len(faces)},) for 'parts' and else None")
