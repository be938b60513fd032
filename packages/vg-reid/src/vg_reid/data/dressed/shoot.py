"""One picture of one dressed person: pose, turn, light, camera."""

import math
import random
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vg_reid.data.dressed import texture
from vg_reid.data.dressed.body import Bodies, Gait
from vg_reid.data.dressed.clothes import Mesh, dress
from vg_reid.data.dressed.looks import Look
from vg_reid.data.dressed.sites import Pixels, Site
from vg_reid.mesh.camera import Camera, project
from vg_reid.mesh.render import fragments, vertex_normals
from vg_reid.mesh.rotate import rotate

HEIGHT, WIDTH = 128, 64  # pixels as in Market-1501; drawn twice as large and averaged
DRAWN = (2 * HEIGHT, 2 * WIDTH)


@dataclass(frozen=True)
class Shot:
    """A picture and what it shows."""

    picture: Image.Image
    body: Tensor
    """(v, 3): the body without clothes as it stands before the camera at azimuth 0, upright, meters."""
    azimuth: float
    """Degrees by which it is turned, 0 faces the camera."""
    elevation: float
    """Degrees by which the camera looks down."""
    camera: Camera
    gait: Gait
    sun: float
    """Azimuth of the sun in degrees."""


def walk(look: Look, draw: random.Random) -> Gait:
    """Draw how a person walks or stands; who carries a bag in the hand or wears a skirt takes shorter steps."""
    stride = 0.0 if draw.random() < 0.2 else draw.uniform(0.2, 0.5)
    return Gait(
        phase=draw.uniform(0, 2 * math.pi),
        stride=stride * (0.6 if look.bottom == "skirt" else 1.0),
        arms=draw.uniform(0.02, 0.14) + (0.1 if look.weight > 0.6 else 0.0),
        elbow=draw.uniform(0.0, 0.4),
        head=draw.uniform(-0.5, 0.5),
        lean=draw.uniform(0.0, 0.12),
    )


def shoot(bodies: Bodies, look: Look, site: Site, azimuth: float, draw: random.Random) -> Shot:
    """Take a picture, 128x64; gait, light, crop and noise come from `draw`, all else is given."""
    gait = walk(look, draw)
    posed = bodies.pose(look, gait)
    mesh = dress(bodies, posed, look)
    camera = _aim(tilted(rotate(posed.vertices, azimuth), site.elevation), site, draw)
    light = draw.uniform(0, 360)
    person, seen = _render(mesh, look, site, azimuth, camera, light)
    scene = _shaded_ground(site.behind(draw), camera, site)
    scene = np.where(seen[..., None], person, scene)
    if draw.random() < 0.12:
        scene = _in_front(scene, draw)
    small = scene.reshape(HEIGHT, 2, WIDTH, 2, 3).mean((1, 3))
    exposed = site.expose(small, draw)
    picture = Image.fromarray((exposed * 255).round().astype(np.uint8))
    return Shot(picture, posed.vertices, azimuth, site.elevation, camera, gait, light)


def tilted(vertices: Tensor, degrees: float) -> Tensor:
    """Turn points as they look to a camera that looks down by some degrees."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    x, y, z = vertices.unbind(-1)
    return torch.stack([x, y * cosine - z * sine, z * cosine + y * sine], dim=-1)


def _aim(vertices: Tensor, site: Site, draw: random.Random) -> Camera:
    """Frame a person as a detector does: nearly right."""
    low, high = vertices[:, 1].amin().item(), vertices[:, 1].amax().item()
    tall = (high - low) / (site.fill * draw.uniform(0.88, 1.06))
    wide = tall * WIDTH / HEIGHT
    middle = float(vertices[:, 0].amin() + vertices[:, 0].amax()) / 2
    return Camera(
        distance=site.distance,
        x=middle + wide * draw.uniform(-0.1, 0.1),
        y=(low + high) / 2 + tall * draw.uniform(-0.04, 0.04),
        fov=2 * math.degrees(math.atan(wide / 2 / site.distance)),
    )


def _render(
    mesh: Mesh, look: Look, site: Site, azimuth: float, camera: Camera, light: float
) -> tuple[Pixels, np.ndarray]:
    """Paint a dressed person: (256, 128, 3) in [0, 1], and where it is seen."""
    turned = tilted(rotate(mesh.vertices, azimuth), site.elevation)
    visible = fragments(turned[None], mesh.faces, [camera], DRAWN)
    faces, weights = visible.faces[0], visible.weights[0]
    seen = faces >= 0
    corners, weights = mesh.faces[faces[seen]], weights[seen]
    places = torch.einsum("pc,pcd->pd", weights, mesh.places[corners])
    color = texture.paint(places[:, :3], places[:, 3:], mesh.materials[faces[seen]], look)
    facing = torch.einsum("pc,pcd->pd", weights, vertex_normals(turned[None], mesh.faces)[0, corners])
    facing = facing * torch.where(facing[:, 2:] < 0, -1.0, 1.0)  # of cloth seen from inside
    angle = math.radians(light)
    sun = torch.tensor([0.75 * math.sin(angle), 0.6, 0.75 * abs(math.cos(angle))])
    sky = 0.7 + 0.3 * facing[:, 1]
    bright = (1 - site.sun) * sky + site.sun * 1.5 * (facing @ sun).clamp(0, 1)
    picture = torch.zeros(*DRAWN, 3)
    picture[seen] = (color * bright[:, None]).clamp(0, 1)
    return picture.numpy(), seen.numpy()


def _shaded_ground(scene: Pixels, camera: Camera, site: Site) -> Pixels:
    """Darken the ground around the feet."""
    feet = tilted(torch.zeros(1, 3), site.elevation)
    column, row, _ = project(feet[None], [camera], DRAWN)
    y, x = np.mgrid[: DRAWN[0], : DRAWN[1]].astype(np.float32)
    flat = 0.12 + math.sin(math.radians(site.elevation))
    away = ((x - column.item()) / 42) ** 2 + ((y - row.item()) / (42 * flat)) ** 2
    return scene * (1 - 0.45 * np.exp(-1.5 * away))[..., None].astype(np.float32)


def _in_front(scene: Pixels, draw: random.Random) -> Pixels:
    """Put something before the person: a pole at the side, or a bench below."""
    color = np.array([draw.uniform(0.15, 0.75) for _ in range(3)], np.float32)
    scene = scene.copy()
    if draw.random() < 0.5:
        left = draw.choice((draw.randrange(0, 30), draw.randrange(90, 122)))
        scene[:, left : left + draw.randrange(8, 20)] = color
    else:
        scene[draw.randrange(196, 232) :] = color
    return scene
