"""Video files: frames, colors, orientation and rate survive; damage is told."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from vg_video.data import codec, limits
from vg_video.data.codec import encode_video, read_video, stream_video, write_video

CORNERS = np.array([[(220, 30, 40), (30, 200, 60)], [(40, 60, 210), (240, 230, 40)]], np.uint8)


def corners(frames: int = 6, height: int = 64, width: int = 96) -> np.ndarray:
    """Four colored quarters and a gray square that moves from left to right."""
    picture = CORNERS.repeat(height // 2, 0).repeat(width // 2, 1)
    video = np.repeat(picture[None], frames, 0)
    for t in range(frames):
        video[t, height // 2 - 6 : height // 2 + 6, 8 * t : 8 * t + 12] = 128
    return video


def seen_corners(frame: np.ndarray) -> np.ndarray:
    """The colors well inside the four quarters, (2, 2, 3)."""
    height, width = frame.shape[:2]
    return frame[[height // 8, -height // 8]][:, [width // 8, -width // 8]].astype(int)


def encode(path: Path, frames: np.ndarray, encoder: str = "libx264", pixels: str = "yuv420p", **colors: int) -> None:
    """Write a file with an encoder, pixel format, matrix and range of one's own choice."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        for name, value in colors.items():
            setattr(stream.codec_context, name, value)
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture = picture.reformat(
                format=pixels,
                dst_colorspace=colors.get("colorspace"),
                dst_color_range=colors.get("color_range"),
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("suffix", "tolerance"), [(".mp4", 3), (".webm", 4), (".gif", 0), (".png", 0)])
def test_written_frames_come_back_in_number_order_color_and_rate(suffix, tolerance, tmp_path):
    frames = corners()
    path = tmp_path / f"-a b:c{suffix}"  # begins with a dash, has a space and what looks like a protocol
    write_video(path, frames, fps=20)
    if suffix == ".png":
        from PIL import Image

        np.testing.assert_array_equal(np.asarray(Image.open(path)), np.concatenate(frames, 1))
        return
    read, fps = read_video(path)
    assert read.dtype == np.uint8 and read.shape == frames.shape and fps == pytest.approx(20)
    assert np.abs(seen_corners(read[0]) - CORNERS).max() <= tolerance
    centers = [np.abs(frame[28:36].astype(int) - 128).sum((0, 2)).argmin() for frame in read]
    assert centers == sorted(centers) and len(set(centers)) == len(frames)
    assert [path.name for path in tmp_path.iterdir()] == [path.name]  # no temporary file stays


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_odd_sizes_grow_by_one_repeated_row_and_column(suffix, tmp_path):
    frames = corners(height=66, width=98)[:, :65, :97]
    write_video(tmp_path / f"odd{suffix}", frames)
    read, _ = read_video(tmp_path / f"odd{suffix}")
    assert read.shape == (6, 66, 98, 3)
    grown = frames[:, [*range(65), 64]][:, :, [*range(97), 96]]
    write_video(tmp_path / f"even{suffix}", grown)
    np.testing.assert_array_equal(read, read_video(tmp_path / f"even{suffix}")[0])
    assert np.abs(seen_corners(read[0]) - CORNERS).max() <= 4


@pytest.mark.parametrize(
    ("name", "encoder", "pixels", "colors"),
    [
        ("untagged.mp4", "libx264", "yuv420p", {}),
        ("bt709.mp4", "libx264", "yuv420p", {"colorspace": 1, "color_range": 1}),
        ("bt709_full.mp4", "libx264", "yuv420p", {"colorspace": 1, "color_range": 2}),
        ("bt601_full.mp4", "libx264", "yuv420p", {"colorspace": 5, "color_range": 2}),
        ("full444.mkv", "libx264", "yuv444p", {"colorspace": 1, "color_range": 2}),
        ("ten_bits.mkv", "libx264", "yuv420p10le", {}),
        ("rgb.mov", "qtrle", "rgb24", {}),
        ("mpeg4.avi", "mpeg4", "yuv420p", {}),
        ("jpeg.avi", "mjpeg", "yuvj420p", {}),
    ],
)
def test_colors_follow_the_matrix_range_and_format_that_the_file_names(name, encoder, pixels, colors, tmp_path):
    encode(tmp_path / name, corners(), encoder, pixels, **colors)
    read, fps = read_video(tmp_path / name)
    assert read.shape == (6, 64, 96, 3) and fps == 25
    assert np.abs(seen_corners(read[0]) - CORNERS).max() <= 8


def test_written_mp4_names_its_matrix_and_range(tmp_path):
    write_video(tmp_path / "a.mp4", corners())
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)  # BT.709, limited
        luma = frame.to_ndarray()[8, 8]
    red, green, blue = (CORNERS[0, 0] / 255).tolist()
    assert abs(luma - (16 + 219 * (0.2126 * red + 0.7152 * green + 0.0722 * blue))) <= 2


def turned(path: Path, source: bytes, matrix: tuple[int, ...]) -> Path:
    """Give an mp4 another display matrix (a b c d x y of its track header)."""
    data = bytearray(source)
    place = data.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 4 * 2
    a, b, c, d, x, y = (value << 16 for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, x, y, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "matrix", "expected"),
    [
        ("0", (1, 0, 0, 1, 0, 0), lambda frames: frames),
        ("90 clockwise", (0, 1, -1, 0, 64, 0), lambda frames: np.rot90(frames, -1, (1, 2))),
        ("180", (-1, 0, 0, -1, 96, 64), lambda frames: np.rot90(frames, 2, (1, 2))),
        ("270 clockwise", (0, -1, 1, 0, 0, 96), lambda frames: np.rot90(frames, 1, (1, 2))),
        ("mirrored", (-1, 0, 0, 1, 96, 0), lambda frames: frames[:, :, ::-1]),
    ],
)
def test_display_matrix_is_applied(name, matrix, expected, tmp_path):
    source = encode_video(corners(), ".mp4")
    (tmp_path / "plain.mp4").write_bytes(source)
    plain, _ = read_video(tmp_path / "plain.mp4")
    read, _ = read_video(turned(tmp_path / "turned.mp4", source, matrix))
    np.testing.assert_array_equal(read, expected(plain))


def test_content_decides_not_the_suffix(tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(encode_video(corners(), ".webm"))
    assert read_video(path)[0].shape == (6, 64, 96, 3)


def noisy(frames: int = 30) -> np.ndarray:
    """Frames whose files are large enough to be cut anywhere."""
    noise = np.random.default_rng(0).integers(-40, 40, (frames, 64, 96, 3))
    return (corners(frames).astype(int) + noise).clip(0, 255).astype(np.uint8)


def written(path: Path) -> bytes:
    """A file of 30 frames, whose sample table comes first in an mp4, in the container of the suffix."""
    if path.suffix == ".avi":
        encode(path, noisy(), "mpeg4")
    elif path.suffix == ".mkv":
        encode(path, noisy())
    else:
        write_video(path, noisy())
    return path.read_bytes()


def faststart(path: Path) -> bytes:
    """An mp4 of 30 frames whose sample table comes before the data, so that a cut file can still be opened."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for frame in noisy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".webm", ".gif"])
@pytest.mark.parametrize("part", [0.5, 0.8])
def test_cut_file_names_its_last_good_frame_and_yields_the_good_ones_on_request(suffix, part, tmp_path):
    path = tmp_path / f"whole{suffix}"
    data = faststart(path) if suffix == ".mp4" else written(path)
    whole, _ = read_video(path)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(data[: int(len(data) * part)])
    good, _ = read_video(cut, skip_corrupt=True)
    assert 0 < len(good) < 30
    np.testing.assert_array_equal(good, whole[: len(good)])
    with pytest.raises(ValueError, match=rf"cut{suffix}: cut off after .* last good frame: {len(good) - 1}$"):
        read_video(cut)
    with pytest.raises(ValueError, match="last good frame"):
        list(stream_video(cut))


def test_cut_file_without_its_sample_table_has_no_good_frame(tmp_path):
    data = written(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(data[: len(data) // 2])
    for skip_corrupt in (False, True):
        with pytest.raises(ValueError, match=r"a\.mp4: cut off after \d+ of \d+ bytes; no good frame"):
            read_video(tmp_path / "a.mp4", skip_corrupt=skip_corrupt)


def test_damage_inside_a_file_is_found(tmp_path):
    data = bytearray(faststart(tmp_path / "a.mp4"))
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.mp4: .*last good frame: \d+"):
        read_video(tmp_path / "a.mp4")


def gif_header(width: int, height: int) -> bytes:
    """A gif of one frame of this size that fits in fifty bytes."""
    head = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    return head + b"\x2c" + struct.pack("<HHHH", 0, 0, width, height) + b"\0\x02\x02\x4c\x01\0\x3b"


def test_picture_bomb_is_refused_before_it_is_decoded(tmp_path):
    import resource

    (tmp_path / "bomb.gif").write_bytes(gif_header(60_000, 20_000))  # 1.2 gigapixels
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"bomb\.gif: .*(pixels|no good frame)"):
        read_video(tmp_path / "bomb.gif")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes


def test_video_larger_than_memory_should_be_is_refused(tmp_path, monkeypatch):
    write_video(tmp_path / "long.mp4", corners(20))
    monkeypatch.setattr(limits, "MAX_BYTES", 10 * 64 * 96 * 3)
    with pytest.raises(ValueError, match=r"long\.mp4: more than 184320 bytes when decoded \(frame 10\)"):
        read_video(tmp_path / "long.mp4")


def test_text_sound_and_missing_files_are_refused_by_name(tmp_path):
    (tmp_path / "text.mp4").write_text("no video\n" * 100)
    with pytest.raises(ValueError, match=r"text\.mp4: not a video; mp4, mov, avi, mkv, webm or gif is wanted"):
        read_video(tmp_path / "text.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 16000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match=r"sound\.mp4: no video stream"):
        read_video(tmp_path / "sound.mp4")
    with pytest.raises(FileNotFoundError, match=r"nothing\.mp4"):
        read_video(tmp_path / "nothing.mp4")


@pytest.mark.parametrize(
    ("frames", "suffix", "fps", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), ".mp4", 25, "float32"),
        (np.zeros((2, 8, 8), np.uint8), ".mp4", 25, r"uint8 \(t, h, w, 3\) is wanted"),
        (np.zeros((0, 8, 8, 3), np.uint8), ".gif", 25, r"\(0, 8, 8, 3\)"),
        (np.zeros((2, 8, 8, 3), np.uint8), ".mpg", 25, r"one of \.mp4, \.webm, \.gif, \.png"),
        (np.zeros((2, 8, 8, 3), np.uint8), ".mp4", 0, "fps=0"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_no_file(frames, suffix, fps, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / f"a{suffix}", frames, fps)
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    write_video(path, corners())
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vg_video.data.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_video(path, noisy())
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_every_codec_has_a_suffix_that_is_read_back(tmp_path):
    for suffix in codec.CODECS:
        write_video(tmp_path / f"a{suffix}", corners(3))
        assert len(read_video(tmp_path / f"a{suffix}")[0]) == 3
