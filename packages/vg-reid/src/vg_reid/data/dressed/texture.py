"""What color a point of a dressed person has, told by where it lies on Anny's neutral body.

Points are those of the neutral body at rest (y up, facing +z, meters, about -0.87 to 0.76 high), so that a pattern sits
at the same place of every body and moves with it.
"""

import random

import torch
from torch import Tensor

from vg_reid.data.dressed.body import REGIONS
from vg_reid.data.dressed.looks import CLOTHES, HAIRS, SKINS, Look

SKIN, HAIR, TOP, BOTTOM, SHOE, BAG = range(6)
SLEEVES = {"t-shirt": 0.4, "shirt": 0.97, "jacket": 0.99, "coat": 1.02}  # share of the way from shoulder to wrist
HEMS = {"t-shirt": -0.02, "shirt": -0.05, "jacket": -0.06, "coat": -0.1}
LEGS = {"trousers": 0.97, "shorts": 0.5, "skirt": 0.28}  # share of the way from hip to ankle; under the skirt's cloth
SHOULDER, WRIST = (0.162, 0.467, 0.017), (0.446, 0.164, 0.179)  # of the neutral body, left
HIP, ANKLE = 0.04, -0.75
EYE, MOUTH = (0.029, 0.697), (0.0, 0.648)


def worn(points: Tensor, regions: Tensor, look: Look) -> Tensor:
    """Tell what covers points of the body.

    Args:
        points: (n, 3), on the neutral body.
        regions: (n, 6), how much each belongs to each of REGIONS.
        look: who it is.
    Returns:
        (n,) of SKIN, HAIR, TOP, BOTTOM, SHOE.
    """
    _, y, z = points.unbind(1)
    region = regions.argmax(1)
    head, torso, arm, hand, leg, foot = (region == index for index in range(len(REGIONS)))
    trunk = torso | leg
    down_leg = (HIP - y) / (HIP - ANKLE)
    front = (z * 12).clamp(0, 1)
    collar = 0.6 if look.top in ("jacket", "coat") else 0.56
    cover = torch.full_like(region, SKIN)
    cover[head & (y > 0.675 + 0.45 * z)] = HAIR
    cover[trunk & (y <= HEMS[look.top]) & (down_leg < LEGS[look.bottom])] = BOTTOM
    cover[(trunk & (y > HEMS[look.top])) & (y < collar - 0.05 * front)] = TOP
    if look.top in ("jacket", "coat"):
        cover[head & (y < collar - 0.02 * front)] = TOP
    cover[(arm | hand) & (along_arm(points) < SLEEVES[look.top])] = TOP
    cover[foot | (leg & (down_leg > 0.965))] = SHOE
    return cover


def along_arm(points: Tensor) -> Tensor:
    """How far down an arm points are: 0 at the shoulder, 1 at the wrist."""
    shoulder, wrist = points.new_tensor(SHOULDER), points.new_tensor(WRIST)
    mirrored = torch.cat([points[:, :1].abs(), points[:, 1:]], 1)
    return (mirrored - shoulder).norm(dim=1) / (wrist - shoulder).norm()


def paint(points: Tensor, regions: Tensor, material: Tensor, look: Look) -> Tensor:
    """Color points of a dressed person.

    Args:
        points: (n, 3), on the neutral body, or its like on what is worn over it.
        regions: (n, 6), how much each belongs to each of REGIONS.
        material: (n,), what is there: -1 for the body itself, else HAIR, TOP, BOTTOM or BAG.
        look: who it is.
    Returns:
        (n, 3) in [0, 1], as seen in full white light.
    """
    cover = torch.where(material < 0, worn(points, regions, look), material)
    colors = torch.stack(
        [
            _skin(points, look),
            _hair(points, look),
            _top(points, regions, look),
            _bottom(points, look),
            _rgb(CLOTHES[look.shoes]).expand_as(points) * 0.9,
            _bag(points, look),
        ]
    )
    color = colors.gather(0, cover[None, :, None].expand(1, -1, 3))[0]
    return (color * _folds(points, cover)).clamp(0, 1)


def _skin(points: Tensor, look: Look) -> Tensor:
    x, y, z = points.unbind(1)
    skin = _rgb(SKINS[look.skin])
    color = skin.expand_as(points).clone()
    face = (z > 0.05) & (y > 0.6)
    across = x.abs() - EYE[0]
    color[face & ((across / 0.014) ** 2 + ((y - EYE[1]) / 0.008) ** 2 < 1)] = 0.12
    color[face & (across.abs() < 0.018) & ((y - EYE[1] - 0.019).abs() < 0.004)] = _rgb(HAIRS[look.hair]) * 0.7
    color[face & (x.abs() < 0.022) & ((y - MOUTH[1]).abs() < 0.006)] = skin * skin.new_tensor([0.85, 0.6, 0.6])
    return color


def _hair(points: Tensor, look: Look) -> Tensor:
    x, y, z = points.unbind(1)
    if look.style == "cap":
        return torch.where((y > 0.7)[:, None], _rgb(CLOTHES[look.bag_color]), _rgb(HAIRS[look.hair]))
    strands = 1 + 0.14 * torch.sin(240 * x + 60 * z) * torch.sin(40 * y)
    if look.style == "cropped":
        return 0.55 * _rgb(HAIRS[look.hair]).expand_as(points) + 0.45 * _rgb(SKINS[look.skin]) * 0.8
    return _rgb(HAIRS[look.hair]) * strands[:, None]


def _top(points: Tensor, regions: Tensor, look: Look) -> Tensor:
    x, y, z = points.unbind(1)
    arm = regions[:, 2] + regions[:, 3] > 0.5
    first, second = _rgb(CLOTHES[look.top_color]), _rgb(CLOTHES[look.second_color])
    down = torch.where(arm, 0.5 - 0.42 * along_arm(points), y)
    chosen = {
        "plain": torch.zeros_like(arm),
        "hoops": (down / 0.09) % 1 < 0.45,
        "stripes": ((x / 0.07) % 1 < 0.4) & ~arm,
        "checks": ((down / 0.1) % 1 < 0.4) ^ (((x + 0.025) / 0.1) % 1 < 0.4),
        "halves": (down > 0.3) & (down < 0.62),
    }[look.pattern]
    front, back = (z > 0) & ~arm, (z <= 0) & ~arm
    chosen = torch.where(front, chosen ^ _sign(points, look.front, look), chosen)
    chosen = torch.where(back, chosen ^ _sign(points, look.back, look), chosen)
    color = torch.where(chosen[:, None], second, first)
    if look.front == "zip":
        color = torch.where((front & (x.abs() < 0.011))[:, None], 0.35 * first + 0.5, color)
    return torch.where((_strap(points, look) & ~arm)[:, None], _rgb(CLOTHES[look.bag_color]) * 0.8, color)


def _sign(points: Tensor, kind: str, look: Look) -> Tensor:
    """Tell where a side of the top has its second color."""
    x, y, _ = points.unbind(1)
    if kind == "emblem":
        return (x / 0.085) ** 2 + ((y - 0.36) / 0.085) ** 2 < 1
    if kind == "open":
        return x.abs() < 0.035 + 0.1 * (y - 0.1).clamp(0, 0.5)
    if kind == "band":
        return (y - 0.33).abs() < 0.05
    if kind == "letters":
        draw = random.Random(f"{look.top_color} {look.second_color} {look.hair} {look.bag_color}")
        cells = torch.tensor([[draw.random() < 0.6 for _ in range(7)] for _ in range(3)])
        row, column = ((y - 0.28) / 0.045).floor().long(), ((x + 0.105) / 0.03).floor().long()
        inside = (row >= 0) & (row < 3) & (column >= 0) & (column < 7)
        return inside & cells[row.clamp(0, 2), column.clamp(0, 6)]
    return torch.zeros_like(x, dtype=torch.bool)


def _strap(points: Tensor, look: Look) -> Tensor:
    """Tell where a bag hangs from the shoulders."""
    x, y, z = points.unbind(1)
    if look.bag == "backpack":
        return ((x.abs() - 0.105).abs() < 0.02) & (y > 0.2) & ((z > 0) | (y > 0.45))
    if look.bag == "shoulder bag":
        return ((y - 0.5) * 0.66 + (x + 0.13)).abs() < 0.026
    return torch.zeros_like(x, dtype=torch.bool)


def _bottom(points: Tensor, look: Look) -> Tensor:
    x, y, z = points.unbind(1)
    color = _rgb(CLOTHES[look.bottom_color]).expand_as(points).clone()
    color[y > 0.075] *= 0.6  # the waistband
    if look.bottom == "trousers" and look.proportions > 0.5:  # piped at the sides
        color[(x.abs() > 0.14) & (z.abs() < 0.02) & (y < 0)] = _rgb(CLOTHES[look.second_color])
    return color


def _bag(points: Tensor, look: Look) -> Tensor:
    """Color a bag, whose points go from -1 to 1 along each side."""
    x, y, _ = points.unbind(1)
    color = _rgb(CLOTHES[look.bag_color]).expand_as(points).clone()
    color[(y > 0.45) & (y < 0.55)] *= 0.55
    color[(x.abs() < 0.6) & (y < -0.05) & (y > -0.7)] *= 0.75
    return color


def _folds(points: Tensor, cover: Tensor) -> Tensor:
    """Darken and lighten cloth by up to 8 %, as its folds do."""
    x, y, z = points.unbind(1)
    folds = torch.sin(31 * y + 5 * torch.sin(17 * x + 9 * z)) * torch.sin(23 * x - 19 * z + 4 * torch.sin(13 * y))
    return (1 + 0.08 * folds * ((cover == TOP) | (cover == BOTTOM)))[:, None]


def _rgb(color: tuple[int, int, int]) -> Tensor:
    return torch.tensor(color) / 255
