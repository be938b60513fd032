"""Drawing of the built-in persons: a colored walking figure in one of several looks, seen by one of several cameras."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

HEIGHT, WIDTH, SCALE = 128, 64, 4  # pixels as in Market-1501; drawn SCALE times larger and averaged
Color = tuple[int, int, int]
Point = tuple[float, float]

COLORS: dict[str, Color] = {
    "red": (190, 40, 45),
    "orange": (222, 128, 40),
    "yellow": (225, 200, 70),
    "green": (50, 130, 70),
    "teal": (40, 140, 150),
    "blue": (45, 80, 170),
    "purple": (120, 60, 150),
    "pink": (226, 140, 170),
    "white": (232, 232, 228),
    "grey": (128, 128, 130),
    "brown": (110, 75, 50),
    "black": (36, 36, 40),
}
SKINS: tuple[Color, ...] = ((244, 208, 178), (219, 172, 132), (168, 118, 82), (104, 70, 50))
HAIRS: tuple[Color, ...] = ((28, 24, 22), (92, 58, 34), (196, 158, 92), (150, 146, 142))


@dataclass(frozen=True)
class Looks:
    """The factors of one identity; no two identities of a set share all of them."""

    top: str
    bottom: str
    pattern: str  # plain, hoops (across), or vest (open over white)
    legs: str  # trousers, shorts or skirt
    bag: str  # none, backpack or shoulder
    bag_color: str
    hair: int
    long_hair: bool
    skin: int
    height: int  # -1 short, 0, 1 tall
    build: int  # -1 slim, 0, 1 broad


class Camera(NamedTuple):
    """What one camera does to each of its pictures."""

    ground: Color
    wall: Color
    cast: tuple[float, float, float]
    """Factors of red, green and blue."""
    brightness: float
    noise: float
    """Standard deviation in grey levels."""
    scale: float
    """Size of persons in the crop."""


class Pose(NamedTuple):
    """How a person stands in one picture."""

    azimuth: float
    """Radians; 0 faces the camera, pi turns the back to it."""
    stride: float
    """Phase of the walk in radians."""
    shift: Point
    """Displacement of the crop, in parts of its height."""


def draw_person(looks: Looks, camera: Camera, draw: random.Random) -> Image.Image:
    """Draw one picture of a person, 128x64: pose, crop and noise come from `draw`, all else is given."""
    pose = Pose(
        azimuth=draw.uniform(-math.pi, math.pi),
        stride=draw.uniform(0, 2 * math.pi),
        shift=(draw.uniform(-0.03, 0.03), draw.uniform(-0.02, 0.02)),
    )
    canvas = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), camera.wall)
    painter = ImageDraw.Draw(canvas)
    horizon = int(HEIGHT * SCALE * draw.uniform(0.5, 0.62))
    painter.rectangle((0, horizon, WIDTH * SCALE, HEIGHT * SCALE), fill=camera.ground)
    for _ in range(6):  # what stands behind the person just then
        x, width = draw.uniform(-40, WIDTH * SCALE), draw.uniform(20, 90)
        color = shade(camera.wall, draw.uniform(0.5, 1.5))
        painter.rectangle((x, horizon - draw.uniform(40, 200), x + width, horizon), fill=color)
    Figure(painter, looks, pose, camera.scale).paint()
    small = np.asarray(canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX), dtype=np.float64)
    noise = np.random.default_rng(draw.getrandbits(63)).normal(0, camera.noise, small.shape)
    seen = small * np.array(camera.cast) * camera.brightness + noise
    return Image.fromarray(seen.clip(0, 255).round().astype(np.uint8))


class Figure:
    """One walking person; coordinates are in body heights, x from the middle, y from the soles up."""

    def __init__(self, painter: ImageDraw.ImageDraw, looks: Looks, pose: Pose, scale: float) -> None:
        self.painter, self.looks, self.pose = painter, looks, pose
        self.unit = HEIGHT * SCALE * 0.9 * scale * (1 + 0.05 * looks.height)
        self.origin = (
            (WIDTH / 2 + pose.shift[0] * HEIGHT) * SCALE,
            (HEIGHT * 0.97 + pose.shift[1] * HEIGHT) * SCALE,
        )
        self.girth = 1 + 0.16 * looks.build
        self.side = math.sin(pose.azimuth)  # how much of the walk is across the picture
        self.front = math.cos(pose.azimuth)  # above 0 the face is seen
        self.swing = math.sin(pose.stride)
        self.half = (0.085 + 0.055 * abs(self.front)) * self.girth  # half the width of the shoulders

    def paint(self) -> None:
        """Paint from what is farthest to what is nearest."""
        far, near = (-1.0, 1.0) if self.side >= 0 else (1.0, -1.0)
        parts: list[Callable[[], None]] = [
            lambda: self._arm(far),
            lambda: self._leg(far),
            lambda: self._leg(near),
            self._bottom,
            self._torso,
            self._head,
            lambda: self._arm(near),
        ]
        bag = self._backpack if self.looks.bag == "backpack" else self._shoulder_bag
        if self.looks.bag != "none":
            behind = self.looks.bag == "backpack" and self.front > 0
            parts.insert(0 if behind else len(parts), bag)
        for part in parts:
            part()

    def _leg(self, sign: float) -> None:
        hip = (sign * self.half * 0.5, 0.5)
        reach = sign * self.swing * 0.13
        knee = (hip[0] + reach * self.side * 0.8, 0.27)
        foot = (hip[0] + reach * self.side * 1.6, 0.02 + max(0.0, reach) * 0.3 * abs(self.front))
        cloth, skin = COLORS[self.looks.bottom], SKINS[self.looks.skin]
        light = 0.85 if sign < 0 else 1.0
        self._limb(hip, knee, 0.1, shade(skin if self.looks.legs == "skirt" else cloth, light))
        self._limb(knee, foot, 0.075, shade(cloth if self.looks.legs == "trousers" else skin, light))
        self._limb(foot, (foot[0] + 0.05 * self.side, foot[1]), 0.04, (40, 36, 34))

    def _arm(self, sign: float) -> None:
        shoulder = (sign * self.half * abs(self.front), 0.79)
        reach = -sign * self.swing * 0.12 * self.side
        elbow = (shoulder[0] + reach + sign * 0.02 * abs(self.front), 0.63)
        hand = (elbow[0] + reach, 0.49)
        sleeve = COLORS["white" if self.looks.pattern == "vest" else self.looks.top]
        self._limb(shoulder, elbow, 0.065, shade(sleeve, 0.9))
        self._limb(elbow, hand, 0.045, SKINS[self.looks.skin])

    def _bottom(self) -> None:
        hem, flare = (0.3, 1.5) if self.looks.legs == "skirt" else (0.47, 1.0)
        half = self.half * 0.9
        corners = [(-half, 0.54), (half, 0.54), (half * flare, hem), (-half * flare, hem)]
        self._polygon(corners, COLORS[self.looks.bottom])

    def _torso(self) -> None:
        top = COLORS[self.looks.top]
        self._block(-1, 1, 0.52, 0.82, top)
        if self.looks.pattern == "hoops":
            for y in (0.57, 0.66, 0.75):
                self._block(-1, 1, y, y + 0.035, shade(top, 0.45 if sum(top) > 330 else 2.2))
        elif self.looks.pattern == "vest" and self.front > 0:
            self._block(-0.3, 0.3, 0.52, 0.82, COLORS["white"])

    def _head(self) -> None:
        skin, hair = SKINS[self.looks.skin], HAIRS[self.looks.hair]
        turn = 0.012 * self.side
        self._limb((0, 0.82), (0, 0.87), 0.05, skin)
        if self.looks.long_hair:
            self._limb((-turn * 2, 0.93), (-turn * 2, 0.8), 0.11, hair)
        self._ellipse((0, 0.925), 0.066, 0.074, hair)
        if self.front > -0.3:
            self._ellipse((turn * 2, 0.912), 0.055 * (0.55 + 0.45 * max(self.front, 0)), 0.056, skin)

    def _backpack(self) -> None:
        color = COLORS[self.looks.bag_color]
        if self.front > 0:
            self._block(-1.15, 1.15, 0.56, 0.78, color)  # its rim shows beside the back
        else:
            middle = -0.09 * self.side
            self._ellipse((middle, 0.67), 0.075 + 0.02 * abs(self.front), 0.12, color)

    def _shoulder_bag(self) -> None:
        color = COLORS[self.looks.bag_color]
        hip = (self.half * (0.9 if self.front > 0 else -0.9), 0.5)
        self._limb((-hip[0] * 0.8, 0.81), hip, 0.015, shade(color, 0.7))
        left, right, top, bottom = hip[0] - 0.06, hip[0] + 0.06, hip[1], hip[1] - 0.1
        self._polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def _block(self, left: float, right: float, low: float, high: float, color: Color) -> None:
        waist = 0.85 * self.half
        corners = [(left * waist, low), (right * waist, low), (right * self.half, high), (left * self.half, high)]
        self._polygon(corners, color)

    def _limb(self, start: Point, end: Point, thickness: float, color: Color) -> None:
        width = thickness * self.girth
        a, b = self._pixel(start), self._pixel(end)
        self.painter.line((a, b), fill=color, width=max(1, round(width * self.unit)))
        for point in (start, end):
            self._ellipse(point, width / 2, width / 2, color)

    def _ellipse(self, center: Point, rx: float, ry: float, color: Color) -> None:
        (x, y), rx, ry = self._pixel(center), rx * self.unit, ry * self.unit
        self.painter.ellipse((x - rx, y - ry, x + rx, y + ry), fill=color)

    def _polygon(self, points: list[Point], color: Color) -> None:
        self.painter.polygon([self._pixel(point) for point in points], fill=color)

    def _pixel(self, point: Point) -> Point:
        return self.origin[0] + point[0] * self.unit, self.origin[1] - point[1] * self.unit


def shade(color: Color, factor: float) -> Color:
    """Make a color darker (factor below 1) or lighter."""
    red, green, blue = (min(255, round(channel * factor)) for channel in color)
    return red, green, blue
