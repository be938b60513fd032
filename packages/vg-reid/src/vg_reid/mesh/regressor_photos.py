"""Photos of nobody: views of bodies, dressed in random colors, before random backgrounds, lit, blurred and cropped.

Whatever real photos do not share is drawn anew for each photo, so that a net can only learn from what they do: the
outline, where skin and hair are, and how cloth ends at arms and legs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from vg_reid.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from vg_reid.mesh.regressor import AZIMUTH


class Part(IntEnum):
    """What of a body can have a color of its own."""

    NOTHING = 0
    HAIR = 1
    FACE = 2
    NECK = 3
    NAPE = 4  # the upper back, where long hair lies
    STRIP = 5  # the middle of the chest, where an open jacket shows what is below
    CHEST = 6
    BACK = 7
    UPPER_ARM = 8
    FOREARM = 9
    HAND = 10
    HIPS = 11
    THIGH = 12
    SHIN = 13
    FOOT = 14


class Stuff(IntEnum):
    """What has one color in one photo."""

    HAIR = 0
    SKIN = 1
    TOP = 2
    SHIRT = 3
    TROUSERS = 4
    SHOES = 5
    BAG = 6


PLAIN = {  # what the parts are covered with unless a draw says otherwise
    Part.HAIR: Stuff.HAIR,
    Part.FACE: Stuff.SKIN,
    Part.NECK: Stuff.SKIN,
    Part.HAND: Stuff.SKIN,
    Part.HIPS: Stuff.TROUSERS,
    Part.THIGH: Stuff.TROUSERS,
    Part.SHIN: Stuff.TROUSERS,
    Part.FOOT: Stuff.SHOES,
}
DRESSES: tuple[tuple[float, tuple[Part, ...], Stuff], ...] = (  # how often which parts are covered with what; in order
    (0.25, (Part.HIPS,), Stuff.TOP),  # a long shirt or a coat
    (0.12, (Part.HIPS, Part.THIGH), Stuff.TOP),  # a dress
    (0.10, (Part.HIPS, Part.THIGH, Part.SHIN), Stuff.TOP),  # all in one color
    (0.45, (Part.FOREARM,), Stuff.SKIN),  # short sleeves
    (0.08, (Part.FOREARM, Part.UPPER_ARM), Stuff.SKIN),
    (0.30, (Part.SHIN,), Stuff.SKIN),  # shorts, skirts
    (0.08, (Part.SHIN, Part.THIGH), Stuff.SKIN),
    (0.25, (Part.STRIP,), Stuff.SHIRT),  # an open jacket
    (0.10, (Part.STRIP, Part.CHEST), Stuff.SHIRT),  # a print, or a bag worn in front
    (0.30, (Part.NECK,), Stuff.TOP),  # a collar
    (0.20, (Part.NECK,), Stuff.HAIR),
    (0.30, (Part.NAPE,), Stuff.HAIR),  # long hair
    (0.20, (Part.BACK,), Stuff.BAG),
    (0.12, (Part.BACK, Part.NAPE), Stuff.BAG),
    (0.08, (Part.HAIR,), Stuff.SKIN),  # none
    (0.05, (Part.HAIR,), Stuff.TOP),  # a hood
    (0.15, (Part.FOOT,), Stuff.TROUSERS),
)

Spans = tuple[tuple[float, float], ...]  # where top, bottom, left and right of a box may be, as shares of the photo
GROUND: Spans = ((0.4, 0.95), (1, 1), (0, 0), (1, 1))
SOMETHING: Spans = ((0, 0.8), (0.2, 1), (0, 0.8), (0.2, 1))
COVERS: tuple[tuple[float, Spans], ...] = (  # how often something stands in front of the person, and where
    (0.10, ((0.6, 1), (1, 1), (0, 0), (1, 1))),
    (0.08, ((0, 0.5), (0.6, 1), (0, 0), (0, 0.35))),
    (0.08, ((0, 0.5), (0.6, 1), (0.65, 1), (1, 1))),
    (0.15, ((0.1, 0.8), (0.2, 0.95), (0.1, 0.8), (0.2, 0.95))),
)


@dataclass(frozen=True)
class Views:
    """Bodies as seen by a camera, not yet dressed: made once, dressed anew whenever they are used."""

    parts: Tensor  # (n, h, w) uint8, values of `Part`
    normals: Tensor  # (n, 3, h, w) int8, 127 times the unit vector; x right, y up, z to the camera
    theta: Tensor  # (n, theta), rows of `Theta.flat`; the camera is that of the whole view

    def __len__(self) -> int:
        return len(self.parts)


def draw_photos(
    views: Views, indices: Sequence[int], generator: Generator, size: tuple[int, int] = (128, 64)
) -> tuple[Tensor, Tensor]:
    """Draw one photo for each of some views.

    Args:
        views: what is seen.
        indices: which of them, b.
        generator: all draws come from it.
        size: height and width of the photos, pixels.
    Returns:
        Photos (b, 3, h, w), normalized with ImageNet's mean and deviation, and their theta (b, theta), with the
        camera of the crop that was drawn.
    """
    chosen = torch.as_tensor(indices)
    person = _dressed(views.parts[chosen].long(), views.normals[chosen], generator)
    zoom, shift = _crops(len(chosen), generator)
    person = _crop(person, zoom, shift, size)
    photo = _background(len(chosen), size, generator)
    bystander = _crop(person.roll(1, 0), torch.ones_like(zoom), _aside(len(chosen), generator), size)
    for layer in (bystander, person):
        photo = photo * (1 - layer[:, 3:]) + layer[:, :3]
    photo = _camera_effects(_occluded(photo, generator), generator)
    mean, std = (photo.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (photo - mean) / std, _cropped_theta(views.theta[chosen], zoom, shift)


def _uniform(generator: Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _chance(generator: Generator, probability: float, *shape: int) -> Tensor:
    """1 with the probability, else 0; float."""
    return (torch.rand(shape, generator=generator) < probability).float()


def _palette(count: int, generator: Generator) -> Tensor:
    """A color for each stuff, (b, stuffs, 3) in [0, 1]."""
    value = _uniform(generator, 0.03, 1.0, count, len(Stuff), 1)
    tint = torch.rand(count, len(Stuff), 3, generator=generator)
    saturation = _uniform(generator, 0.0, 1.0, count, len(Stuff), 1).square()
    colors = value * (1 - saturation * tint)
    light, dark = torch.tensor([0.95, 0.78, 0.67]), torch.tensor([0.22, 0.13, 0.09])
    tone = _uniform(generator, 0.0, 1.0, count, 1).square()
    colors[:, Stuff.SKIN] = torch.lerp(light.expand(count, 3), dark.expand(count, 3), tone)
    dyed = _chance(generator, 0.15, count, 1)
    natural = _uniform(generator, 0.02, 0.35, count, 1) * (1 - 0.4 * tint[:, Stuff.HAIR])
    colors[:, Stuff.HAIR] = torch.lerp(natural, colors[:, Stuff.HAIR], dyed)
    return colors


def _wardrobe(count: int, generator: Generator) -> Tensor:
    """Which stuff covers each part, (b, parts) int64."""
    plain = torch.tensor([int(PLAIN.get(part, Stuff.TOP)) for part in Part])
    covers = plain.repeat(count, 1)
    for probability, parts, stuff in DRESSES:
        drawn = _chance(generator, probability, count).bool()
        for part in parts:
            covers[drawn, part] = stuff
    return covers


def _dressed(parts: Tensor, normals: Tensor, generator: Generator) -> Tensor:
    """Color and light the views: (b, 4, h, w), colors times coverage, then coverage."""
    count, height, width = parts.shape
    stuff = torch.gather(_wardrobe(count, generator), 1, parts.flatten(1))
    colors = torch.gather(_palette(count, generator), 1, stuff[..., None].expand(-1, -1, 3))
    colors = colors.mT.unflatten(2, (height, width))
    colors = colors * _pattern(stuff.view_as(parts), generator)
    elevation = torch.deg2rad(_uniform(generator, 10, 80, count))
    around = torch.deg2rad(_uniform(generator, -100, 100, count))
    light = torch.stack([elevation.cos() * around.sin(), elevation.sin(), elevation.cos() * around.cos()], 1)
    facing = (normals.float() / 127 * light[:, :, None, None]).sum(1, keepdim=True).clamp_min(0)
    ambient = _uniform(generator, 0.4, 0.95, count, 1, 1, 1)
    mask = (parts != Part.NOTHING)[:, None].float()
    return torch.cat([colors * (ambient + 1.2 * (1 - ambient) * facing) * mask, mask], 1)


def _pattern(stuff: Tensor, generator: Generator) -> Tensor:
    """Folds on all, stripes along or across on some tops: factors (b, 1, h, w)."""
    count, height, width = stuff.shape
    folds = torch.randn(count, 1, height // 8, width // 8, generator=generator)
    folds = F.interpolate(folds, (height, width), mode="bilinear") * _uniform(generator, 0, 0.15, count, 1, 1, 1)
    across = _chance(generator, 0.7, count, 1, 1)
    place = across * torch.arange(height)[:, None] + (1 - across) * torch.arange(width)
    stripes = (place * _uniform(generator, 0.3, 1.5, count, 1, 1)).sin().sign()
    striped = _chance(generator, 0.2, count, 1, 1) * _uniform(generator, 0, 0.5, count, 1, 1)
    return (1 + folds + (striped * stripes * (stuff == Stuff.TOP))[:, None]).clamp_min(0)


def _crops(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """How the crop lies in the view: zoom (b,), and its middle (b, 2) in halves of the view's height, y up."""
    zoom = _uniform(generator, 1.0, 1.4, count)
    return zoom, torch.stack([_uniform(generator, -0.08, 0.08, count), _uniform(generator, -0.07, 0.07, count)], 1)


def _aside(count: int, generator: Generator) -> Tensor:
    """Where to put another person: beside the crop's middle for some, out of sight for most."""
    side = _uniform(generator, 0.35, 0.6, count) * (2 * _chance(generator, 0.5, count) - 1)
    away = 9.0 * (1 - _chance(generator, 0.2, count))
    return torch.stack([side + away, _uniform(generator, -0.1, 0.1, count)], 1)


def _crop(layers: Tensor, zoom: Tensor, shift: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut (b, 4, H, W) to (b, 4, h, w); both heights are 2 / zoom of the shift's units. Outside is nothing."""
    height, width = layers.shape[2:]
    rows = torch.linspace(-1, 1, 2 * size[0] + 1)[1::2]
    columns = torch.linspace(-1, 1, 2 * size[1] + 1)[1::2] * (size[1] / size[0])
    y = rows[:, None] / zoom[:, None, None] - shift[:, 1, None, None]
    x = columns / zoom[:, None, None] + shift[:, 0, None, None]
    grid = torch.stack([x.expand(-1, *size) * (height / width), y.expand(-1, *size)], -1)
    return F.grid_sample(layers, grid, align_corners=False)


def _cropped_theta(theta: Tensor, zoom: Tensor, shift: Tensor) -> Tensor:
    """Move the camera of a view to the crop: seen at zoom * (scale * (x + camera's x) - shift)."""
    scale, place = theta[:, AZIMUTH : AZIMUTH + 1], theta[:, AZIMUTH + 1 : AZIMUTH + 3]
    camera = torch.cat([scale * zoom[:, None], place - shift / scale], 1)
    return torch.cat([theta[:, :AZIMUTH], camera, theta[:, AZIMUTH + 3 :]], 1)


def _scene_color(count: int, generator: Generator) -> Tensor:
    """Colors of streets and walls, rather grey: (b, 3, 1, 1)."""
    grey = _uniform(generator, 0.05, 0.95, count, 1, 1, 1)
    return (grey + _uniform(generator, -0.25, 0.25, count, 3, 1, 1)).clamp(0, 1)


def _background(count: int, size: tuple[int, int], generator: Generator) -> Tensor:
    """Something soft, something rough, a ground and two boxes: (b, 3, h, w)."""
    scene = _scene_color(count, generator).expand(count, 3, *size)
    for cells, amount in (((4, 2), 0.3), ((16, 8), 0.12), ((48, 24), 0.08)):
        strength = _uniform(generator, 0, amount, count, 1, 1, 1)
        shade = torch.randn(count, 1, *cells, generator=generator) + 0.3 * torch.randn(
            count, 3, *cells, generator=generator
        )
        scene = scene + strength * F.interpolate(shade, size, mode="bilinear")
    for spans in (GROUND, SOMETHING, SOMETHING):
        box = _box([_uniform(generator, *span, count, 1, 1, 1) for span in spans], size)
        box = 0.7 * box * _chance(generator, 0.5, count, 1, 1, 1)
        scene = torch.lerp(scene, _scene_color(count, generator).expand_as(scene), box)
    return scene


def _box(edges: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """1 within top, bottom, left, right (shares of the photo, each (b, 1, 1, 1)), 0 outside: (b, 1, h, w)."""
    rows = torch.linspace(0, 1, size[0])[:, None]
    columns = torch.linspace(0, 1, size[1])
    top, bottom, left, right = edges
    return ((rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right)).float()


def _occluded(photo: Tensor, generator: Generator) -> Tensor:
    """Cover the feet, a side or a patch of some photos."""
    count, size = len(photo), (photo.shape[2], photo.shape[3])
    for probability, spans in COVERS:
        cover = _box([_uniform(generator, *span, count, 1, 1, 1) for span in spans], size)
        cover = cover * _chance(generator, probability, count, 1, 1, 1)
        photo = torch.lerp(photo, _scene_color(count, generator).expand_as(photo), cover)
    return photo


def _camera_effects(photo: Tensor, generator: Generator) -> Tensor:
    """Blur, exposure, color cast, contrast and noise."""
    count, size = len(photo), photo.shape[2:]
    coarse = F.interpolate(F.avg_pool2d(photo, 2), size, mode="bilinear")
    photo = torch.lerp(photo, coarse, _uniform(generator, 0, 1, count, 1, 1, 1))
    cast = _uniform(generator, 0.85, 1.15, count, 3, 1, 1)
    middle = photo.mean(dim=(1, 2, 3), keepdim=True)
    photo = middle + _uniform(generator, 0.5, 1.3, count, 1, 1, 1) * (photo - middle)
    photo = (photo * cast + _uniform(generator, -0.15, 0.15, count, 1, 1, 1)).clamp(0, 1)
    photo = photo.clamp_min(1e-4) ** _uniform(generator, 0.7, 1.4, count, 1, 1, 1)
    noise = torch.randn(photo.shape, generator=generator) * _uniform(generator, 0, 0.05, count, 1, 1, 1)
    return (photo + noise).clamp(0, 1)
