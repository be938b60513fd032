"""Anny, a body that anyone may use (Apache-2.0): the default body; needs the extra vg-reid[mesh]."""

from typing import Any

import torch
from torch import Tensor

from vg_reid.mesh.body import check_parameters
from vg_reid.mesh.parts import PARTS, face_parts
from vg_reid.mesh.rotate import rotation_matrix

ADULT = {"age": 2 / 3}  # where Anny's blend shapes are a young adult's; 0.5 is half a child

# In Anny's axes (x to the left, y backward, z up) and for the left side: where standing bones point, parents first.
_AIMS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "upperleg01": ("foot", (0.03, 0.0, -1.0)),
    "upperarm01": ("lowerarm01", (0.15, 0.0, -1.0)),
    "lowerarm01": ("wrist", (0.02, -0.15, -1.0)),
}
_TO_Y_UP = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
_LIMBS = {"leg": ("upperleg", "lowerleg", "foot", "toe"), "arm": ("upperarm", "lowerarm", "wrist", "finger", "metacar")}


class AnnyBody:
    """Anny's full body: 13,718 vertices, 27,420 triangles, 104 joints, 6 numbers of shape from 0 to 1.

    The pose is counted from the standing one: zero turns leave it standing with the arms down. Axes of the turns are
    the body's: x to its left, y up, z forward. The root is at the origin.

    Anny itself takes minutes the first time on a machine, when it fills its cache, and seconds after that.

    Args:
        device: where it runs.
    Raises:
        ValueError: if Anny is not installed.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.model = _anny_model().to(device=device, dtype=torch.float32)
        self.joints: tuple[str, ...] = tuple(self.model.bone_labels)
        self.shape_names: tuple[str, ...] = tuple(self.model.phenotype_labels)
        self.faces: Tensor = self.model.get_triangular_faces()
        self.adult = torch.tensor([[ADULT.get(name, 0.5) for name in self.shape_names]], device=device)
        self.parts: Tensor = face_parts(self._vertex_parts(), self.faces)
        stand = self._stand()
        self._child, self._parent = stand, stand[self._parents()].mT
        self._parent[0] = torch.eye(3, device=device)
        self._to_y_up = torch.tensor(_TO_Y_UP, device=device)

    def __call__(self, pose: Tensor | None = None, shape: Tensor | None = None) -> Tensor:
        """Pose b bodies, as `vg_reid.mesh.body.BodyModel` says.

        Args:
            pose: (b, 104, 3), turns from the standing pose, axis times angle in radians.
            shape: (b, 6) in [0, 1]: gender (0 male, 1 female), age (0 baby, 1/3 child, 2/3 young, 1 old), muscle,
                weight, height, proportions.
        """
        bodies = check_parameters(pose, shape, len(self.joints), len(self.shape_names))
        if pose is None:
            turns = torch.eye(3, device=self.adult.device).expand(bodies, len(self.joints), 3, 3)
        else:
            turns = self._to_y_up.mT @ rotation_matrix(pose) @ self._to_y_up
        local = torch.zeros(bodies, len(self.joints), 4, 4, device=turns.device)
        local[..., :3, :3] = self._parent @ turns @ self._child
        local[..., 3, 3] = 1
        shape = self.adult.expand(bodies, -1) if shape is None else shape
        vertices: Tensor = self.model(pose_parameters=local, phenotype_kwargs=shape)["vertices"]
        return vertices @ self._to_y_up.mT

    def _stand(self) -> Tensor:
        """Return how far each bone is turned from Anny's reference pose when standing, (j, 3, 3)."""
        heads = self.model(phenotype_kwargs=self.adult)["rest_bone_heads"][0]
        turned = torch.eye(3, device=heads.device).repeat(len(self.joints), 1, 1)
        for i, (joint, parent) in enumerate(zip(self.joints, self._parents().tolist(), strict=True)):
            name, _, side = joint.partition(".")
            turned[i] = turned[parent]
            if name in _AIMS:
                end, aim = _AIMS[name]
                bone = turned[i] @ (heads[self.joints.index(f"{end}.{side}")] - heads[i])
                target = bone.new_tensor(aim) * bone.new_tensor([1.0 if side == "L" else -1.0, 1.0, 1.0])
                turned[i] = _turn(bone, target) @ turned[i]
            elif name == "foot":
                turned[i] = torch.eye(3)  # flat on the ground
        return turned

    def _parents(self) -> Tensor:
        return torch.tensor(self.model.bone_parents).clamp(min=0)

    def _vertex_parts(self) -> Tensor:
        """Return for each vertex the part of the bone that moves it most."""
        strongest = self.model.vertex_bone_weights.argmax(1, keepdim=True)
        bones = self.model.vertex_bone_indices.gather(1, strongest).squeeze(1)
        return torch.tensor([1 + PARTS.index(_part(joint)) for joint in self.joints], device=bones.device)[bones]


def _anny_model() -> Any:
    try:
        from anny import Anny
    except ImportError:
        raise ValueError("Anny is not installed, wanted the extra vg-reid[mesh], or a mesh file instead") from None
    return Anny(skinning_method="lbs")  # its other way compiles kernels for half a minute


def _part(joint: str) -> str:
    name, _, side = joint.partition(".")
    for limb, prefixes in _LIMBS.items():
        if name.startswith(prefixes):
            return f"{'left' if side == 'L' else 'right'} {limb}"
    return "head" if name.startswith(("neck", "head", "eye")) else "torso"


def _turn(source: Tensor, target: Tensor) -> Tensor:
    """Return the smallest rotation that takes one direction to another, (3, 3)."""
    source, target = source / source.norm(), target / target.norm()
    axis = torch.linalg.cross(source, target)
    return rotation_matrix(axis / axis.norm().clamp(min=1e-12) * torch.atan2(axis.norm(), source @ target))
