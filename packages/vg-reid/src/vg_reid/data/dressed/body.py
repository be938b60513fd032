"""The bodies of Anny in the middle of a walk."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from vg_reid.data.dressed.looks import Look
from vg_reid.mesh.anny import AnnyBody

REGIONS = ("head", "torso", "arm", "hand", "leg", "foot")
_BONES = {  # beginnings of the names of Anny's bones
    "head": ("neck02", "neck03", "head", "eye"),
    "torso": ("root", "pelvis", "spine", "clavicle", "shoulder", "neck01"),
    "arm": ("upperarm", "lowerarm"),
    "hand": ("wrist", "finger", "metacarpal"),
    "leg": ("upperleg", "lowerleg"),
    "foot": ("foot", "toe"),
}


class Gait(NamedTuple):
    """How a body holds itself in one picture; angles in radians."""

    phase: float
    """Of the walk: 0 and pi have one leg before the other."""
    stride: float
    """Angle of the hips at its largest; 0 stands."""
    arms: float
    """How far the arms are from the sides."""
    elbow: float
    """How far the elbows are bent."""
    head: float
    """Turn of the head to the person's left."""
    lean: float
    """Of the trunk, forward."""


@dataclass(frozen=True)
class Posed:
    """One body in one pose, facing +z, y up, the soles at y = 0; meters."""

    vertices: Tensor
    """(v, 3)"""
    bones: dict[str, Tensor] = field(repr=False)
    """By name the (4, 4) transform from the neutral body's rest pose to this pose, along with the change of size."""


class Bodies:
    """Anny, with what dressing needs to know of each vertex.

    Raises:
        ValueError: if Anny is not installed; the message names the extra.
    """

    def __init__(self) -> None:
        body = AnnyBody()
        self._model = body.model
        self.names: list[str] = list(self._model.bone_labels)
        self.faces = body.faces
        with torch.no_grad():
            neutral = self._model()
        self.rest = upright(neutral["rest_vertices"][0])
        self._heads = upright(neutral["rest_bone_heads"][0])
        weights: Tensor = self._model.dense_vertex_bone_weights
        groups = [[name.startswith(_BONES[region]) for name in self.names] for region in REGIONS]
        self.regions = weights @ torch.tensor(groups, dtype=weights.dtype).T
        """(v, 6): how much each vertex belongs to each of REGIONS, summing to 1."""

    def joint(self, bone: str) -> Tensor:
        """Where a bone of the neutral body begins, (3,)."""
        return self._heads[self.names.index(bone)]

    @torch.no_grad()
    def pose(self, look: Look, gait: Gait) -> Posed:
        """Give a person's body a pose."""
        phenotype = {
            name: torch.tensor([float(getattr(look, name))])
            for name in ("gender", "age", "muscle", "weight", "height", "proportions")
        }
        out = self._model(pose_parameters=_turns(gait), phenotype_kwargs=phenotype)
        vertices = upright(out["vertices"][0])
        ground = vertices[:, 1].amin()
        axis = torch.tensor([0.0, float(ground), 0.0])
        size = float((vertices[:, 1].amax() - ground) / (self.rest[:, 1].amax() - self.rest[:, 1].amin()))
        heads = upright(out["rest_bone_heads"][0])
        moves = out["bone_poses"][0] @ torch.linalg.inv(out["rest_bone_poses"][0])
        turn = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
        rotations = turn @ moves[:, :3, :3] @ turn.T
        bones = torch.eye(4).repeat(len(self.names), 1, 1)
        bones[:, :3, :3] = rotations * size
        bones[:, :3, 3] = (
            (rotations @ (heads - size * self._heads)[..., None])[..., 0] + upright(moves[:, :3, 3]) - axis
        )
        return Posed(vertices - axis, dict(zip(self.names, bones, strict=True)))


def upright(points: Tensor) -> Tensor:
    """Turn Anny's axes (z up, facing -y) into ours (y up, facing +z)."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, z, -y], dim=-1)


def _turns(gait: Gait) -> dict[str, Tensor]:
    """Rotate bones, about the axes of Anny's neutral body."""
    swing = gait.stride * math.cos(gait.phase)
    turns = {
        "spine03": _about("x", gait.lean) @ _about("z", 0.12 * swing),
        "neck02": _about("z", gait.head) @ _about("x", -gait.lean),
    }
    for side, sign in (("L", 1.0), ("R", -1.0)):
        forward = sign * swing
        lifted = max(0.0, sign * math.sin(gait.phase))  # the leg that comes from behind is bent
        turns[f"upperleg01.{side}"] = _about("y", sign * 0.08) @ _about("x", -forward - 0.5 * gait.stride * lifted)
        turns[f"lowerleg01.{side}"] = _about("x", gait.stride * (0.25 + 1.4 * lifted))
        down = _about("y", sign * (0.68 - gait.arms))
        turns[f"upperarm01.{side}"] = _about("x", 0.8 * forward + 0.1) @ down
        turns[f"lowerarm01.{side}"] = _about("x", -gait.elbow + 0.3 * min(0.0, forward))
    return {name: turn[None] for name, turn in turns.items()}


def _about(axis: str, angle: float) -> Tensor:
    """Rotate about one axis by radians: (4, 4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = torch.eye(4)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[second, first], matrix[first, second] = sine, -sine
    return matrix
