"""One face through a video: which one, where it is while it is not seen, and the path of the crops (3.4.1)."""

import math

import numpy as np
import pytest
from vg_video.data.faces.track import FaceCropConfig, follow_face, square_path

NONE = np.empty((0, 4))


def box(x: float, y: float, side: float, high: float | None = None) -> list[float]:
    """Left, top, right, bottom of a box with this center."""
    high = side if high is None else high
    return [x - side / 2, y - high / 2, x + side / 2, y + high / 2]


def path(boxes: list[list[float]], height: int = 1000, width: int = 1000, **settings: object) -> np.ndarray:
    """The squares, by default without smoothing and margin."""
    config = FaceCropConfig(**({"smoothing": 0.0, "margin": 0.0} | settings))
    return square_path(np.array(boxes, float), height, width, config)


def test_the_largest_face_is_followed_whatever_the_order_of_the_boxes():
    rng = np.random.default_rng(0)
    large = [box(40 + 3 * t, 50, 30) for t in range(20)]
    small = [box(120 - 2 * t, 60, 20) for t in range(20)]  # comes near, and passes below
    found = [np.array([large[t], small[t]])[rng.permutation(2)] for t in range(20)]
    np.testing.assert_array_equal(follow_face(found), large)


def test_frames_in_which_the_face_is_not_seen_stay_empty_though_another_face_is():
    found = [np.array([box(40, 50, 30), box(150, 50, 20)]) for _ in range(9)]
    found[3], found[4], found[8] = NONE, found[4][1:], NONE
    followed = follow_face(found)
    assert np.isnan(followed).all(axis=1).nonzero()[0].tolist() == [3, 4, 8]
    np.testing.assert_array_equal(followed[5], box(40, 50, 30))


def test_a_large_false_face_in_one_frame_does_not_win_over_a_face_that_stays():
    found = [np.array([box(40 + t, 50, 20)]) for t in range(12)]
    found[6] = np.array([box(150, 60, 50), box(46, 50, 20)])
    np.testing.assert_array_equal(follow_face(found), [box(40 + t, 50, 20) for t in range(12)])


def test_two_boxes_over_one_face_do_not_both_go_on_with_it():
    found = [np.array([box(50, 50, 40)]), np.array([box(58, 50, 40), box(51, 50, 40)]), np.array([box(52, 50, 40)])]
    np.testing.assert_array_equal(follow_face(found), [box(50, 50, 40), box(51, 50, 40), box(52, 50, 40)])


def test_a_box_that_hardly_overlaps_is_another_face():
    found = [np.array([box(50, 50, 40)]), np.array([box(79, 50, 38)])]  # intersection over union: 0.15
    assert np.isnan(follow_face(found)[1]).all()
    found[1] = np.array([box(74, 50, 40)])  # 0.25
    np.testing.assert_array_equal(follow_face(found)[1], box(74, 50, 40))


def test_a_face_that_was_missed_may_have_moved_on_the_farther_the_longer():
    for missed, share in ((0, 0.6), (1, 0.75), (3, 1.05), (4, 1.2), (20, 1.2)):  # of its side, that it may move
        for moved, same in ((0.9 * share, True), (1.2 * share, False)):
            found = [np.array([box(50, 50, 40)]), *[NONE] * missed, np.array([box(50 + 40 * moved, 50, 40)])]
            assert np.isnan(follow_face(found)).any(axis=1).sum() == missed + (not same)


def test_without_any_face_all_frames_are_empty():
    assert np.isnan(follow_face([NONE] * 5)).all()
    assert follow_face([NONE] * 5).shape == (5, 4)


def test_the_square_has_the_center_and_the_longer_side_plus_the_margin():
    squares = path([box(300, 400, 60, 100), box(310, 390, 90, 80)], margin=0.25)
    np.testing.assert_allclose(squares, [[300 - 75, 400 - 75, 150], [310 - 67.5, 390 - 67.5, 135]])


def test_gaps_are_filled_on_straight_lines_and_the_ends_are_held():
    nothing = [math.nan] * 4
    squares = path([nothing, box(100, 200, 40), nothing, nothing, nothing, box(140, 180, 80), nothing])
    x, y, side = squares[:, 0] + squares[:, 2] / 2, squares[:, 1] + squares[:, 2] / 2, squares[:, 2]
    np.testing.assert_allclose(x, [100, 100, 110, 120, 130, 140, 140])
    np.testing.assert_allclose(y, [200, 200, 195, 190, 185, 180, 180])
    np.testing.assert_allclose(side, [40, 40, 50, 60, 70, 80, 80])


@pytest.mark.parametrize(("length", "deviation"), [(1, 2.0), (5, 4.0), (30, 1.5), (30, 0.4), (31, 20.0)])
def test_smoothing_is_the_mean_with_gaussian_weights_over_the_frames_there_are(length, deviation):
    rng = np.random.default_rng(length)
    centers = 300 + 20 * rng.random(length)
    squares = path([box(x, 500, 100) for x in centers], smoothing=deviation)
    for t in range(length):
        reach = range(max(0, t - math.ceil(3 * deviation)), min(length, t + math.ceil(3 * deviation) + 1))
        weights = [math.exp(-0.5 * ((t - i) / deviation) ** 2) for i in reach]
        wanted = sum(w * centers[i] for w, i in zip(weights, reach, strict=True)) / sum(weights)
        np.testing.assert_allclose(squares[t], [wanted - 50, 450, 100])


def test_smoothing_takes_the_shake_out_and_leaves_the_way():
    rng = np.random.default_rng(0)
    way = 200 + 2.0 * np.arange(100)
    squares = path([box(x, 500, 100) for x in way + rng.normal(0, 3, 100)], smoothing=4.0)
    error = squares[12:-12, 0] + 50 - way[12:-12]
    assert np.abs(error).max() < 3 and error.std() < 1.2
    assert np.diff(squares[:, 0]).std() < 0.5  # 4.2 before


def test_one_box_for_the_clip_is_the_smallest_around_all_smoothed_ones():
    boxes = [box(200 + 10 * t, 300 - 5 * t, 40, 60) for t in range(7)]
    squares = path(boxes, box="clip")
    assert (squares == squares[0]).all()
    left, top, side = squares[0]
    np.testing.assert_allclose([left + side / 2, top + side / 2, side], [230, 285, 100])
    everywhere = path([*boxes, *reversed(boxes)], box="clip", smoothing=math.inf)  # the mean
    np.testing.assert_allclose(everywhere[3], [230 - 30, 285 - 30, 60])


def test_squares_over_the_border_are_moved_inside_or_left_there():
    boxes = [box(10, 95, 40), box(50, 50, 40), box(195, 2, 40), box(100, 50, 150)]
    clamped = path(boxes, height=100, width=200)
    np.testing.assert_allclose(clamped, [[0, 60, 40], [30, 30, 40], [160, 0, 40], [50, 0, 100]])
    padded = path(boxes, height=100, width=200, border="pad")
    np.testing.assert_allclose(padded, [[-10, 75, 40], [30, 30, 40], [175, -18, 40], [25, -25, 150]])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("resolution", 4, "resolution=4, wanted at least 8"),
        ("smoothing", -1.0, r"smoothing=-1.0, wanted at least 0"),
        ("box", "video", "box='video', wanted one of smooth, clip"),
        ("border", "cut", "border='cut', wanted one of clamp, pad"),
        ("margin", 1.5, r"margin=1.5, wanted 0 .. 1"),
        ("least_seen", -0.1, r"least_seen=-0.1, wanted 0 .. 1"),
    ],
)
def test_settings_out_of_range_are_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        FaceCropConfig(**{name: value})
