"""Built-in sets of persons with known looks under several cameras, in Market-1501's layout."""

import itertools
import random
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Literal

from vg_reid.data.figures import COLORS, HAIRS, SKINS, Camera, Looks, draw_person
from vg_reid.data.layouts import MARKET_PARTS
from vg_reid.files import atomic

Kind = Literal["drawn", "dressed"]


def write_persons(
    out: str | Path,
    identities: int,
    cameras: int,
    per_camera: int,
    seed: int,
    *,
    kind: Kind = "drawn",
    workers: int = 1,
    progress: Callable[[int], object] | None = None,
) -> Path:
    """Write a synthetic data set in Market-1501's layout: half of the identities train, half query and gallery.

    The same arguments give the same files. Of each test identity one image per camera is query.

    Args:
        out: folder to write; it may exist, and must not hold images of another set.
        identities: number of persons, at least 2.
        cameras: at least 2 and at most 9, since a match must be under another camera.
        per_camera: images of each person under each camera, at least 2: a query and one for the gallery.
        seed: chooses looks, cameras and poses.
        kind: "drawn": flat colored figures, in a moment. "dressed": bodies of Anny with clothes, hair and bags, with
            their projections (6.3.1) in `projections` and all factors in factors.json; it needs vg-reid[mesh].
        workers: processes that take pictures of dressed persons; 1: this one.
        progress: called with the number of images written since the last call.
    Returns:
        The folder.
    Raises:
        ValueError: for numbers out of range, a folder that has images already, or dressed persons without Anny.
    """
    if identities < 2 or not 2 <= cameras <= 9 or per_camera < 2:
        raise ValueError(
            f"identities={identities}, cameras={cameras}, per_camera={per_camera}: wanted at least 2 of each "
            "and at most 9 cameras"
        )
    out = Path(out)
    if any(out.glob("*/*.jpg")):
        raise ValueError(f"{out} has images already, wanted a new folder")
    if kind == "dressed":
        from vg_reid.data.dressed.write import write_dressed

        write_dressed(out, identities, cameras, per_camera, seed, progress, workers)
    else:
        _write_drawn(out, identities, cameras, per_camera, seed, progress)
    return out


def _write_drawn(
    out: Path, identities: int, cameras: int, per_camera: int, seed: int, progress: Callable[[int], object] | None
) -> None:
    views = [draw_camera(random.Random(f"{seed} camera {camid}")) for camid in range(cameras)]
    persons = enumerate(draw_looks(identities, seed), start=1)
    for (pid, looks), camid, shot in itertools.product(persons, range(cameras), range(per_camera)):
        part = "train" if pid <= identities // 2 else ("query" if shot == 0 else "gallery")
        name = f"{pid:04d}_c{camid + 1}s1_{shot + 1:06d}_00.jpg"
        image = draw_person(looks, views[camid], random.Random(f"{seed} {pid} {camid} {shot}"))
        with atomic(out / MARKET_PARTS[part] / name) as staged:
            image.save(staged, quality=90)
        if progress is not None:
            progress(1)


def draw_looks(count: int, seed: int) -> list[Looks]:
    """Draw the looks of `count` identities, no two alike."""
    draw = random.Random(f"{seed} looks")
    seen: dict[tuple[object, ...], Looks] = {}
    while len(seen) < count:
        bag = draw.choice(("none", "none", "backpack", "shoulder"))
        looks = Looks(
            top=draw.choice(list(COLORS)),
            bottom=draw.choice(list(COLORS)),
            pattern=draw.choice(("plain", "plain", "hoops", "vest")),
            legs=draw.choice(("trousers", "trousers", "shorts", "skirt")),
            bag=bag,
            bag_color="none" if bag == "none" else draw.choice(list(COLORS)),
            hair=draw.randrange(len(HAIRS)),
            long_hair=draw.random() < 0.4,
            skin=draw.randrange(len(SKINS)),
            height=draw.randint(-1, 1),
            build=draw.randint(-1, 1),
        )
        seen.setdefault(astuple(looks), looks)
    return list(seen.values())


def draw_camera(draw: random.Random) -> Camera:
    """Draw the background, color cast, light, noise and scale of a camera."""
    ground = draw.randint(110, 160)
    paint = draw.randint(100, 150)
    wall = [paint + draw.randint(-14, 14) for _ in range(3)]
    return Camera(
        ground=(ground, ground - draw.randint(0, 12), ground - draw.randint(0, 24)),
        wall=(wall[0], wall[1], wall[2]),
        cast=(draw.uniform(0.9, 1.1), draw.uniform(0.95, 1.05), draw.uniform(0.9, 1.1)),
        brightness=draw.uniform(0.8, 1.1),
        noise=draw.uniform(1, 5),
        scale=draw.uniform(0.88, 1.04),
    )
