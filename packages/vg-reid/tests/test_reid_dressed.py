"""The dressed set: bodies of Anny with clothes, their projections, their factors."""

import hashlib
import json
import random
from collections import defaultdict
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch
from PIL import Image
from vg_reid.data.people import read_people
from vg_reid.data.published import check_people
from vg_reid.data.synthetic import write_persons
from vg_reid.mesh.projections import Projections
from vg_reid.mesh.rotate import AZIMUTHS

pytest.importorskip("anny", reason="the extra vg-reid[mesh] is not installed")

from vg_reid.data.dressed import clothes, texture
from vg_reid.data.dressed.body import REGIONS, Bodies, Gait
from vg_reid.data.dressed.looks import BACKS, BAGS, FRONTS, SKINS, STYLES, TOPS, draw_looks
from vg_reid.data.dressed.shoot import shoot
from vg_reid.data.dressed.sites import draw_sites

STILL = Gait(phase=1.0, stride=0.0, arms=0.05, elbow=0.1, head=0.0, lean=0.0)


@pytest.fixture(scope="module")
def bodies():
    return Bodies()


@pytest.fixture(scope="module")
def dressed(tmp_path_factory):
    return write_persons(tmp_path_factory.mktemp("dressed"), 4, 2, 2, seed=5, kind="dressed")


def test_set_is_market1501s_layout_with_projections_and_factors(dressed):
    people = read_people(dressed)
    assert (len(people.train), len(people.query), len(people.gallery)) == (8, 4, 4)
    assert check_people(people, published=False).complete
    factors = json.loads((dressed / "factors.json").read_text())
    assert len(factors["identities"]) == 4
    assert len(factors["cameras"]) == 2
    assert set(factors["images"]) == {p.path.relative_to(dressed).as_posix() for p in people.images}
    for person in people.images:
        seen = factors["images"][person.path.relative_to(dressed).as_posix()]
        assert (seen["pid"], seen["camid"]) == (person.pid, person.camid)
        assert Image.open(person.path).size == (64, 128)
    for part, persons in (("train", people.train), ("test", [*people.query, *people.gallery])):
        projections = Projections(dressed / "projections", part, persons)
        views = projections.original(range(len(persons)))
        assert views.shape == (8, 1, 256, 128)
        assert ((views > -0.9).float().mean((1, 2, 3)) > 0.1).all()
        for azimuth in AZIMUTHS:
            assert (projections.rotated(range(8), [azimuth] * 8) - views).abs().mean() > 0.02


def test_set_is_a_function_of_its_seed_whoever_takes_the_pictures(dressed, tmp_path):
    def digests(root):
        return {p.relative_to(root): hashlib.sha256(p.read_bytes()).digest() for p in root.rglob("*") if p.is_file()}

    again = write_persons(tmp_path / "again", 4, 2, 2, seed=5, kind="dressed", workers=2)
    assert digests(again) == digests(dressed)
    assert draw_looks(4, 5) != draw_looks(4, 6)
    assert draw_sites(2, 5) != draw_sites(2, 6)


def test_projection_lies_on_the_person_in_the_photo(bodies):
    """What differs from the empty place is the person, and the body's projection is inside of it."""
    look = replace(draw_looks(1, 1)[0], top="shirt", bottom="trousers", bag="none", style="short")
    site = draw_sites(1, 1)[0]
    still = replace(site, noise=0.0, blur=0.0, haze=0.0, backdrop=np.zeros_like(site.backdrop))
    draws = (random.Random(seed) for seed in range(20))
    for draw in draws:
        shot = shoot(bodies, look, still, 40.0, draw)
        person = np.asarray(shot.picture).max(2) > 0
        if person[-4:].mean() > 0.5 or person.all(0).any():
            continue  # something stands in front
        body = _silhouette(bodies, shot)
        assert (person & body).sum() / body.sum() > 0.97
        assert (person & body).sum() / (person | body).sum() > 0.6


def _silhouette(bodies, shot):
    from vg_reid.data.dressed.shoot import tilted
    from vg_reid.mesh.camera import project
    from vg_reid.mesh.raster import rasterize
    from vg_reid.mesh.rotate import rotate

    turned = tilted(rotate(shot.body, shot.azimuth), shot.elevation)
    seen = rasterize(*project(turned[None], [shot.camera], (128, 64)), bodies.faces, (128, 64))
    return (seen.faces[0] >= 0).numpy()


def test_no_two_identities_share_all_factors_and_every_factor_varies():
    looks = draw_looks(2000, seed=3)
    assert len({astuple(look) for look in looks}) == 2000
    for factor in zip(*map(astuple, looks), strict=True):
        assert len(set(factor)) > 1
    assert {look.style for look in looks} == set(STYLES)
    assert {look.top for look in looks} == set(TOPS)
    assert {look.bag for look in looks} == set(BAGS)
    assert {look.front for look in looks} == set(FRONTS)
    assert {look.back for look in looks} == set(BACKS)


def test_neutral_body_stands_upright_and_faces_the_camera(bodies):
    rest, regions = bodies.rest, bodies.regions
    torch.testing.assert_close(regions.sum(1), torch.ones(len(rest)))
    height = {name: rest[regions[:, index] > 0.9, 1].mean() for index, name in enumerate(REGIONS)}
    assert height["head"] > height["torso"] > height["leg"] > height["foot"]
    assert rest[regions[:, REGIONS.index("foot")] > 0.9, 2].amax() > 0.08  # toes point to +z
    assert bodies.joint("wrist.L")[0] > 0.3


def test_bones_carry_what_is_worn_with_the_body(bodies):
    look = draw_looks(1, 0)[0]
    posed = bodies.pose(look, STILL._replace(stride=0.5, elbow=0.4, lean=0.1))
    assert posed.vertices[:, 1].amin().abs() < 1e-4
    for name in ("head", "wrist.L", "spine02"):
        index = bodies.names.index(name)
        own = bodies._model.dense_vertex_bone_weights[:, index] > 0.5
        carried = bodies.rest[own] @ posed.bones[name][:3, :3].T + posed.bones[name][:3, 3]
        assert (carried.mean(0) - posed.vertices[own].mean(0)).norm() < 0.06  # phenotypes differ


def test_clothes_cover_what_they_should(bodies):
    look = replace(draw_looks(1, 0)[0], top="t-shirt", bottom="trousers")
    cover = texture.worn(bodies.rest, bodies.regions, look)
    x, y, z = bodies.rest.unbind(1)
    hands = bodies.regions[:, REGIONS.index("hand")] > 0.9
    assert (cover[hands] == texture.SKIN).all()
    assert (cover[(y > 0.74)] == texture.HAIR).all()
    assert (cover[(y > 0.2) & (y < 0.4) & (x.abs() < 0.1)] == texture.TOP).all()
    assert (cover[(y > -0.6) & (y < -0.15) & ~hands & (x.abs() < 0.3)] == texture.BOTTOM).all()
    assert (cover[y < -0.84] == texture.SHOE).all()
    forearm = (x > 0.36) & (bodies.regions[:, REGIONS.index("arm")] > 0.9)
    assert (cover[forearm] == texture.SKIN).all()
    assert (texture.worn(bodies.rest, bodies.regions, replace(look, top="coat"))[forearm] == texture.TOP).all()
    face = (y - texture.EYE[1]).abs() < 0.01
    assert (cover[face & (z > 0.08)] == texture.SKIN).all()


def test_front_and_back_differ_as_the_look_says(bodies):
    look = replace(
        draw_looks(1, 0)[0],
        top="shirt",
        pattern="plain",
        front="emblem",
        back="plain",
        bag="none",
        top_color="white",
        second_color="red",
    )
    chest, back = torch.tensor([[0.0, 0.36, 0.1]]), torch.tensor([[0.0, 0.36, -0.1]])
    torso = torch.eye(len(REGIONS))[[REGIONS.index("torso")]]

    def color(point, who):
        return texture.paint(point, torso, torch.tensor([clothes.BODY]), who)[0]

    assert color(chest, look)[1] < 0.3  # red
    assert color(back, look)[1] > 0.7  # white
    turned = replace(look, front="plain", back="emblem")
    assert color(chest, turned)[1] > 0.7
    assert color(back, turned)[1] < 0.3


@pytest.mark.parametrize("bag", [bag for bag in dict.fromkeys(BAGS) if bag != "none"])
def test_bag_is_beside_the_body_and_touches_it(bag, bodies):
    look = replace(draw_looks(1, 4)[0], bag=bag, bottom="trousers", top="shirt")
    posed = bodies.pose(look, STILL)
    mesh = clothes.dress(bodies, posed, look)
    corners = mesh.vertices[mesh.faces[mesh.materials == texture.BAG].unique()]
    center = corners.mean(0)
    body = posed.vertices
    assert (body - center).norm(dim=1).amin() > 0.02
    assert (torch.cdist(corners, body).amin()) < 0.12
    if bag == "backpack":
        assert center[2] < body[:, 2].mean() - 0.1
    assert 0.3 < center[1] / body[:, 1].amax() < 0.9


def test_skirt_hides_the_thighs_in_the_widest_step(bodies):
    look = replace(draw_looks(1, 0)[0], bottom="skirt", top="shirt", gender=1.0)
    posed = bodies.pose(look, STILL._replace(stride=0.3, phase=0.0))
    mesh = clothes.dress(bodies, posed, look)
    skirt = mesh.vertices[mesh.faces[mesh.materials == texture.BOTTOM].unique()]
    low, high = skirt[:, 1].amin() + 0.03, skirt[:, 1].amax() - 0.15
    legs = bodies.regions[:, REGIONS.index("leg")] > 0.9
    thighs = mesh.vertices[: len(bodies.rest)][legs]
    thighs = thighs[(thighs[:, 1] > low) & (thighs[:, 1] < high)]
    middle = skirt.mean(0)
    sector = lambda p: ((torch.atan2(p[:, 0] - middle[0], p[:, 2] - middle[2]) / torch.pi + 1) * 12).long()  # noqa: E731
    for side in sector(thighs).unique():
        inside = thighs[sector(thighs) == side]
        outside = skirt[sector(skirt) == side]
        assert (inside - middle)[:, ::2].norm(dim=1).amax() < (outside - middle)[:, ::2].norm(dim=1).amax()


def test_cameras_differ_more_than_persons_do_in_mean_color(bodies):
    """A mean color over pictures cannot tell persons apart across cameras."""
    sites, looks = draw_sites(4, 0), draw_looks(8, 0)
    means = defaultdict(list)
    for camid, site in enumerate(sites):
        for pid, look in enumerate(looks):
            picture = shoot(bodies, look, site, site.heading, random.Random(f"{pid} {camid}")).picture
            means[camid].append(np.asarray(picture, float).mean((0, 1)))
    within = np.mean([np.std(values, 0) for values in means.values()])
    between = np.std([np.mean(values, 0) for values in means.values()], 0).mean()
    assert between > within


def test_skins_and_clothes_are_colors():
    for color in (*SKINS, *texture.CLOTHES.values(), *texture.HAIRS.values()):
        assert len(color) == 3
        assert all(0 <= value <= 255 for value in color)
