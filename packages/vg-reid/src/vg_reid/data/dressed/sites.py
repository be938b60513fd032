"""Where the cameras of the dressed set hang: what is behind the persons, and what each camera does to color."""

import random
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.float32]
GROUNDS = ("paving", "lawn", "asphalt", "tiles")
WALLS = ("windows", "bricks", "trees", "glass")
CANVAS = (288, 768)  # height and width of a place; a picture shows 256x128 of it


@dataclass(frozen=True, kw_only=True)
class Site:
    """One camera and its place."""

    ground: str
    wall: str
    heading: float
    """Degrees: azimuth of most persons who come towards it, the others go the opposite way."""
    elevation: float
    """Degrees by which it looks down."""
    distance: float
    """Meters to the persons."""
    fill: float
    """Share of a picture's height that a person takes, on average."""
    cast: tuple[float, float, float]
    """Factors of red, green and blue."""
    gamma: float
    saturation: float
    haze: float
    """Share of white veil."""
    sun: float
    """Share of its light that comes from one side; the rest is from everywhere."""
    blur: float
    """Standard deviation in pixels."""
    noise: float
    """Standard deviation in grey levels."""
    quality: int
    """Of the JPEG files."""
    backdrop: Pixels = field(repr=False, compare=False)
    """(288, 768, 3) in [0, 1]"""

    def behind(self, draw: random.Random) -> Pixels:
        """Cut out what is behind a person just then, (256, 128, 3)."""
        top, left = draw.randrange(CANVAS[0] - 255), draw.randrange(CANVAS[1] - 127)
        return self.backdrop[top : top + 256, left : left + 128]

    def expose(self, picture: Pixels, draw: random.Random) -> Pixels:
        """Give a picture in [0, 1] the camera's colors, sharpness and noise."""
        picture = picture * np.array(self.cast, np.float32) * np.float32(draw.uniform(0.7, 1.3))
        grey = picture.mean(2, keepdims=True)
        picture = np.clip(grey + self.saturation * (picture - grey), 0, 1) ** np.float32(self.gamma)
        picture = picture * (1 - self.haze) + self.haze * np.float32(0.85)
        noise = np.random.default_rng(draw.getrandbits(63)).normal(0, self.noise / 255, picture.shape)
        return np.clip(_blurred(picture, self.blur) + noise.astype(np.float32), 0, 1)


def draw_sites(count: int, seed: int) -> list[Site]:
    """Draw the places of a set; neighbors differ in heading, ground and color."""
    draw = random.Random(f"{seed} sites")
    first, turn = draw.uniform(0, 360), draw.choice((70, 110))
    grounds, walls = draw.sample(GROUNDS, len(GROUNDS)), draw.sample(WALLS, len(WALLS))
    sites = []
    for camid in range(count):
        ground, wall = grounds[camid % len(grounds)], walls[(camid + camid // 4) % len(walls)]
        warm = draw.choice((-1, 1)) * draw.uniform(0.04, 0.2)
        light = draw.uniform(0.75, 1.2)
        sites.append(
            Site(
                ground=ground,
                wall=wall,
                heading=(first + turn * camid) % 360,
                elevation=draw.uniform(2, 26),
                distance=draw.uniform(5, 14),
                fill=draw.uniform(0.82, 0.96),
                cast=(light * (1 + warm), light * draw.uniform(0.95, 1.05), light * (1 - warm)),
                gamma=draw.uniform(0.75, 1.35),
                saturation=draw.uniform(0.6, 1.15),
                haze=draw.uniform(0, 0.16),
                sun=draw.uniform(0.15, 0.6),
                blur=draw.uniform(0.2, 0.9),
                noise=draw.uniform(1, 6),
                quality=draw.choice((80, 88, 95)),
                backdrop=paint_backdrop(ground, wall, draw),
            )
        )
    return sites


def paint_backdrop(ground: str, wall: str, draw: random.Random) -> Pixels:
    """Paint a place: ground below, something that stands behind it above."""
    noise = np.random.default_rng(draw.getrandbits(63))
    height, width = CANVAS
    edge = round(height * draw.uniform(0.18, 0.5))
    canvas = Image.new("RGB", (width, height))
    painter = ImageDraw.Draw(canvas)
    _paint_wall(painter, wall, edge, draw)
    _paint_ground(painter, ground, edge, draw)
    for _ in range(draw.randint(5, 9)):  # poles, bins, cars: what stands about
        x, base = draw.uniform(0, width), edge + draw.uniform(2, 0.35 * (height - edge))
        wide, tall = draw.choice(((4, 150), (5, 110), (26, 40), (70, 44), (38, 60)))
        painter.rectangle((x, base - tall, x + wide, base), fill=_tint(draw, 30, 190))
        painter.ellipse((x - 6, base - 3, x + wide + 6, base + 4), fill=(52, 52, 50))
    picture: Pixels = np.asarray(canvas, np.float32) / np.float32(255)
    grain = np.asarray(
        Image.fromarray(noise.random((36, 96), np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    )
    fine = noise.random((height, width), np.float32)
    blurred: Pixels = _blurred(picture, 1.2) * (0.82 + 0.28 * grain + 0.1 * fine)[..., None]
    return np.clip(blurred, 0, 1)


def _paint_wall(painter: ImageDraw.ImageDraw, kind: str, edge: int, draw: random.Random) -> None:
    width = CANVAS[1]
    base = _tint(draw, 90, 190)
    painter.rectangle((0, 0, width, edge), fill=base)
    if kind == "trees":
        painter.rectangle((0, 0, width, edge), fill=(70, 92, 60))
        for _ in range(260):
            x, y, r = draw.uniform(0, width), draw.uniform(-10, edge), draw.uniform(6, 24)
            green = draw.randint(60, 130)
            painter.ellipse((x - r, y - r, x + r, y + r), fill=(green - 25, green, green - 40))
        return
    if kind == "bricks":
        for row, y in enumerate(range(edge, -12, -12)):
            for x in range(-(row % 2) * 14, width, 28):
                shade = draw.randint(-16, 16)
                painter.rectangle((x, y - 11, x + 26, y), fill=(140 + shade, 84 + shade, 66 + shade))
        return
    step, wide, tall = (96, 60, 70) if kind == "windows" else (64, 60, 200)
    pane = (60, 74, 92) if kind == "windows" else (126, 146, 158)
    for x in range(draw.randrange(20), width, step):
        for y in range(edge - 24 - tall, -tall, -(tall + 26)):
            shade = draw.randint(-18, 18)
            painter.rectangle((x, y, x + wide, y + tall), fill=(pane[0] + shade, pane[1] + shade, pane[2] + shade))


def _paint_ground(painter: ImageDraw.ImageDraw, kind: str, edge: int, draw: random.Random) -> None:
    height, width = CANVAS
    base = {"paving": (150, 144, 134), "lawn": (92, 116, 62), "asphalt": (92, 92, 96), "tiles": (178, 170, 154)}[kind]
    painter.rectangle((0, edge, width, height), fill=base)
    if kind == "lawn":
        for _ in range(900):
            x, y = draw.uniform(0, width), draw.uniform(edge, height)
            green = draw.randint(88, 138)
            painter.line((x, y, x + draw.uniform(-3, 3), y - draw.uniform(3, 9)), fill=(green - 22, green, green - 50))
        return
    line = (236, 236, 228) if kind == "asphalt" else tuple(round(0.78 * value) for value in base)
    rows = [edge + (height - edge) * (step / 9) ** 1.7 for step in range(10)]
    for y in rows[:: 5 if kind == "asphalt" else 1]:
        painter.line((0, y, width, y), fill=line, width=2)
    if kind != "asphalt":
        for step in range(-40, 41):
            middle = width / 2
            painter.line((middle + step * 22, edge, middle + step * 70, height), fill=line, width=2)


def _tint(draw: random.Random, low: int, high: int) -> tuple[int, int, int]:
    grey = draw.randint(low, high)
    red, green, blue = (max(0, min(255, grey + draw.randint(-24, 24))) for _ in range(3))
    return red, green, blue


def _blurred(picture: Pixels, deviation: float) -> Pixels:
    """Blur by a Gaussian of some pixels, the same at the border as inside."""
    reach = max(1, round(3 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(deviation, 1e-3)) ** 2).astype(np.float32)
    kernel /= kernel.sum()
    for axis in (0, 1):
        border = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(picture, border, mode="edge")
        size = picture.shape[axis]
        picture = sum(
            (weight * padded.take(range(step, step + size), axis) for step, weight in enumerate(kernel)),
            np.zeros((), np.float32),
        )
    return picture
