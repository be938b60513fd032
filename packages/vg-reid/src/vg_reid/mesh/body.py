"""What a body model is: parameters in, vertices out."""

from typing import Protocol

from torch import Tensor


class BodyModel(Protocol):
    """A body in meters: y up, facing +z, its left to +x, standing around the vertical axis x = z = 0."""

    @property
    def faces(self) -> Tensor:
        """Corners of the triangles, (f, 3) int64, counterclockwise seen from outside."""

    @property
    def parts(self) -> Tensor | None:
        """The part of each triangle, (f,), as numbered in `vg_reid.mesh.parts.PARTS` from 1; None where unknown."""

    @property
    def joints(self) -> tuple[str, ...]:
        """Names of the joints, in the order of `pose`."""

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of the numbers of `shape`."""

    def __call__(self, pose: Tensor | None = None, shape: Tensor | None = None) -> Tensor:
        """Pose b bodies.

        Args:
            pose: turn of each joint against its parent, (b, j, 3), axis times angle in radians; None: standing with the
                arms down.
            shape: (b, s); None: an average adult.
        Returns:
            Vertices, (b, v, 3), meters; differentiable in both arguments.
        Raises:
            ValueError: if a shape is another.
        """
        ...


def check_parameters(pose: Tensor | None, shape: Tensor | None, joints: int, numbers: int) -> int:
    """Return b, the number of bodies that pose and shape describe.

    Raises:
        ValueError: if they are not (b, joints, 3) and (b, numbers).
    """
    counts = set()
    for name, value, wanted in (("pose", pose, (joints, 3)), ("shape", shape, (numbers,))):
        if value is not None:
            if tuple(value.shape[1:]) != wanted or value.ndim != len(wanted) + 1:
                raise ValueError(f"{name} is {tuple(value.shape)}, wanted (b, {', '.join(map(str, wanted))})")
            counts.add(len(value))
    if len(counts) > 1:
        raise ValueError(f"poses and shapes are of {' and '.join(map(str, sorted(counts)))} bodies, wanted as many")
    return counts.pop() if counts else 1
