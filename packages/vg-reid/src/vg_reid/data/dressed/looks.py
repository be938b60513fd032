"""What makes one person of the dressed set look other than the next."""

import random
from dataclasses import astuple, dataclass

from vg_reid.data.figures import Color

CLOTHES: dict[str, Color] = {
    "black": (34, 34, 38),
    "charcoal": (70, 70, 76),
    "grey": (132, 132, 134),
    "white": (226, 226, 222),
    "beige": (196, 178, 146),
    "brown": (104, 72, 50),
    "navy": (34, 44, 82),
    "blue": (52, 88, 168),
    "sky": (136, 176, 214),
    "teal": (36, 124, 128),
    "green": (52, 112, 66),
    "olive": (106, 106, 58),
    "yellow": (218, 188, 70),
    "orange": (212, 118, 48),
    "red": (178, 44, 46),
    "wine": (104, 34, 52),
    "pink": (220, 142, 164),
    "violet": (112, 74, 148),
}
DARK = (
    "black",
    "charcoal",
    "grey",
    "navy",
    "blue",
    "brown",
    "beige",
    "olive",
)  # what most trousers and half of the tops are
SKINS: tuple[Color, ...] = ((238, 200, 172), (224, 178, 144), (188, 138, 104), (140, 96, 68), (92, 62, 46))
HAIRS: dict[str, Color] = {
    "black": (26, 22, 22),
    "brown": (78, 50, 32),
    "fair": (184, 148, 92),
    "red": (140, 70, 36),
    "grey": (150, 148, 146),
}
TOPS = ("t-shirt", "shirt", "jacket", "coat")
BOTTOMS = ("trousers", "trousers", "trousers", "shorts", "skirt")
FRONTS = ("plain", "plain", "emblem", "open", "zip", "letters")
BACKS = ("plain", "plain", "emblem", "band", "letters")
PATTERNS = ("plain", "plain", "plain", "hoops", "stripes", "checks", "halves")
STYLES = ("cropped", "short", "short", "long", "bun", "cap")
BAGS = ("none", "none", "backpack", "backpack", "shoulder bag", "handbag")


@dataclass(frozen=True, kw_only=True)
class Look:
    """The factors of one identity; no two identities of a set share all of them."""

    gender: float
    """0 male, 1 female; this and what follows are Anny's phenotype, 0 to 1."""
    age: float
    muscle: float
    weight: float
    height: float
    proportions: float
    skin: int
    """Index into SKINS."""
    style: str
    """Of the hair: one of STYLES."""
    hair: str
    top: str
    top_color: str
    second_color: str
    """Of the pattern, of what is on front and back, and of the shirt under what is open."""
    pattern: str
    front: str
    back: str
    bottom: str
    bottom_color: str
    shoes: str
    bag: str
    bag_color: str
    """Of the bag, and of the cap."""


def draw_looks(count: int, seed: int) -> list[Look]:
    """Draw the looks of `count` identities, no two with the same factors."""
    draw = random.Random(f"{seed} dressed looks")
    seen: dict[tuple[object, ...], Look] = {}
    while len(seen) < count:
        look = _draw_look(draw)
        seen.setdefault(astuple(look), look)
    return list(seen.values())


def _draw_look(draw: random.Random) -> Look:
    top_color = draw.choice(list(CLOTHES) if draw.random() < 0.5 else (*DARK, "white"))
    top = draw.choice(TOPS)
    female = draw.random() < 0.5
    return Look(
        gender=draw.choice((0.85, 1.0)) if female else draw.choice((0.0, 0.15)),
        age=draw.choice((0.62, 0.7, 0.85)),
        muscle=draw.choice((0.35, 0.5, 0.65)),
        weight=draw.choice((0.3, 0.5, 0.7, 0.85)),
        height=draw.choice((0.3, 0.5, 0.7)),
        proportions=draw.choice((0.4, 0.8)),
        skin=draw.randrange(len(SKINS)),
        style=draw.choice(STYLES),
        hair=draw.choice(("black", "black", "brown", "brown", "fair", "red", "grey")),
        top=top,
        top_color=top_color,
        second_color=draw.choice([color for color in CLOTHES if color != top_color]),
        pattern=draw.choice(PATTERNS) if top in ("t-shirt", "shirt") else "plain",
        front=draw.choice(FRONTS) if top in ("t-shirt", "shirt") else draw.choice(("plain", "open", "zip", "zip")),
        back=draw.choice(BACKS),
        bottom=draw.choice(BOTTOMS if female else BOTTOMS[:-1]),
        bottom_color=draw.choice(DARK) if draw.random() < 0.7 else draw.choice(list(CLOTHES)),
        shoes=draw.choice(("black", "black", "white", "brown", "red", "grey")),
        bag=draw.choice(BAGS),
        bag_color=draw.choice(list(CLOTHES)),
    )
