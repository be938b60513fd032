"""Videos of faces: the face stays in the middle of its crop, wherever it moves; videos without one are named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vg_video.data import limits
from vg_video.data.codec import write_video
from vg_video.data.faces.crop import NoFaceError, crop_face, crop_square
from vg_video.data.faces.track import FaceCropConfig
from vg_video.data.folder import VideoSource
from vg_video.data.stills import write_strip

SIZE, FACE = 96, 16
CONFIG = FaceCropConfig(resolution=32, smoothing=0.0, margin=0.5)  # crops are twice the face


class ColorDetector:
    """Takes each of some plain colors for a face."""

    def __init__(self, *colors: tuple[int, int, int]) -> None:
        self.colors = colors
        self.frames = 0

    def detect(self, frame: np.ndarray) -> np.ndarray:
        self.frames += 1
        boxes = []
        for color in self.colors:
            rows, columns = (np.abs(frame.astype(int) - color).max(axis=-1) < 40).nonzero()
            if len(rows) > 20:
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        return np.array(boxes, float).reshape(-1, 4)


RED, BLUE = (250, 0, 0), (0, 0, 250)


def paint(frame: np.ndarray, x: int, y: int, color: tuple[int, int, int], side: int = FACE) -> None:
    """Draw a face with this center."""
    frame[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = color


def moving_face(step: int = 6) -> np.ndarray:
    """A red square that moves from the upper left to the right, over a gray room."""
    video = np.full((9, SIZE, SIZE, 3), 120, np.uint8)
    for t in range(9):
        paint(video[t], 20 + step * t, 24 + 2 * t, RED)
    return video


def strip(path: Path, frames: np.ndarray) -> VideoSource:
    """A video as a lossless file."""
    write_strip(path, frames)
    return VideoSource(path, "strip")


def test_the_face_stays_in_the_middle_of_its_crop(tmp_path):
    detector = ColorDetector(RED)
    crop = crop_face(strip(tmp_path / "a.png", moving_face()), detector, CONFIG)
    assert (crop.frames.shape, crop.frames.dtype) == ((9, 32, 32, 3), np.uint8)
    for frame in crop.frames:
        assert (frame[10:22, 10:22] == RED).all()
        assert (frame[:6] == 120).all() and (frame[:, 26:] == 120).all()
    np.testing.assert_allclose(crop.squares, [[4 + 6 * t, 8 + 2 * t, 32] for t in range(9)])
    assert crop.seen.all() and crop.faces == 1 and detector.frames == 9


def test_while_the_face_is_hidden_the_crop_goes_on_along_its_way(tmp_path):
    video = moving_face(step=2)
    video[3:6] = 120
    crop = crop_face(strip(tmp_path / "a.png", video), ColorDetector(RED), CONFIG)
    assert crop.seen.tolist() == [True] * 3 + [False] * 3 + [True] * 3
    np.testing.assert_allclose(crop.squares, [[4 + 2 * t, 8 + 2 * t, 32] for t in range(9)])
    assert (crop.frames[3:6] == 120).all()


def test_of_several_faces_the_largest_is_taken_in_every_frame(tmp_path):
    video = moving_face()
    for t in range(9):
        paint(video[t], 84 - 2 * t, 80, BLUE, side=12)
    source = strip(tmp_path / "a.png", video)
    for colors in ((RED, BLUE), (BLUE, RED)):
        crop = crop_face(source, ColorDetector(*colors), CONFIG)
        assert (crop.frames[:, 10:22, 10:22] == RED).all() and crop.faces == 2


def test_at_the_border_the_crop_is_moved_inside_or_edges_are_repeated(tmp_path):
    video = np.full((4, SIZE, SIZE, 3), 120, np.uint8)
    video[:, :4] = 30
    for frame in video:
        paint(frame, 10, 10, RED)
    source = strip(tmp_path / "a.png", video)
    inside = crop_face(source, ColorDetector(RED), CONFIG)
    np.testing.assert_allclose(inside.squares, [[0, 0, 32]] * 4)
    np.testing.assert_array_equal(inside.frames, video[:, :32, :32])
    config = FaceCropConfig(resolution=32, smoothing=0.0, margin=0.5, border="pad")
    padded = crop_face(source, ColorDetector(RED), config)
    np.testing.assert_allclose(padded.squares, [[-6, -6, 32]] * 4)
    np.testing.assert_array_equal(
        padded.frames, np.pad(video, [(0, 0), (6, 0), (6, 0), (0, 0)], mode="edge")[:, :32, :32]
    )


def test_one_box_for_the_clip_holds_the_face_in_every_frame_and_does_not_move(tmp_path):
    config = FaceCropConfig(resolution=64, box="clip", smoothing=0.0, margin=0.0)
    crop = crop_face(strip(tmp_path / "a.png", moving_face()), ColorDetector(RED), config)
    np.testing.assert_allclose(crop.squares, [[12, 0, 64]] * 9)  # the face's way is 64 x 32 pixels, from (12, 16) on
    np.testing.assert_array_equal(crop.frames, moving_face()[:, :64, 12:76])


def test_video_files_and_folders_of_frames_are_cropped_alike(tmp_path):
    write_video(tmp_path / "a.mp4", moving_face(), 12)
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(moving_face()):
        Image.fromarray(frame).save(tmp_path / "frames" / f"{number}.png")
    for source in (VideoSource(tmp_path / "a.mp4", "file"), VideoSource(tmp_path / "frames", "frames")):
        crop = crop_face(source, ColorDetector(RED), CONFIG)
        assert np.abs(crop.squares - [[4 + 6 * t, 8 + 2 * t, 32] for t in range(9)]).max() <= 1
        assert np.abs(crop.frames[:, 12:20, 12:20].astype(int) - RED).max() < 30


def test_a_video_without_a_face_or_with_one_for_too_short_is_named(tmp_path):
    source = strip(tmp_path / "someone.png", moving_face())
    with pytest.raises(NoFaceError, match=r"someone.png: no face in its 9 frames"):
        crop_face(source, ColorDetector(BLUE), CONFIG)
    video = moving_face()
    video[2:] = 120
    source = strip(tmp_path / "shy.png", video)
    with pytest.raises(NoFaceError, match=r"shy.png: a face in only 2 of its 9 frames; 50% are wanted \(least_seen\)"):
        crop_face(source, ColorDetector(RED), CONFIG)
    config = FaceCropConfig(resolution=32, least_seen=0.2)
    assert crop_face(source, ColorDetector(RED), config).seen.sum() == 2


def test_a_damaged_video_is_told_as_such_and_a_long_one_is_stopped(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", moving_face(), 12)
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"a.mp4: cut off") as error:
        crop_face(VideoSource(tmp_path / "a.mp4", "file"), ColorDetector(RED))
    assert not isinstance(error.value, NoFaceError)
    source = strip(tmp_path / "long.png", moving_face())
    monkeypatch.setattr(limits, "MAX_BYTES", 3 * 64 * 64 * 3)
    with pytest.raises(ValueError, match=r"long.png: more than"):
        crop_face(source, ColorDetector(RED), FaceCropConfig(resolution=64))


def test_crops_are_cut_to_fractions_of_a_pixel():
    ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 60, 0).repeat(3, 2)  # 4 x: gray
    for left in (10.0, 10.25, 10.5, 13.75):
        crop = crop_square(ramp, np.array([left, 20.0, 16.0]), 16)
        wanted = 4 * (left + np.arange(16))
        assert np.abs(crop[:, 1:-1, 0] - wanted[1:-1]).max() <= 1
    larger = crop_square(ramp, np.array([10.0, 20.0, 16.0]), 32)
    assert np.abs(larger[:, 4:-4, 0] - (4 * (10 + (np.arange(32) - 0.5) / 2))[4:-4]).max() <= 1


def test_squares_far_over_the_border_show_the_border():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    around = np.pad(image, [(25, 25), (25, 25), (0, 0)], mode="edge")
    for left, top in ((-12, 3), (22, -7), (-20, 15), (5, 18), (9, 4)):
        crop = crop_square(image, np.array([left, top, 14.0]), 14)
        np.testing.assert_array_equal(crop, around[top + 25 : top + 39, left + 25 : left + 39])
