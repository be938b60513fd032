"""Turn a body about the vertical axis (6.3.1)."""

from collections.abc import Sequence

import torch
from torch import Tensor

AZIMUTHS = (45, 90, 135, 180, 225, 270, 315)  # the new structures of 6.3.1
OFFICIAL_AZIMUTHS = AZIMUTHS[:-1]  # the official code never draws 315


def rotate(vertices: Tensor, degrees: float | Sequence[float] | Tensor) -> Tensor:
    """Turn vertices about the y axis; at 90 degrees what faced +z, the camera, faces +x, the image's right.

    Args:
        vertices: (..., v, 3), meters.
        degrees: one angle for all, or angles of shape (...).
    Returns:
        (..., v, 3); the axis is x = z = 0.
    """
    angle = torch.deg2rad(torch.as_tensor(degrees, dtype=vertices.dtype, device=vertices.device))[..., None]
    sine, cosine = angle.sin(), angle.cos()
    x, y, z = vertices.unbind(-1)
    return torch.stack([x * cosine + z * sine, y.expand_as(x), z * cosine - x * sine], dim=-1)


def rotation_matrix(vector: Tensor) -> Tensor:
    """Turn axis times angle (..., 3), radians, into matrices (..., 3, 3); differentiable at 0 as well."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    return torch.linalg.matrix_exp(skew)
