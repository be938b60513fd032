"""What a folder holds, and what its videos are called."""

from pathlib import Path

import numpy as np
from PIL import Image
from vg_video.data.codec import encode_video
from vg_video.data.folder import scan_folder


def picture(path: Path, width: int, height: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (200, 100, 50)).save(path, "png")


def video(path: Path, suffix: str = ".mp4") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_video(np.zeros((3, 16, 16, 3), np.uint8), suffix))


def found(root: Path) -> list[tuple[str, str, str | None]]:
    return [(str(s.path.relative_to(root)), s.kind, s.label) for s in scan_folder(root).sources]


def test_sources_are_told_by_content_and_labeled_by_sub_folder(tmp_path):
    video(tmp_path / "run/a10.jpg", ".webm")
    video(tmp_path / "run/a9.mp4")
    video(tmp_path / "wave/deep/loop.txt", ".gif")
    picture(tmp_path / "wave/strip.jpg", 160, 16)
    for index in range(3):
        picture(tmp_path / f"wave/clip7/{index}.png", 30, 20)
    (tmp_path / "run/notes.txt").write_text("text")
    assert found(tmp_path) == [
        ("run/a9.mp4", "file", "run"),
        ("run/a10.jpg", "file", "run"),
        ("wave/clip7", "frames", "wave"),
        ("wave/deep/loop.txt", "file", "wave"),
        ("wave/strip.jpg", "strip", "wave"),
    ]
    assert scan_folder(tmp_path).ignored == ((tmp_path / "run/notes.txt", "neither a video nor a picture"),)


def test_folders_of_frames_at_the_root_have_no_label(tmp_path):
    for clip in ("v2", "v10"):
        for index in range(2):
            picture(tmp_path / f"{clip}/{index}.png", 30, 20)
    assert found(tmp_path) == [("v2", "frames", None), ("v10", "frames", None)]


def test_root_may_itself_be_a_folder_of_frames(tmp_path):
    for index in range(2):
        picture(tmp_path / f"{index}.png", 30, 20)
    assert found(tmp_path) == [(".", "frames", None)]


def test_one_video_outside_the_sub_folders_takes_the_labels_from_all(tmp_path):
    video(tmp_path / "run/a.mp4")
    assert found(tmp_path) == [("run/a.mp4", "file", "run")]
    video(tmp_path / "b.mp4")
    assert found(tmp_path) == [("b.mp4", "file", None), ("run/a.mp4", "file", None)]


def test_wide_frames_are_no_strips_and_equally_long_strips_are_no_frames(tmp_path):
    for index in range(3):
        picture(tmp_path / f"wide/{index}.png", 32, 16)  # 2:1, as many films
        picture(tmp_path / f"strips/{index}.png", 96, 16)
    assert [(path, kind) for path, kind, _ in found(tmp_path)] == [
        ("strips/0.png", "strip"),
        ("strips/1.png", "strip"),
        ("strips/2.png", "strip"),
        ("wide", "frames"),
    ]


def test_picture_that_is_neither_strip_nor_frame_is_ignored_with_its_size(tmp_path):
    picture(tmp_path / "strip.png", 96, 16)
    picture(tmp_path / "photo.png", 40, 30)
    picture(tmp_path / "half.png", 130, 64)
    scan = scan_folder(tmp_path)
    assert [source.path.name for source in scan.sources] == ["strip.png"]
    assert [(path.name, reason.split(":")[0]) for path, reason in scan.ignored] == [
        ("half.png", "a 130x64 picture"),
        ("photo.png", "a 40x30 picture"),
    ]


def test_hidden_files_and_links_back_to_a_parent_are_passed_over(tmp_path):
    video(tmp_path / "run/a.mp4")
    video(tmp_path / ".cache/b.mp4")
    (tmp_path / "run/.DS_Store").write_bytes(b"x")
    (tmp_path / "run/again").symlink_to(tmp_path)
    scan = scan_folder(tmp_path)
    assert [source.path.name for source in scan.sources] == ["a.mp4"] and scan.ignored == ()


def test_digest_follows_content_and_order_but_not_names(tmp_path):
    for name, values in (("one", (10, 20)), ("renamed", (10, 20)), ("swapped", (20, 10))):
        (tmp_path / name).mkdir()
        for index, value in enumerate(values):
            Image.new("RGB", (9, 8), (value,) * 3).save(tmp_path / name / f"{name}{index}.png")
    digest = {source.path.name: source.digest() for source in scan_folder(tmp_path).sources}
    assert digest["one"] == digest["renamed"] != digest["swapped"]
