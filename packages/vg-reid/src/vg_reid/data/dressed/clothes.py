"""What a person wears over the body: cloth that stands off it, hair, a skirt or a coat's tails, a bag."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vg_reid.data.dressed import texture
from vg_reid.data.dressed.body import REGIONS, Bodies, Posed
from vg_reid.data.dressed.looks import Look
from vg_reid.mesh.render import vertex_normals

BODY = -1
THICKNESS = {"t-shirt": 0.01, "shirt": 0.012, "jacket": 0.02, "coat": 0.024}  # meters
HAIRDO = {"cropped": 0.003, "short": 0.014, "long": 0.018, "bun": 0.01, "cap": 0.016}
BAG_SIZES = {"backpack": (0.16, 0.21, 0.085), "shoulder bag": (0.05, 0.12, 0.16), "handbag": (0.05, 0.12, 0.15)}
SIDES, RINGS = 40, 14  # of what hangs around the body


@dataclass(frozen=True)
class Mesh:
    """Triangles with what painting needs to know of them."""

    vertices: Tensor
    """(v, 3), meters, y up."""
    faces: Tensor
    """(f, 3)"""
    places: Tensor
    """(v, 9): where on the neutral body, and how much of each of REGIONS; for `texture.paint`."""
    materials: Tensor
    """(f,): BODY, or what of texture's HAIR, TOP, BOTTOM, BAG the face is made of."""


def dress(bodies: Bodies, posed: Posed, look: Look) -> Mesh:
    """Put clothes, hair and bag on a posed body."""
    body = _cloth(bodies, posed, look)
    hem = -0.3 if look.top == "coat" else texture.HEMS[look.top]
    flare = 0.06 if look.top == "coat" else 0.0
    parts = [body, _hanging(bodies, posed, body.vertices, 0.4, hem, flare, texture.TOP)]
    if look.bottom == "skirt":
        parts.append(_hanging(bodies, posed, body.vertices, 0.1, -0.36, 0.2, texture.BOTTOM))
    if look.style in ("long", "bun"):
        parts.append(_locks(posed, look.style))
    if look.style == "cap":
        parts.append(_brim(posed))
    if look.bag != "none":
        parts.append(_bag(bodies, posed, body.vertices, look))
    return _join(parts)


def _cloth(bodies: Bodies, posed: Posed, look: Look) -> Mesh:
    """The body, with what covers it standing off by its thickness."""
    cover = texture.worn(bodies.rest, bodies.regions, look)
    thickness = torch.zeros(6)
    thickness[[texture.HAIR, texture.TOP, texture.BOTTOM, texture.SHOE]] = torch.tensor(
        [HAIRDO[look.style], THICKNESS[look.top], 0.016 if look.bottom != "skirt" else 0.0, 0.012]
    )
    outward = vertex_normals(posed.vertices[None], bodies.faces)[0]
    vertices = posed.vertices + outward * thickness[cover][:, None]
    materials = torch.full((len(bodies.faces),), BODY)
    return Mesh(vertices, bodies.faces, torch.cat([bodies.rest, bodies.regions], 1), materials)


def _hanging(
    bodies: Bodies, posed: Posed, vertices: Tensor, top: float, bottom: float, flare: float, material: int
) -> Mesh:
    """Cloth that hangs around trunk and legs from one height of the neutral body to another, wherever the legs are."""
    size = float(posed.bones["root"][1, :3].norm())
    root = posed.bones["root"] @ F.pad(bodies.joint("root"), (0, 1), value=1.0)
    rest_root = float(bodies.joint("root")[1])
    heights = root[1] + size * (torch.linspace(top, bottom, RINGS) - rest_root)
    around = bodies.regions[:, [REGIONS.index("torso"), REGIONS.index("leg")]].sum(1) > 0.5
    x, y, z = (vertices[around] - root[:3] * torch.tensor([1.0, 0.0, 1.0])).unbind(1)
    ring = ((heights[0] - y) / (heights[0] - heights[-1]) * (RINGS - 1)).round().long()
    side = (torch.atan2(x, z) / (2 * torch.pi) * SIDES).round().long() % SIDES
    near = (ring >= 0) & (ring < RINGS)
    radii = torch.zeros(RINGS * SIDES).scatter_reduce_(
        0, (ring * SIDES + side)[near], torch.hypot(x, z)[near], "amax", include_self=True
    )
    radii = F.max_pool1d(_around(radii.view(RINGS, SIDES)), 5, stride=1)[0]
    radii = F.avg_pool1d(_around(radii.cummax(0).values), 5, stride=1)[0]
    radii = radii + 0.012 + flare * size * torch.linspace(0, top - bottom, RINGS)[:, None]
    angles = torch.arange(SIDES) * (2 * torch.pi / SIDES)
    across, along = radii * angles.sin(), radii * angles.cos()
    tall = heights[:, None].expand_as(radii)
    surface = torch.stack([across + root[0], tall, along + root[2]], 2).flatten(0, 1)
    rest = torch.stack(
        [
            0.18 * angles.sin().expand_as(radii),
            torch.linspace(top, bottom, RINGS)[:, None].expand_as(radii),
            0.15 * angles.cos().expand_as(radii),
        ],
        2,
    ).flatten(0, 1)
    return _worn_mesh(surface, _grid(RINGS, SIDES), rest, material)


def _around(radii: Tensor) -> Tensor:
    """Go on around the body by two sides at both ends, for pooling over five neighbors: (1, rings, sides + 4)."""
    return F.pad(radii[None], (2, 2), mode="circular")


def _locks(posed: Posed, style: str) -> Mesh:
    """Hair that falls to the shoulders, or a bun."""
    if style == "bun":
        ball, faces = _block(torch.tensor([0.042, 0.042, 0.042]), roundness=1.0)
        rest = ball + torch.tensor([0.0, 0.725, -0.065])
    else:
        angles = torch.linspace(0.3 * torch.pi, 1.7 * torch.pi, 25)
        heights = torch.linspace(0.73, 0.49, 9)[:, None]
        wide = torch.tensor([0.78, 0.93, 1.0, 1.0, 1.02, 1.05, 1.1, 1.17, 1.25])[:, None]
        x = 0.085 * wide * angles.sin()
        z = 0.105 * wide * angles.cos() + 0.03
        rest = torch.stack([x, heights.expand_as(x), z], 2).flatten(0, 1)
        faces = _grid(9, 25, closed=False)
    return _worn_mesh(_carried(rest, posed.bones["head"]), faces, rest, texture.HAIR)


def _brim(posed: Posed) -> Mesh:
    angles = torch.linspace(-1.1, 1.1, 13)
    inner = torch.stack([0.075 * angles.sin(), torch.full_like(angles, 0.735), 0.03 + 0.09 * angles.cos()], 1)
    outer = torch.stack([0.08 * angles.sin(), torch.full_like(angles, 0.722), 0.05 + 0.15 * angles.cos()], 1)
    rest = torch.cat([inner, outer])
    return _worn_mesh(_carried(rest, posed.bones["head"]), _grid(2, 13, closed=False), rest, texture.HAIR)


def _bag(bodies: Bodies, posed: Posed, vertices: Tensor, look: Look) -> Mesh:
    """A bag where its kind is carried: on the back, at the left hip, in the left hand."""
    sides = torch.tensor(BAG_SIZES[look.bag])
    shape, faces = _block(sides, roundness=0.45)
    trunk = bodies.regions[:, REGIONS.index("torso")] > 0.5
    if look.bag == "backpack":
        center = _carried(torch.tensor([[0.0, 0.34, 0.0]]), posed.bones["spine02"])[0]
        level = trunk & ((vertices[:, 1] - center[1]).abs() < 0.15)
        center[2] = vertices[level, 2].amin() - 0.8 * sides[2]
    elif look.bag == "shoulder bag":
        center = _carried(torch.tensor([[0.0, -0.02, 0.0]]), posed.bones["root"])[0]
        level = (trunk | (bodies.regions[:, REGIONS.index("leg")] > 0.5)) & ((vertices[:, 1] - center[1]).abs() < 0.1)
        center[0] = vertices[level, 0].amax() + 0.9 * sides[0]
    else:
        hand = bodies.joint("finger3-1.L")[None]
        center = _carried(hand, posed.bones["wrist.L"])[0] - torch.tensor([0.0, float(sides[1]) + 0.1, 0.0])
    return _worn_mesh(shape + center, faces, shape / sides, texture.BAG)


def _block(sides: Tensor, *, roundness: float, rows: int = 13, columns: int = 24) -> tuple[Tensor, Tensor]:
    """A box with round edges around the origin, of half sides `sides`: vertices and faces; roundness 1 is an egg."""
    up = torch.linspace(torch.pi / 2, -torch.pi / 2, rows)[:, None]
    around = torch.arange(columns) * (2 * torch.pi / columns)

    def bulge(value: Tensor) -> Tensor:
        return value.sign() * value.abs() ** roundness

    x = bulge(up.cos()) * bulge(around.sin())
    z = bulge(up.cos()) * bulge(around.cos())
    y = bulge(up.sin()).expand_as(x)
    return torch.stack([x, y, z], 2).flatten(0, 1) * sides, _grid(rows, columns)


def _grid(rows: int, columns: int, *, closed: bool = True) -> Tensor:
    """Triangles between rows of vertices, facing outward when rows go down and columns go from +z to +x."""
    row, column = torch.meshgrid(torch.arange(rows - 1), torch.arange(columns - (not closed)), indexing="ij")
    here = (row * columns + column).flatten()
    right = (row * columns + (column + 1) % columns).flatten()
    below, across = here + columns, right + columns
    return torch.cat([torch.stack([here, below, right], 1), torch.stack([right, below, across], 1)])


def _carried(rest: Tensor, bone: Tensor) -> Tensor:
    return rest @ bone[:3, :3].T + bone[:3, 3]


def _worn_mesh(vertices: Tensor, faces: Tensor, rest: Tensor, material: int) -> Mesh:
    regions = torch.zeros(len(rest), len(REGIONS))
    regions[:, REGIONS.index("torso")] = 1
    return Mesh(vertices, faces, torch.cat([rest, regions], 1), torch.full((len(faces),), material))


def _join(parts: list[Mesh]) -> Mesh:
    starts = torch.tensor([0, *(len(part.vertices) for part in parts[:-1])]).cumsum(0).tolist()
    return Mesh(
        torch.cat([part.vertices for part in parts]),
        torch.cat([part.faces + start for part, start in zip(parts, starts, strict=True)]),
        torch.cat([part.places for part in parts]),
        torch.cat([part.materials for part in parts]),
    )
