import hashlib
from dataclasses import astuple

import numpy as np
import pytest
from PIL import Image
from vg_reid.data.people import read_people
from vg_reid.data.synthetic import draw_looks, write_persons


def digests(root):
    return {p.relative_to(root): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*.jpg"))}


def test_set_has_market1501s_layout_with_every_query_answerable(persons):
    people = read_people(persons)
    assert people.layout == "Market-1501"
    assert len(people.train) == 3 * 2 * 3
    assert len(people.query) == 3 * 2
    assert len(people.gallery) == 3 * 2 * 2
    assert {p.pid for p in people.train} == {1, 2, 3}
    for query in people.query:
        assert any(p.pid == query.pid and p.camid != query.camid for p in people.gallery)


def test_set_is_a_function_of_its_arguments(persons, tmp_path):
    wanted = digests(persons)
    assert digests(write_persons(tmp_path / "same", 6, 2, 3, 0)) == wanted
    assert not set(digests(write_persons(tmp_path / "other", 6, 2, 3, 1)).values()) & set(wanted.values())
    assert len(set(wanted.values())) == len(wanted)


def test_no_two_identities_share_all_factors():
    looks = draw_looks(2000, seed=3)
    assert len({astuple(one) for one in looks}) == 2000
    for factor in zip(*map(astuple, looks), strict=True):
        assert len(set(factor)) > 1  # every factor does vary


def test_persons_differ_from_their_background_and_cameras_from_one_another(persons):
    people = read_people(persons)
    pictures = {p: np.asarray(Image.open(p.path), dtype=float) for p in people.images}
    assert {image.shape for image in pictures.values()} == {(128, 64, 3)}
    corners = {
        cam: np.mean([i[:8, :8].mean((0, 1)) for p, i in pictures.items() if p.camid == cam], 0) for cam in (0, 1)
    }
    assert np.abs(corners[0] - corners[1]).max() > 5
    for image in pictures.values():
        assert np.abs(image[45:55, 28:36].mean((0, 1)) - image[:8, :8].mean((0, 1))).max() > 8


@pytest.mark.parametrize(("identities", "cameras", "per_camera"), [(1, 2, 2), (2, 1, 2), (2, 10, 2), (2, 2, 1)])
def test_set_that_could_not_be_searched_is_refused(identities, cameras, per_camera, tmp_path):
    with pytest.raises(ValueError, match="wanted at least 2 of each and at most 9 cameras"):
        write_persons(tmp_path, identities, cameras, per_camera, 0)


def test_set_is_not_mixed_into_another(persons):
    with pytest.raises(ValueError, match="has images already, wanted a new folder"):
        write_persons(persons, 2, 2, 2, 0)
