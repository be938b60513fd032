"""Who a face belongs to: skin, bones, eyes, brows, hair, clothes and what is behind."""

from typing import NamedTuple

from vg_video.data.synthetic.looks import Looks


class Bones(NamedTuple):
    """The outline of a head, in half heights of it."""

    width: float  # half, at the height of the eyes
    taper: float  # how much narrower the chin is than the brow
    square: float  # how angular the jaw is, 0 .. 1


class Lids(NamedTuple):
    """The shape of an eye, in half heights of the head."""

    width: float  # half
    height: float  # of the open eye
    tilt: float  # how much higher the outer corner is


class Hair(NamedTuple):
    """A haircut, in half heights of the head."""

    line: float  # where the hair begins over the middle of the brow; v, down from the center of the head
    sides: float  # how far it comes down at the temples
    part: float  # where it is parted: u, to the right; how far from there it falls is `sweep`
    sweep: float
    volume: float  # over the skull
    curls: float  # how uneven its outline is
    behind: tuple[float, float, float] | None = None  # hair behind the head: half width, upper and lower end
    bun: bool = False


SHAPES = {
    "oval": Bones(0.74, 0.13, 0.10),
    "round": Bones(0.83, 0.05, 0.12),
    "square": Bones(0.77, 0.03, 0.62),
    "heart": Bones(0.79, 0.23, 0.06),
    "long": Bones(0.68, 0.08, 0.30),
}
EYES = {
    "round": Lids(0.195, 0.265, 0.0),
    "almond": Lids(0.215, 0.205, 0.04),
    "narrow": Lids(0.215, 0.165, 0.015),
}
HAIR = {
    "bald": Hair(-2.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "crop": Hair(-0.60, 0.62, 0.0, 0.0, 0.05, 0.0),
    "side": Hair(-0.66, 0.62, -0.35, 0.30, 0.10, 0.0),
    "curls": Hair(-0.50, 0.50, 0.0, 0.0, 0.14, 0.055),
    "afro": Hair(-0.52, 0.50, 0.0, 0.0, 0.12, 0.03, (1.17, -1.40, 0.62)),
    "bob": Hair(-0.45, 0.95, 0.0, 0.0, 0.10, 0.0, (0.98, -1.05, 0.92)),
    "long": Hair(-0.72, 1.25, 0.12, 0.55, 0.09, 0.0, (0.97, -1.05, 1.75)),
    "bun": Hair(-0.64, 0.60, 0.0, 0.0, 0.05, 0.0, None, True),
}
FACES = Looks(
    skin=("#f6d7c0", "#eabf9f", "#d9a47a", "#b87f52", "#8d5a38", "#623f2a"),
    shape=tuple(SHAPES),
    eyes=tuple(EYES),
    iris=("#5b3a1f", "#2f6f9f", "#4f7f45", "#2c1f16", "#7d6a3a", "#6f7f8c"),
    brows=(0.75, 1.0, 1.35),  # thickness
    nose=(0.8, 1.0, 1.25),  # width
    lips=(0.8, 1.0, 1.3),  # thickness
    hair=("#1c1715", "#4a2f1b", "#8a5a2b", "#d3a955", "#a3a09c", "#8f3a20", "#2b2f45"),
    hair_style=tuple(HAIR),
    extra=("none", "glasses", "freckles", "beard", "earrings", "blush"),
    top=("crew", "v-neck", "collar", "stripes", "hood"),
    shirt=("#c8433f", "#3561b8", "#3b8f56", "#e2b23c", "#7a4a9c", "#e6803a", "#efece2", "#33363f", "#38a09c"),
    wall=("#dccfb8", "#b4cbd6", "#d3b3a4", "#b1c2a1", "#9aa3ba", "#d6d5da", "#cfa873", "#9fc0c6", "#c7b3cf"),
    backdrop=("plain", "bricks", "panels", "tiles", "sun"),
)
