"""Bodies to train the regressor on: random shapes that walk or stand, seen from all around and somewhat from above."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from vg_reid.mesh.body import BodyModel
from vg_reid.mesh.camera import Camera
from vg_reid.mesh.parts import PARTS
from vg_reid.mesh.regressor import JOINTS, Theta, full_pose
from vg_reid.mesh.regressor_photos import Part, Views
from vg_reid.mesh.render import fragments, vertex_normals
from vg_reid.mesh.rotate import rotate
from vg_reid.seeds import seeded

SIZE = (160, 96)  # pixels of a view; crops are cut out of it
FILLED = 0.75  # of the height of a view, by the body
BODIES, AROUND = 16, 4  # bodies at a time, and views of each
SHAPES = {  # grown-up people of all builds; a number of shape that is not named here is drawn from 0.3 to 0.7
    "gender": (0.0, 1.0),
    "age": (0.55, 1.0),
    "muscle": (0.2, 0.9),
    "weight": (0.2, 0.9),
    "height": (0.2, 0.9),
    "proportions": (0.3, 0.9),
}


def make_views(body: BodyModel, count: int, seed: int, progress: Callable[[int], None] | None = None) -> Views:
    """Render random bodies, four views of each.

    Args:
        body: the body; it needs parts, and the joints that the regressor predicts.
        count: how many views.
        seed: view i is a function of (seed, i // 64).
        progress: told how many views are done.
    Raises:
        ValueError: if count is below 1, or if the body lacks parts or joints.
    """
    if count < 1:
        raise ValueError(f"count={count}, wanted at least 1 view")
    chunk = BODIES * AROUND
    parts = clothing_parts(body)
    made = []
    for start in range(0, count, chunk):
        made.append(_views(body, parts, seeded(seed, start // chunk)))
        if progress:
            progress(min(start + chunk, count))
    columns = zip(*((views.parts, views.normals, views.theta) for views in made), strict=True)
    return Views(*(torch.cat(column)[:count] for column in columns))


def random_shapes(names: Sequence[str], count: int, generator: Generator) -> Tensor:
    """Draw grown-up people of all builds: (count, len(names)) in [0, 1]."""
    low, high = torch.tensor([SHAPES.get(name, (0.3, 0.7)) for name in names]).T
    return low + (high - low) * torch.rand(count, len(names), generator=generator)


def random_poses(count: int, generator: Generator) -> Tensor:
    """Draw people who walk or stand: (count, joints, 3), turns from the standing pose, axis times angle in radians.

    About x, the body's left, a positive angle bends forward what points up and backward what hangs down.
    """
    phase = 2 * math.pi * torch.rand(count, generator=generator)
    stride = 0.6 * torch.rand(count, generator=generator) * (torch.rand(count, generator=generator) < 0.75)
    pose = 0.08 * torch.randn(count, len(JOINTS), 3, generator=generator)
    for side, sign in ((".L", 1.0), (".R", -1.0)):
        thigh, shin, arm, elbow = (
            JOINTS.index(f"{bone}01{side}") for bone in ("upperleg", "lowerleg", "upperarm", "lowerarm")
        )
        swing = sign * phase.sin() * stride
        pose[:, thigh, 0] -= swing
        pose[:, shin, 0] += 0.1 + 1.6 * stride * (sign * (phase - 1).cos()).clamp_min(0)
        pose[:, arm, 0] += 0.9 * swing + 0.1 * torch.randn(count, generator=generator)
        pose[:, arm, 2] += sign * 0.35 * torch.rand(count, generator=generator)  # away from the side
        raised = torch.rand(count, generator=generator) < 0.25  # a phone, a bag, crossed arms
        pose[:, elbow, 0] -= torch.where(raised, 1.9, 0.6) * torch.rand(count, generator=generator)
        pose[:, elbow, 1] -= sign * raised * torch.rand(count, generator=generator)
    pose[:, JOINTS.index("spine03"), 0] += 0.1
    pose[:, JOINTS.index("head"), 0] += 0.2 * torch.rand(count, generator=generator)
    pose[:, JOINTS.index("head"), 1] += 0.3 * torch.randn(count, generator=generator)
    return pose


def clothing_parts(body: BodyModel) -> Tensor:
    """Tell for each triangle what may have a color of its own, (f,) uint8 of `Part`, from the standing body.

    Raises:
        ValueError: if the body has no parts.
    """
    if body.parts is None:
        raise ValueError("the body has no parts, wanted one whose head, limbs and torso are told apart")
    vertices, faces, given = body()[0], body.faces, body.parts
    centers, normals = vertices[faces].mean(1), vertex_normals(vertices[None], faces)[0][faces].mean(1)
    front = normals[:, 2] > 0
    found = torch.zeros(len(faces), dtype=torch.uint8)

    def heights(name: str) -> tuple[Tensor, Tensor]:
        """Which triangles are of a part, and how high each lies in it, from 0 to 1."""
        chosen = given.cpu() == 1 + PARTS.index(name)
        low, high = torch.aminmax(centers[chosen, 1])
        return chosen, (centers[:, 1] - low) / (high - low)

    def paint(chosen: Tensor, part: Part) -> None:
        found[chosen] = int(part)

    for side in ("left", "right"):
        arm, height = heights(f"{side} arm")
        for low, part in ((-1.0, Part.HAND), (0.24, Part.FOREARM), (0.6, Part.UPPER_ARM)):
            paint(arm & (height >= low), part)
        leg, height = heights(f"{side} leg")
        for low, part in ((-1.0, Part.FOOT), (0.1, Part.SHIN), (0.53, Part.THIGH)):
            paint(leg & (height >= low), part)
    torso, height = heights("torso")
    paint(torso & front, Part.CHEST)
    paint(torso & ~front, Part.BACK)
    paint(torso & ~front & (height > 0.75), Part.NAPE)
    paint(torso & front & (centers[:, 0].abs() < 0.035), Part.STRIP)
    paint(torso & (height < 0.35), Part.HIPS)
    head, height = heights("head")
    middle = centers[head, 2].mean()
    paint(head, Part.HAIR)
    paint(head & (height < 0.82) & (centers[:, 2] > middle), Part.FACE)
    paint(head & (height < 0.3), Part.NECK)
    return found


def _views(body: BodyModel, parts: Tensor, generator: Generator) -> Views:
    """Render BODIES bodies from AROUND sides each."""
    shape, pose = random_shapes(body.shape_names, BODIES, generator), random_poses(BODIES, generator)
    vertices = body(full_pose(body, JOINTS, pose), shape)
    shape, pose, vertices = (of.repeat_interleave(AROUND, 0) for of in (shape, pose, vertices))
    count = len(vertices)
    azimuth = 360 * torch.rand(count, generator=generator)
    pitch = -3 + 25 * torch.rand(count, generator=generator)  # how far the camera looks down
    distance = 4 + 10 * torch.rand(count, generator=generator)
    low, high = vertices[..., 1].aminmax(dim=1)
    middle, reach = (low + high) / 2, (high - low) / (2 * FILLED)  # meters from the middle of a view to its top
    vertices = _tilt(rotate(vertices - _up(middle)[:, None], azimuth), torch.deg2rad(pitch))
    slopes = (reach * SIZE[1] / SIZE[0] / distance).tolist()
    cameras = [
        Camera(distance=far, fov=2 * math.degrees(math.atan(slope)))
        for far, slope in zip(distance.tolist(), slopes, strict=True)
    ]
    seen = fragments(vertices, body.faces, cameras, SIZE).faces
    there, seen = seen >= 0, seen.clamp_min(0)
    corners = vertex_normals(vertices, body.faces)[torch.arange(count)[:, None, None], body.faces[seen][..., 0]]
    radians = torch.deg2rad(azimuth)
    theta = Theta(
        torch.stack([radians.cos(), radians.sin()], 1),
        torch.stack([1 / reach, torch.zeros_like(middle), -middle], 1),
        shape,
        pose,
    )
    return Views(
        parts=parts[seen] * there,
        normals=(127 * corners * there[..., None]).round().to(torch.int8).movedim(-1, 1).contiguous(),
        theta=theta.flat(),
    )


def _up(heights: Tensor) -> Tensor:
    """Points (b, 3) on the vertical axis."""
    zero = torch.zeros_like(heights)
    return torch.stack([zero, heights, zero], 1)


def _tilt(vertices: Tensor, pitch: Tensor) -> Tensor:
    """Turn bodies (b, v, 3) about x towards a camera that looks down by `pitch` (b,) radians."""
    sine, cosine = pitch.sin()[:, None], pitch.cos()[:, None]
    x, y, z = vertices.unbind(-1)
    return torch.stack([x, y * cosine - z * sine, y * sine + z * cosine], -1)
