"""Folders of frames and strips: every kind of picture ends as upright 8-bit RGB."""

import numpy as np
import pytest
from PIL import Image
from vg_video.data.stills import (
    image_size,
    natural_key,
    read_image,
    read_strip,
    stream_frames,
    write_strip,
)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 9, 3), dtype=np.uint8)


def test_names_sort_by_their_numbers():
    names = ["b2.png", "b10.png", "b1.png", "a9z1.png", "a9.png", "B3.png", "10.png", "9.png"]
    wanted = ["9.png", "10.png", "a9.png", "a9z1.png", "b1.png", "b2.png", "B3.png", "b10.png"]
    assert sorted(names, key=natural_key) == wanted


@pytest.mark.parametrize("kind", ["rgb", "rgba", "palette", "gray", "gray16", "bmp", "webp", "tiff"])
def test_every_kind_of_picture_becomes_rgb(kind, picture, tmp_path):
    path, gray = tmp_path / "a.jpg", picture[..., 0]  # the suffix lies
    few = picture // 128 * 128
    image, wanted, form = {
        "rgb": (Image.fromarray(picture), picture, "png"),
        "rgba": (Image.fromarray(np.dstack([picture, gray])), picture, "png"),
        "palette": (Image.fromarray(few).quantize(8), few, "png"),
        "gray": (Image.fromarray(gray), gray[..., None].repeat(3, 2), "png"),
        "gray16": (Image.fromarray(gray.astype(np.uint16) * 257), gray[..., None].repeat(3, 2), "png"),
        "bmp": (Image.fromarray(picture), picture, "bmp"),
        "webp": (Image.fromarray(picture), picture, "webp"),
        "tiff": (Image.fromarray(picture), picture, "tiff"),
    }[kind]
    image.save(path, form, **({"lossless": True} if form == "webp" else {}))
    read = read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation, picture, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    upright = {  # the tag tells which side of the picture the stored first row and first column are
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.swapaxes(0, 1),
        6: np.rot90(picture, -1),
        7: picture[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(picture, 1),
    }[orientation]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), upright)
    assert image_size(tmp_path / "a.png") == upright.shape[1::-1]


def test_strip_comes_back_frame_by_frame(tmp_path):
    frames = np.random.default_rng(1).integers(0, 256, (7, 6, 6, 3), dtype=np.uint8)
    write_strip(tmp_path / "a.png", frames)
    assert image_size(tmp_path / "a.png") == (42, 6)
    np.testing.assert_array_equal(read_strip(tmp_path / "a.png"), frames)


def test_frames_of_a_folder_come_in_natural_order(tmp_path):
    frames = np.random.default_rng(1).integers(0, 256, (12, 4, 6, 3), dtype=np.uint8)
    for index in reversed(range(12)):
        Image.fromarray(frames[index]).save(tmp_path / f"frame{index}.png")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "frame0.png").read_bytes())
    (tmp_path / "notes.txt").write_text("not a picture")
    np.testing.assert_array_equal(np.stack(list(stream_frames(tmp_path))), frames)


def test_frame_of_another_size_is_named(tmp_path):
    for index, width in enumerate((6, 6, 7)):
        Image.new("RGB", (width, 4)).save(tmp_path / f"{index}.png")
    frames = stream_frames(tmp_path)
    assert next(frames).shape == next(frames).shape == (4, 6, 3)
    with pytest.raises(ValueError, match=r"2\.png: frame 2 is 7x4, the first one is 6x4"):
        next(frames)


def test_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no picture in it"):
        np.stack(list(stream_frames(tmp_path)))
