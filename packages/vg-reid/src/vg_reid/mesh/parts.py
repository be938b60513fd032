"""The parts of a body that a part map tells apart."""

import torch
from torch import Tensor

PARTS = ("torso", "head", "left arm", "right arm", "left leg", "right leg")  # numbered from 1; 0 is the background


def face_parts(vertex_parts: Tensor, faces: Tensor) -> Tensor:
    """Give each triangle (f,) the part that most of its corners belong to; of three parts, the middle one.

    Args:
        vertex_parts: the part of each vertex, (v,) int64.
        faces: (f, 3) int64.
    """
    return torch.median(vertex_parts[faces], dim=1).values
