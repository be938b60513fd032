"""Shapes on the canvas cover what they should, with soft edges, and masks tell what is seen of them."""

import numpy as np
import pytest
from vg_video.data.synthetic.canvas import GRID, Canvas, snap
from vg_video.data.synthetic.looks import Looks, blend, rgb
from vg_video.data.synthetic.rooms import PATTERNS, pattern, wave

WHITE = (255.0, 255.0, 255.0)
SQUARE = np.array([[[10.0, 10.0]], [[30.0, 10.0]], [[30.0, 25.0]], [[10.0, 25.0]]])  # clockwise, in one frame


def canvas(frames: int = 1, size: int = 40) -> Canvas:
    """A black one with two masks."""
    return Canvas(np.zeros((3, size, size)), frames, ["a", "b"])


def at(*place: float) -> np.ndarray:
    return np.array([place])


@pytest.mark.parametrize(
    ("draw", "area"),
    [
        (lambda c: c.capsule(at(12.3, 14.1), at(25.7, 22.4), (4.0, 4.0), WHITE, masks=["a"]), 16 * np.pi + 8 * 15.77),
        (lambda c: c.ellipse(at(20.2, 19.9), (9.0, 6.0), WHITE, masks=["a"]), 54 * np.pi),
        (lambda c: c.polygon(SQUARE, WHITE, masks=["a"]), 300),
        (lambda c: c.polygon(SQUARE[::-1], WHITE, masks=["a"]), 0),  # seen from behind
    ],
)
def test_shapes_cover_their_area(draw, area):
    film = canvas()
    draw(film)
    assert film.masks["a"].sum() == pytest.approx(area, rel=0.02, abs=0.5)


def test_edges_are_a_pixel_wide_so_that_slow_motion_makes_no_jumps():
    film = canvas(frames=33)
    x = 12 + np.arange(33) / 8  # an eighth of a pixel a frame
    film.ellipse(np.stack([x, np.full(33, 20.0)], -1), (6.0, 6.0), WHITE, masks=["a"])
    change = np.abs(np.diff(film.masks["a"], axis=0))
    assert 0.1 < change.max() < 0.14
    total = film.masks["a"].sum((1, 2))
    assert np.ptp(total) < 0.01 * total.mean()


def test_a_shape_takes_from_other_masks_what_it_hides():
    film = canvas()
    film.polygon(SQUARE, WHITE, masks=["a"])
    film.polygon(SQUARE + np.array([10, 0]), WHITE, masks=["b"])
    film.polygon(SQUARE + np.array([0, 10]), WHITE, masks=["a", "b"])
    film.polygon(SQUARE + np.array([0, 30]), WHITE)
    assert film.masks["a"][0, 15, 15] == 1 and film.masks["b"][0, 15, 15] == 0
    assert film.masks["a"][0, 15, 25] == 0 and film.masks["b"][0, 15, 25] == 1
    assert film.masks["a"][0, 22, 25] == film.masks["b"][0, 22, 25] == 1
    film.polygon(SQUARE, WHITE, opacity=0.25)
    assert film.masks["a"][0, 15, 15] == 0.75


def test_every_frame_has_its_own_place_and_opacity():
    film = canvas(frames=3)
    film.ellipse(np.array([[10.0, 20.0], [20.0, 20.0], [30.0, 20.0]]), (3.0, 3.0), WHITE, opacity=np.array([1, 0.5, 0]))
    frames = film.film()
    assert frames.shape == (3, 40, 40, 3) and frames.dtype == np.uint8
    columns = [frame[..., 0].sum(0).argmax() for frame in frames[:2]]
    assert columns == pytest.approx([10, 20], abs=1)
    assert frames[0].sum() == pytest.approx(2 * frames[1].sum(), rel=0.01) and frames[2].sum() == 0


def test_what_lies_outside_is_cut_off():
    film = canvas()
    for place in ((-20.0, 20.0), (20.0, 70.0), (0.0, 0.0)):
        film.capsule(at(*place), at(*place), (5.0, 5.0), WHITE, masks=["a"])
    assert film.masks["a"].sum() == pytest.approx(25 * np.pi / 4, rel=0.03)


def test_a_shadow_darkens_softly_and_only_nearby():
    film = Canvas(np.full((3, 40, 40), 200.0), 1)
    film.shadow(at(20.0, 20.0), (4.0, 2.0), 0.5)
    gray = film.film()[0, ..., 0].astype(int)
    assert gray[20, 20] == pytest.approx(100, abs=6)
    assert np.abs(np.diff(gray, axis=1)).max() < 40
    assert (gray[:15] == 200).all() and (gray[:, :11] == 200).all()


def test_places_that_differ_by_rounding_are_one():
    values = np.linspace(0, 64, 1000) * np.pi
    np.testing.assert_array_equal(snap(values), snap(values * (1 + 1e-15)))
    np.testing.assert_allclose(snap(values), values, atol=0.51 / GRID)


def test_wave_is_about_a_sine():
    cycles = np.linspace(-2, 2, 401)
    np.testing.assert_allclose(wave(cycles), np.sin(2 * np.pi * cycles), atol=0.06)


@pytest.mark.parametrize("name", PATTERNS)
def test_walls_are_patterned_faintly(name):
    x, y = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 64))
    light = pattern(name, x, y)
    assert light.mean() == pytest.approx(1, abs=0.08)
    assert (np.ptp(light) == 0) == (name == "plain") and np.ptp(light) < 0.25


def test_colors_are_named_mixed_and_lit():
    assert rgb("#ff8000") == (255, 128, 0) and rgb("#ff8000", 0.5) == (127.5, 64, 0)
    assert blend((0, 100, 200), (100, 100, 0), 0.25) == (25, 100, 150)


def test_looks_are_numbered_one_to_one_and_scrambled():
    looks = Looks(a=tuple(range(5)), b=("x", "y", "z"), c=(0.5, 1.5))
    assert len(looks) == 30
    for seed in (0, 1, 2**64 - 1):
        assert len({tuple(looks.look(number, seed).items()) for number in range(30)}) == 30
    assert [looks.look(i) for i in range(30)] != [looks.look(i, 1) for i in range(30)]
    for number in (-1, 30):
        with pytest.raises(ValueError, match=rf"identity={number}; 0 \.\. 29 is wanted"):
            looks.look(number)
