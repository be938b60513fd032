"""The dressed set on disk: photos, the true projections of the bodies in them, and all factors."""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from vg_reid.data.dressed.body import Bodies
from vg_reid.data.dressed.looks import Look, draw_looks
from vg_reid.data.dressed.shoot import DRAWN, Shot, shoot, tilted
from vg_reid.data.dressed.sites import Site, draw_sites
from vg_reid.data.layouts import MARKET_PARTS
from vg_reid.files import atomic
from vg_reid.mesh.projections import Part, azimuth_folder
from vg_reid.mesh.render import render
from vg_reid.mesh.rotate import AZIMUTHS, rotate
from vg_reid.workers import in_workers, one_thread

FRAMES_A_SHOT = 12  # between two pictures of a person under one camera: half a second


class Appearance(NamedTuple):
    """One picture that is to be taken."""

    pid: int
    camid: int
    part: str
    name: str
    azimuth: float

    @property
    def path(self) -> Path:
        """Of the picture in the folder of the set."""
        return Path(MARKET_PARTS[self.part]) / self.name


class Studio:
    """What all pictures of a set have in common: who is seen, and where.

    Args:
        out: folder of the set.
        identities: number of persons.
        cameras: number of sites.
        seed: of everything drawn.
    """

    def __init__(self, out: Path, identities: int, cameras: int, seed: int) -> None:
        self.out, self.seed = out, seed
        self.bodies = Bodies()
        self.looks, self.sites = draw_looks(identities, seed), draw_sites(cameras, seed)

    def take(self, appearance: Appearance) -> dict[str, Any]:
        """Write one picture and its projections; return its factors."""
        look, site = self.looks[appearance.pid - 1], self.sites[appearance.camid]
        draw = random.Random(f"{self.seed} {appearance.name}")
        with one_thread():  # the same picture however many work
            shot = shoot(self.bodies, look, site, appearance.azimuth, draw)
            write_projections(self.out / "projections", appearance, shot, self.bodies.faces)
        with atomic(self.out / appearance.path) as staged:
            shot.picture.save(staged, quality=site.quality)
        return {
            "pid": appearance.pid,
            "camid": appearance.camid,
            "azimuth": shot.azimuth,
            "sun": shot.sun,
            **shot.gait._asdict(),
            "camera": asdict(shot.camera),
        }


def write_dressed(
    out: Path,
    identities: int,
    cameras: int,
    per_camera: int,
    seed: int,
    progress: Callable[[int], object] | None = None,
    workers: int = 1,
) -> None:
    """Write the set; see `vg_reid.data.synthetic.write_persons`."""
    looks, sites = draw_looks(identities, seed), draw_sites(cameras, seed)
    planned = list(appearances(identities, sites, per_camera, seed))
    pictures = {}
    shared = (out, identities, cameras, seed)
    take = partial(_take, shared) if workers > 1 else Studio(*shared).take
    for appearance, factors in zip(planned, in_workers(take, planned, workers), strict=True):
        pictures[appearance.path.as_posix()] = factors
        if progress is not None:
            progress(1)
    with atomic(out / "factors.json") as staged:
        staged.write_text(json.dumps(_factors(looks, sites, pictures), indent=1) + "\n")


def appearances(identities: int, sites: list[Site], per_camera: int, seed: int) -> Iterator[Appearance]:
    """Say who is seen where, when and from which side.

    A person walks past the cameras in their order or against it, and needs about the same time between two of them as
    everyone else: what JVTC's histogram of frames learns. Before each camera the person comes or goes.
    """
    draw = random.Random(f"{seed} ways")
    way = list(itertools.accumulate(draw.randint(400, 1600) for _ in sites))
    for pid in range(1, identities + 1):
        start, forward = draw.randint(2 * way[-1], 60000), draw.random() < 0.7
        for camid, site in enumerate(sites):
            first = start + (way[camid] if forward else -way[camid]) + round(draw.gauss(0, 60))
            heading = site.heading + (0 if draw.random() < 0.5 else 180) + draw.gauss(0, 20)
            for step in range(per_camera):
                part = "train" if pid <= identities // 2 else ("query" if step == 0 else "gallery")
                name = f"{pid:04d}_c{camid + 1}s1_{first + FRAMES_A_SHOT * step:06d}_00.jpg"
                yield Appearance(pid, camid, part, name, round((heading + draw.gauss(0, 12)) % 360, 2))


def write_projections(root: Path, appearance: Appearance, shot: Shot, faces: Tensor) -> None:
    """Write the body of a picture as its camera sees it, and turned by each of AZIMUTHS, in the official layout."""
    turns = torch.tensor([0.0, *AZIMUTHS])
    bodies = tilted(rotate(shot.body.expand(len(turns), -1, -1), turns + shot.azimuth), shot.elevation)
    views = render(bodies, faces, (0,), DRAWN, camera=shot.camera)[:, 0]
    part: Part = "train" if appearance.part == "train" else "test"
    for turn, view in zip(turns.int().tolist(), views, strict=True):
        with atomic(azimuth_folder(root, part, turn) / appearance.name) as staged:
            Image.fromarray((view * 255).round().byte().numpy()).save(staged, quality=90)


def _factors(looks: list[Look], sites: list[Site], pictures: dict[str, Any]) -> dict[str, Any]:
    places = [asdict(site) for site in sites]
    for place in places:
        del place["backdrop"]
    return {
        "identities": {pid: asdict(look) for pid, look in enumerate(looks, start=1)},
        "cameras": dict(enumerate(places)),
        "images": pictures,
    }


def _take(shared: tuple[Path, int, int, int], appearance: Appearance) -> dict[str, Any]:
    """Take a picture, in a worker."""
    return _studio(*shared).take(appearance)


@cache
def _studio(out: Path, identities: int, cameras: int, seed: int) -> Studio:
    """Make the studio of this worker at its first picture."""
    return Studio(out, identities, cameras, seed)
