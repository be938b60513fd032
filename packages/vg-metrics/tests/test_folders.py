"""Folders of pictures become clips; what is none is named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vg_metrics.folders import load_clips


def write_frames(folder: Path, frames: np.ndarray, suffix: str = ".png") -> None:
    """Frames (t, h, w, 3) under names whose alphabetical order is not theirs: 1, 2, .., 10."""
    folder.mkdir(parents=True)
    for index, frame in enumerate(frames, 1):
        Image.fromarray(frame).save(folder / f"frame{index}{suffix}")


def write_strip(path: Path, frames: np.ndarray, mode: str = "RGB") -> None:
    Image.fromarray(np.concatenate(list(frames), axis=1)).convert(mode).save(path, format="png")


def drawn(length: int, height: int = 8, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (length, height, width, 3), dtype=np.uint8)


def test_frames_and_strips_are_read_in_order_from_their_middle(tmp_path):
    frames, strip = drawn(21, 8, 12), drawn(18, seed=1)
    write_frames(tmp_path / "a" / "walk", frames)
    write_strip(tmp_path / "b.jpg", strip, mode="RGBA")  # named as it is not, with an alpha channel
    clips = load_clips(tmp_path)
    assert [clips.name(i) for i in range(len(clips))] == ["b", "a/walk"]
    np.testing.assert_array_equal(clips[0].permute(1, 2, 3, 0), strip[1:17])
    np.testing.assert_array_equal(clips[1].permute(1, 2, 3, 0), frames[2:18])
    np.testing.assert_array_equal(load_clips(tmp_path, frames=None)[1].permute(1, 2, 3, 0), frames)


def test_several_strips_of_one_size_are_several_clips(tmp_path):
    for index in range(3):
        write_strip(tmp_path / f"{index}.png", drawn(16, seed=index))
    assert len(load_clips(tmp_path)) == 3


def test_what_is_no_clip_is_skipped_with_its_reason(tmp_path):
    write_strip(tmp_path / "good.png", drawn(16))
    write_strip(tmp_path / "short.png", drawn(5))
    Image.fromarray(drawn(1, 8, 13)[0]).save(tmp_path / "odd.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden").mkdir()
    write_strip(tmp_path / ".hidden" / "cached.png", drawn(16))
    clips = load_clips(tmp_path)
    assert [clips.name(i) for i in range(len(clips))] == ["good"]
    assert {path.name: reason for path, reason in clips.skipped} == {
        "short.png": "5 frames, wanted at least 16",
        "odd.png": "13x8: neither a strip of square frames nor equal to its neighbors",
        "notes.txt": "no picture",
    }


def test_folders_without_clips_are_refused(tmp_path):
    with pytest.raises(NotADirectoryError, match="absent: no such folder"):
        load_clips(tmp_path / "absent")
    with pytest.raises(ValueError, match="it is empty"):
        load_clips(tmp_path)
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(ValueError, match=r"first notes\.txt: no picture"):
        load_clips(tmp_path)


def test_a_picture_cut_in_half_is_named(tmp_path):
    write_strip(tmp_path / "cut.png", drawn(16, 32, 32))
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    clips = load_clips(tmp_path)
    with pytest.raises(ValueError, match=r"cut\.png is a damaged picture"):
        clips[0]


def test_a_picture_bomb_is_skipped(tmp_path, monkeypatch):
    write_strip(tmp_path / "good.png", drawn(16))
    write_strip(tmp_path / "bomb.png", drawn(16, 64, 64))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64)
    assert [(path.name, reason) for path, reason in load_clips(tmp_path).skipped] == [("bomb.png", "too large")]


def test_real_clips_are_found(realdata: Path):
    weizmann = load_clips(realdata / "weizmann")
    assert (len(weizmann), weizmann.skipped, tuple(weizmann[0].shape)) == (36, (), (3, 16, 64, 64))
    ucf101 = load_clips(realdata / "ucf101_frames")
    assert (len(ucf101), tuple(ucf101[0].shape)) == (17, (3, 16, 256, 340))
