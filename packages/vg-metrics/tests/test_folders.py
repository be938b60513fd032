"""Folders of videos, frames, strips and pictures become clips; what is none is named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vg_metrics.codec import ShortClipError, read_video
from vg_metrics.folders import fingerprint, load_clips, load_pictures


def write_frames(folder: Path, frames: np.ndarray, suffix: str = ".png") -> None:
    """Frames (t, h, w, 3) under names whose alphabetical order is not theirs: 1, 2, .., 10."""
    folder.mkdir(parents=True)
    for index, frame in enumerate(frames, 1):
        Image.fromarray(frame).save(folder / f"frame{index}{suffix}")


def write_strip(path: Path, frames: np.ndarray, mode: str = "RGB") -> None:
    Image.fromarray(np.concatenate(list(frames), axis=1)).convert(mode).save(path, format="png")


def drawn(length: int, height: int = 8, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (length, height, width, 3), dtype=np.uint8)


def central(count: int):
    return lambda length: range((length - count) // 2, (length + count) // 2) if length >= count else None


def test_frames_and_strips_are_read_in_order(tmp_path):
    frames, strip = drawn(21, 8, 12), drawn(18, seed=1)
    write_frames(tmp_path / "a" / "walk", frames)
    write_strip(tmp_path / "b.jpg", strip, mode="RGBA")  # named as it is not, with an alpha channel
    clips = load_clips(tmp_path)
    assert [clips.name(index) for index in range(len(clips))] == ["b", "a/walk"]
    first, second = clips
    np.testing.assert_array_equal(first.read(central(16)).permute(1, 2, 3, 0), strip[1:17])
    np.testing.assert_array_equal(second.read(central(16)).permute(1, 2, 3, 0), frames[2:18])
    np.testing.assert_array_equal(second.read(lambda length: range(0, 20, 5)).permute(1, 2, 3, 0), frames[0:20:5])
    np.testing.assert_array_equal(second.read().permute(1, 2, 3, 0), frames)
    assert first.lossless and second.lossless


def test_jpeg_frames_are_lossy(tmp_path):
    write_frames(tmp_path / "walk", drawn(4), ".jpg")
    (clip,) = load_clips(tmp_path)
    assert not clip.lossless


def test_several_strips_of_one_size_are_several_clips(tmp_path):
    for index in range(3):
        write_strip(tmp_path / f"{index}.png", drawn(16, seed=index))
    assert len(load_clips(tmp_path)) == 3


def test_what_is_no_clip_is_skipped_with_its_reason(tmp_path):
    write_strip(tmp_path / "good.png", drawn(16))
    Image.fromarray(drawn(1, 8, 13)[0]).save(tmp_path / "odd.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden").mkdir()
    write_strip(tmp_path / ".hidden" / "cached.png", drawn(16))
    clips = load_clips(tmp_path)
    assert [source.name for source in clips] == ["good"]
    assert {path.name: reason for path, reason in clips.skipped} == {
        "odd.png": "13x8: neither a strip of square frames nor equal to its neighbors",
        "notes.txt": "no picture",
    }


def test_a_clip_that_is_too_short_tells_its_length(tmp_path):
    write_strip(tmp_path / "short.png", drawn(5))
    write_frames(tmp_path / "frames", drawn(3))
    for source, length in zip(load_clips(tmp_path), (5, 3), strict=True):
        with pytest.raises(ShortClipError) as error:
            source.read(central(16))
        assert error.value.frames == length


def test_folders_without_clips_are_refused(tmp_path):
    with pytest.raises(NotADirectoryError, match="absent: no such folder"):
        load_clips(tmp_path / "absent")
    with pytest.raises(ValueError, match="it is empty"):
        load_clips(tmp_path)
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(ValueError, match=r"no clip in it \(1 skipped, first notes\.txt: no picture"):
        load_clips(tmp_path)
    with pytest.raises(ValueError, match="no picture in it"):
        load_pictures(tmp_path)


def test_a_picture_cut_in_half_is_named(tmp_path):
    write_strip(tmp_path / "cut.png", drawn(16, 32, 32))
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (clip,) = load_clips(tmp_path)
    with pytest.raises(ValueError, match=r"cut\.png is a damaged picture"):
        clip.read()


def test_a_picture_bomb_is_skipped(tmp_path, monkeypatch):
    write_strip(tmp_path / "good.png", drawn(16))
    write_strip(tmp_path / "bomb.png", drawn(16, 64, 64))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64)
    assert [(path.name, reason) for path, reason in load_clips(tmp_path).skipped] == [("bomb.png", "too large")]


def test_pictures_are_samples_of_their_own(tmp_path):
    frames = drawn(3, 6, 10)
    write_frames(tmp_path / "0002", frames)
    write_strip(tmp_path / "wide.png", drawn(4))
    pictures = load_pictures(tmp_path)
    assert [source.name for source in pictures] == ["wide", "0002/frame1", "0002/frame2", "0002/frame3"]
    np.testing.assert_array_equal(pictures.sources[2].read()[:, 0].permute(1, 2, 0), frames[1])


def test_a_fingerprint_is_of_names_and_contents_in_no_order(tmp_path):
    for index in range(2):
        write_strip(tmp_path / f"{index}.png", drawn(4, seed=index))
    contents = {source.name: source.digest() for source in load_clips(tmp_path)}
    mark = fingerprint(contents)
    assert fingerprint(dict(reversed(contents.items()))) == mark
    assert fingerprint({"0": contents["1"], "1": contents["0"]}) != mark
    write_strip(tmp_path / "1.png", drawn(4, seed=7))
    assert fingerprint({source.name: source.digest() for source in load_clips(tmp_path)}) != mark


# --- video files ------------------------------------------------------------------------------------------------------

FORMATS = {
    ".mp4": ("libx264", "yuv420p"),
    ".mov": ("mpeg4", "yuv420p"),
    ".avi": ("mpeg4", "yuv420p"),
    ".mkv": ("ffv1", "bgr0"),
    ".webm": ("libvpx-vp9", "yuv420p"),
    ".gif": ("gif", "rgb8"),
}


def smooth(length: int = 20, height: int = 32, width: int = 48) -> np.ndarray:
    t, y, x = np.meshgrid(np.arange(length), np.arange(height), np.arange(width), indexing="ij")
    return np.uint8(127 + 100 * np.sin(0.3 * t[..., None] + 0.1 * (x + y)[..., None] + np.arange(3)))


def write_movie(path: Path, frames: np.ndarray, options: dict[str, str] | None = None) -> Path:
    av = pytest.importorskip("av")
    codec, pixels = FORMATS[path.suffix]
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixels
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(picture.reformat(format=pixels)))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_videos_are_read_by_the_window_they_are_asked_for(tmp_path, suffix):
    frames = smooth()
    write_movie(tmp_path / f"walk{suffix}", frames)
    (clip,) = load_clips(tmp_path)
    everything = clip.read()
    assert everything.shape == (3, 20, 32, 48) and not clip.lossless
    assert np.abs(everything.permute(1, 2, 3, 0).numpy().astype(float) - frames).mean() < 25  # the gif has 256 colors
    np.testing.assert_array_equal(clip.read(central(16)), everything[:, 2:18])
    np.testing.assert_array_equal(clip.read(lambda length: range(3, 18, 7)), everything[:, 3:18:7])
    with pytest.raises(ShortClipError) as error:
        clip.read(central(21))
    assert error.value.frames == 20


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("share", [0.9, 0.5])
def test_a_video_cut_off_is_named(tmp_path, suffix, share):
    path = write_movie(tmp_path / f"walk{suffix}", smooth(), {"movflags": "faststart"} if suffix == ".mp4" else None)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=rf"walk\{suffix} is a damaged video"):
        read_video(path, range)


def test_text_named_as_a_video_is_named(tmp_path):
    pytest.importorskip("av")
    (tmp_path / "walk.mp4").write_text("not a video")
    (clip,) = load_clips(tmp_path)
    with pytest.raises(ValueError, match=r"walk\.mp4 is a damaged video or none"):
        clip.read()


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((0, 1, -1, 0), lambda frames: np.rot90(frames, -1, (1, 2))),
        ((0, -1, 1, 0), lambda frames: np.rot90(frames, 1, (1, 2))),
        ((-1, 0, 0, -1), lambda frames: np.rot90(frames, 2, (1, 2))),
        ((-1, 0, 0, 1), lambda frames: frames[:, :, ::-1]),
    ],
)
def test_rotation_and_mirrors_are_applied(tmp_path, matrix, turn):
    path = write_movie(tmp_path / "walk.mp4", smooth())
    stored = read_video(path, range)
    content = path.read_bytes()
    place = content.index(b"tkhd") + 44  # of the display matrix in the track's header
    a, b, c, d = (int(value * 65536).to_bytes(4, "big", signed=True) for value in matrix)
    zero, one = bytes(4), (1 << 30).to_bytes(4, "big")
    path.write_bytes(content[:place] + a + b + zero + c + d + zero + zero + zero + one + content[place + 36 :])
    np.testing.assert_array_equal(read_video(path, range), turn(stored))


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ValueError, match=r"wants PyAV: pip install 'vg-metrics\[video\]'"):
        read_video(tmp_path / "walk.mp4", range)


def test_real_clips_are_found(realdata: Path):
    weizmann = load_clips(realdata / "weizmann")
    assert (len(weizmann), weizmann.skipped) == (36, ())
    assert weizmann.sources[0].read(central(16)).shape == (3, 16, 64, 64)
    ucf101 = load_clips(realdata / "ucf101_frames")
    assert (len(ucf101), ucf101.sources[0].read(central(16)).shape) == (17, (3, 16, 256, 340))


def test_real_videos_are_read(realdata: Path):
    pytest.importorskip("av")
    by_name = {path.name: path for path in (realdata / "clips").rglob("*.*")}
    assert len(read_video(by_name["-video-with-dash-.mp4"], range)) == 5
    assert read_video(by_name["bitmap.mp4"], range).shape == (5, 1, 1, 3)
    hmdb51 = next(path for name, path in by_name.items() if name.startswith("hmdb51"))  # its metadata are no UTF-8
    assert read_video(hmdb51, lambda length: range(4) if length >= 4 else None).shape[0] == 4
