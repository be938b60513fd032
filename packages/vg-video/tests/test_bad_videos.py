"""What bad input gets, as one table: one line that names the file, and what is left when damage may be skipped."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.codec import encode_video

FRAMES = np.random.default_rng(0).integers(0, 256, (20, 32, 48, 3), dtype=np.uint8)
CONFIG = ClipConfig(frames=8, resolution=16)


def nothing(root: Path) -> None:
    (root / "empty/deep").mkdir(parents=True)


def texts(root: Path) -> None:
    for name in ("a.mp4", "notes.txt"):
        (root / name).write_text("not a video\n" * 50)


def empty_file(root: Path) -> None:
    (root / "a.mp4").write_bytes(b"")


def cut_video(root: Path) -> None:
    data = encode_video(FRAMES, ".webm")
    (root / "cut.mp4").write_bytes(data[: len(data) // 2])


def cut_before_its_table(root: Path) -> None:
    data = encode_video(FRAMES, ".mp4")
    (root / "cut.mp4").write_bytes(data[: len(data) // 2])


def short_video(root: Path) -> None:
    (root / "short.gif").write_bytes(encode_video(FRAMES[:5], ".gif"))


def tiny_video(root: Path) -> None:
    (root / "dot.gif").write_bytes(encode_video(FRAMES[:, :1, :1], ".gif"))


def png_that_says(width: int, height: int) -> bytes:
    """The header of a picture of this size, one bit a pixel; its data may follow or not."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return head + struct.pack(">I", 4) + b"IDAT" + bytes(4) + struct.pack(">I", zlib.crc32(b"IDAT" + bytes(4)))


def picture_bomb(root: Path) -> None:
    (root / "bomb.png").write_bytes(png_that_says(300_000, 300))


def larger_bomb(root: Path) -> None:
    (root / "bomb.png").write_bytes(png_that_says(800_000, 400))  # refused by Pillow itself


def corrupt_frame(root: Path) -> None:
    (root / "clip").mkdir()
    for index, frame in enumerate(FRAMES):
        Image.fromarray(frame).save(root / f"clip/{index}.png")
    data = (root / "clip/7.png").read_bytes()
    (root / "clip/7.png").write_bytes(data[: len(data) // 2])


def frame_without_header(root: Path) -> None:
    corrupt_frame(root)
    (root / "clip/7.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))


def frames_of_two_sizes(root: Path) -> None:
    (root / "clip").mkdir()
    for index in range(10):
        Image.new("RGB", (48 + index % 2, 32)).save(root / f"clip/{index}.png")


def strip_of_wrong_size(root: Path) -> None:
    Image.new("RGB", (130, 64)).save(root / "strip.png")


def corrupt_strip(root: Path) -> None:
    Image.fromarray(FRAMES[:, :32, :32].swapaxes(0, 1).reshape(32, 640, 3)).save(root / "strip.png")
    data = (root / "strip.png").read_bytes()
    (root / "strip.png").write_bytes(data[: len(data) // 2])


# what is wrong, the error, and the error when a good video lies beside it; None: it is then left out without an error
TABLE: list[tuple[Callable[[Path], None], str, str | None]] = [
    (nothing, r"data: no video in it \(it is empty\)", None),
    (texts, r"data: no video in it \(none of its 2 files is one, e\.g\. a\.mp4: neither a video nor a picture\)", None),
    (empty_file, r"data: no video in it \(none of its 1 files is one, e\.g\. a\.mp4: empty\)", None),
    (cut_video, r"cut\.mp4: cut off after \d+ of \d+ bytes; last good frame: \d+", ""),
    (cut_before_its_table, r"cut\.mp4: cut off after \d+ of \d+ bytes; no good frame", ""),
    (short_video, r"none of its 1 videos can be used, e\.g\. short\.gif: 5 frames; a clip needs 8", None),
    (tiny_video, r"dot\.gif: 1x1 pixels; at least 8 a side are wanted", ""),
    (picture_bomb, r"bomb\.png: 300000x300 pixels; at most 67108864 pixels are decoded", ""),
    (larger_bomb, r"bomb\.png: too large \(", ""),
    (corrupt_frame, r"clip/7\.png: damaged picture \(.*\)", ""),
    (frame_without_header, r"clip/7\.png: not a picture that can be read \(.*\)", ""),
    (
        frames_of_two_sizes,
        r"data: no video in it \(none of its 10 files is one, e\.g\. 0\.png: a 48x32 picture: ",
        None,
    ),
    (strip_of_wrong_size, r"data: no video in it \(.* e\.g\. strip\.png: a 130x64 picture: no strip", None),
    (corrupt_strip, r"strip\.png: damaged picture \(.*\)", ""),
]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("wrong", "message", "beside"), TABLE, ids=[row[0].__name__ for row in TABLE])
def test_bad_input_is_an_error_of_one_line_that_names_it(wrong, message, beside, tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    wrong(root)
    with pytest.raises(ValueError, match=message) as error:
        ClipDataset(root, CONFIG)
    assert "\n" not in str(error.value)
    (root / "sound").mkdir()
    (root / "sound/good.gif").write_bytes(encode_video(FRAMES, ".gif"))
    if beside is not None:
        with pytest.raises(ValueError, match=message):
            ClipDataset(root, CONFIG)
    dataset = ClipDataset(root, CONFIG, skip_corrupt=True)
    assert len(dataset) == 1 and next(dataset.batches(2, seed=0)).video.shape == (2, 3, 8, 16, 16)
    bad_files = [path for path in root.rglob("*") if path.is_file() and path.name != "good.gif"]
    listed = {path for path, _ in dataset.skipped}
    assert bool(listed) == bool(bad_files)
    assert all(reason and "\n" not in reason for _, reason in dataset.skipped)
    assert all(path in listed or path.parent in listed for path in bad_files)


@pytest.mark.parametrize(("short", "clips"), [("skip", 1), ("loop", 2), ("error", 0)])
def test_short_video_beside_a_good_one_is_left_out_repeated_or_refused(short, clips, tmp_path):
    (tmp_path / "good.gif").write_bytes(encode_video(FRAMES, ".gif"))
    short_video(tmp_path)
    config = ClipConfig(frames=8, resolution=16, short=short)
    if not clips:
        with pytest.raises(ValueError, match=r"short\.gif: 5 frames; a clip needs 8"):
            ClipDataset(tmp_path, config)
        return
    assert len(ClipDataset(tmp_path, config)) == clips


def test_missing_folder_and_file_in_place_of_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        ClipDataset(tmp_path / "nowhere", CONFIG)
    (tmp_path / "a.gif").write_bytes(encode_video(FRAMES, ".gif"))
    with pytest.raises(NotADirectoryError, match=r"a\.gif: is a file; a folder of videos is wanted"):
        ClipDataset(tmp_path / "a.gif", CONFIG)
