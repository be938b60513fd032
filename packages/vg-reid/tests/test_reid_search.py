import numpy as np
import pytest
import torch
from PIL import Image, ImageColor
from vg_reid import Gallery
from vg_reid.picture import FRAME, NEUTRAL, QUERY, RIGHT, WRONG, Ranked, ranking_picture, stack_pictures
from vg_reid.search import rank_photo


def color_of(name):
    return np.array(ImageColor.getrgb(name))


def frames(picture):
    """Colors of the frames from left to right, read from the row through their upper edge."""
    row = np.asarray(picture)[8 + FRAME // 2]
    changes = np.flatnonzero((row[1:] != row[:-1]).any(axis=1)) + 1
    return [tuple(row[x]) for x in changes if tuple(row[x]) != (255, 255, 255)]


def test_query_is_blue_right_is_green_wrong_is_red_unknown_is_grey():
    person = Image.new("RGB", (10, 20), "navy")
    shown = [Ranked(person, "1: a\n0.9", True), Ranked(person, "2: b\n0.8", False), Ranked(person, "3\n", None)]
    picture = ranking_picture(person, shown)
    assert frames(picture) == [tuple(color_of(name)) for name in (QUERY, RIGHT, WRONG, NEUTRAL)]
    assert tuple(np.asarray(picture)[100, 50]) == (0, 0, 128)


def test_pictures_of_several_queries_lie_under_one_another():
    person = Image.new("L", (10, 20), 90)
    one, two = ranking_picture(person, []), ranking_picture(person, [Ranked(person, "", None)])
    sheet = stack_pictures([one, two])
    assert sheet.size == (two.width, one.height + two.height)
    assert np.array_equal(np.asarray(sheet)[one.height :], np.asarray(two))
    with pytest.raises(ValueError, match="no pictures to stack"):
        stack_pictures([])


@pytest.fixture
def photos(tmp_path):
    for name in ("0001_c1s1_1_0.png", "0001_c1s1_2_0.png", "0001_c2s1_1_0.png", "0002_c1s1_1_0.png"):
        Image.new("RGB", (4, 8), "teal").save(tmp_path / name)
    return sorted(tmp_path.iterdir())


@pytest.fixture
def gallery(photos):
    """Four entries whose similarity to the first falls in their order."""
    gallery = Gallery(2)
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.3], [1.0, 0.2]])
    gallery.add(vectors, [1, 1, 1, 2], [0, 0, 1, 0], [{"path": str(path.resolve())} for path in photos])
    return gallery


def test_photo_is_left_out_of_its_own_ranking(gallery, photos):
    ranking = rank_photo(gallery, photos[0], gallery.vectors[0], 2)
    assert [entry.key for entry, _ in ranking.matches] == [1, 3]
    assert [ranking.is_right(entry) for entry, _ in ranking.matches] == [True, False]


def test_cross_camera_leaves_out_the_same_person_under_the_same_camera(gallery, photos):
    ranking = rank_photo(gallery, photos[0], gallery.vectors[0], 10, cross_camera=True)
    assert [entry.key for entry, _ in ranking.matches] == [3, 2]


def test_photo_of_nobody_known_has_neither_right_nor_wrong(gallery, photos, tmp_path):
    stranger = tmp_path / "stranger.png"
    Image.new("RGB", (4, 8), "teal").save(stranger)
    ranking = rank_photo(gallery, stranger, gallery.vectors[0], 4, cross_camera=True)
    assert [ranking.is_right(entry) for entry, _ in ranking.matches] == [None] * 4
    lines = list(ranking.table())
    assert len(lines) == 5
    assert lines[1].split() == ["1", "1.0000", "-", "1", "c1", str(photos[0].resolve())]
    assert set(frames(ranking.picture())[1:]) == {tuple(color_of(NEUTRAL))}


def test_person_is_known_by_the_name_of_the_folder(tmp_path):
    for who in ("ann", "bob"):
        (tmp_path / who).mkdir()
        Image.new("RGB", (4, 8)).save(tmp_path / who / "x.png")
    gallery = Gallery(2)
    gallery.add(torch.eye(2), [1, 2], [-1, -1], [{"path": f"/{n}.png", "name": n} for n in ("ann", "bob")])
    ranking = rank_photo(gallery, tmp_path / "bob" / "x.png", torch.tensor([1.0, 0.0]), 2)
    assert [ranking.is_right(entry) for entry, _ in ranking.matches] == [False, True]
    assert "ann" in list(ranking.table())[1]


def test_entry_without_a_path_cannot_be_drawn():
    gallery = Gallery(2)
    gallery.add(torch.eye(2), [1, 2], [0, 0])
    from pathlib import Path

    ranking = rank_photo(gallery, Path("q.jpg"), torch.tensor([1.0, 0.0]), 1)
    assert "key 0" in list(ranking.table())[1]
    with pytest.raises(ValueError, match="entry 0 of the gallery has no path"):
        ranking.picture()
