"""SMPL through smplx, from a model file of your own; needs the extra vg-reid[smpl].

The code of smplx and the model files are licensed for research that is not commercial, and the model's licence forbids
to use it for surveillance, whoever does it. `vg_reid.mesh.anny` is free of both.
"""

import contextlib
import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vg_reid.files import DAMAGE
from vg_reid.mesh.body import check_parameters
from vg_reid.mesh.parts import PARTS, face_parts
from vg_reid.mesh.rotate import rotation_matrix

VERTICES = 6890
JOINTS = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle"),
    *("spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand"),
)
LICENCE = (
    "SMPL: code and model files are for research that is not commercial, must not be passed on, and their licence "
    "prohibits use for surveillance, which re-identifying people who did not agree to it is. See smpl.is.tue.mpg.de"
)

_SHAPES = {
    "v_template": (VERTICES, 3),
    "shapedirs": (VERTICES, 3, -10),
    "posedirs": (VERTICES, 3, 207),
    "J_regressor": (len(JOINTS), VERTICES),
    "weights": (VERTICES, len(JOINTS)),
    "kintree_table": (2, len(JOINTS)),
    "f": (-1, 3),
}  # a negative number is the least
_ARMS_DOWN = 1.3  # radians from the T of the template
_LEGS = ("hip", "knee", "ankle", "foot")
_ARMS = ("shoulder", "elbow", "wrist", "hand")


class SMPLBody:
    """SMPL: 6,890 vertices, 13,776 triangles, 24 joints, 10 numbers of shape.

    The pose is SMPL's own: zero turns are the T of the template. The origin is SMPL's too, near the chest's middle, so
    that cameras of HMR and SPIN hold.

    Args:
        path: the model file, an .npz or a .pkl with SMPL's arrays, with or without chumpy objects. Nothing that a .pkl
            asks for is run but the making of arrays.
        device: where it runs.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if smplx is not installed, or the file does not hold SMPL's arrays.
    """

    joints = JOINTS
    shape_names = tuple(f"beta{i}" for i in range(10))

    def __init__(self, path: str | Path, device: str | torch.device = "cpu") -> None:
        arrays = read_arrays(Path(path))
        self.model = _layer(arrays).to(device)
        warnings.warn(LICENCE, stacklevel=2)  # Python tells a warning once
        self.faces: Tensor = torch.as_tensor(arrays["f"].astype(np.int64), device=device)
        strongest = torch.as_tensor(arrays["weights"], device=device).argmax(1)
        parts = torch.tensor([1 + PARTS.index(_part(joint)) for joint in JOINTS], device=device)
        self.parts: Tensor = face_parts(parts[strongest], self.faces)
        self.standing = torch.zeros(1, len(JOINTS), 3, device=device)
        self.standing[0, JOINTS.index("left_shoulder"), 2] = -_ARMS_DOWN
        self.standing[0, JOINTS.index("right_shoulder"), 2] = _ARMS_DOWN

    def __call__(self, pose: Tensor | None = None, shape: Tensor | None = None) -> Tensor:
        """Pose b bodies, as `vg_reid.mesh.body.BodyModel` says.

        Args:
            pose: (b, 24, 3), axis times angle in radians, from the T.
            shape: (b, 10), standard deviations.
        """
        bodies = check_parameters(pose, shape, len(JOINTS), len(self.shape_names))
        return self.posed(rotation_matrix(self.standing.expand(bodies, -1, -1) if pose is None else pose), shape)

    def posed(self, rotations: Tensor, shape: Tensor | None = None) -> Tensor:
        """Pose b bodies by matrices.

        Args:
            rotations: (b, 24, 3, 3), of each joint against its parent, the first turning the whole body.
            shape: (b, 10); None: the average body.
        Returns:
            Vertices, (b, 6890, 3), meters.
        """
        shape = rotations.new_zeros(len(rotations), len(self.shape_names)) if shape is None else shape
        vertices: Tensor = self.model(
            betas=shape, global_orient=rotations[:, :1], body_pose=rotations[:, 1:], pose2rot=False
        ).vertices
        return vertices


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read SMPL's arrays from an .npz or a .pkl.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, wants to run code, or an array is missing or of another shape.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                found: dict[str, Any] = {name: archive[name] for name in _SHAPES if name in archive}
        else:
            with path.open("rb") as file:
                found = _ArraysOnly(file, encoding="latin1").load()
    except FileNotFoundError:
        raise
    except (*DAMAGE, OSError) as error:
        raise ValueError(f"{path} is no SMPL file that can be read: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}, wanted the dictionary of an SMPL file")
    arrays = {}
    for name, wanted in _SHAPES.items():
        if name not in found:
            raise ValueError(f"{path} has no {name}, wanted {', '.join(_SHAPES)}")
        arrays[name] = _dense(found[name])
        shape = arrays[name].shape
        if len(shape) != len(wanted) or any(n < -w if w < 0 else n != w for n, w in zip(shape, wanted, strict=True)):
            raise ValueError(f"{path}: {name} is {shape}, wanted {wanted} (negative: at least)")
    return arrays


class _Stub:
    """Stands for chumpy's arrays and scipy's sparse matrices: keeps their state, runs nothing."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


class _ArraysOnly(pickle.Unpickler):
    """Reads numpy arrays, chumpy arrays and sparse matrices; everything else in a pickle is refused."""

    def find_class(self, module: str, name: str) -> Any:
        import copyreg

        from numpy._core.multiarray import _reconstruct, scalar

        if name in ("Ch", "csc_matrix") and module.split(".")[0] in ("chumpy", "scipy"):
            return _Stub
        known = {
            "_reconstruct": _reconstruct,
            "scalar": scalar,
            "ndarray": np.ndarray,
            "dtype": np.dtype,
            "_reconstructor": copyreg._reconstructor,  # type: ignore[attr-defined]
            "object": object,
            "encode": _latin1,
        }
        homes = ("numpy", "copy_reg", "copyreg", "__builtin__", "builtins", "_codecs")
        if name in known and module.split(".")[0] in homes:
            return known[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, wanted arrays only")


def _latin1(text: str, encoding: str) -> bytes:
    """Stand for `_codecs.encode`, which could be asked for other things than bytes."""
    if encoding != "latin1":
        raise ValueError(f"bytes in {encoding}, wanted latin1")
    return text.encode(encoding)


def _dense(value: Any) -> np.ndarray:
    if isinstance(value, _Stub):
        if "x" in value.state:
            return _dense(value.state["x"])
        rows, columns = value.state["_shape"]
        dense = np.zeros((rows, columns), value.state["data"].dtype)
        dense[value.state["indices"], np.repeat(np.arange(columns), np.diff(value.state["indptr"]))] = value.state[
            "data"
        ]
        return dense
    return np.asarray(value)


def _layer(arrays: dict[str, np.ndarray]) -> Any:
    try:
        from smplx import SMPLLayer
        from smplx.utils import Struct
    except ImportError:
        raise ValueError("smplx is not installed, wanted the extra vg-reid[smpl]") from None
    with contextlib.redirect_stdout(io.StringIO()):  # it prints that SMPL has 10 numbers of shape
        return SMPLLayer(model_path="", data_struct=Struct(**arrays))


def _part(joint: str) -> str:
    side, _, name = joint.partition("_")
    if name in _LEGS:
        return f"{side} leg"
    if name in _ARMS:
        return f"{side} arm"
    return "head" if joint in ("neck", "head") else "torso"
