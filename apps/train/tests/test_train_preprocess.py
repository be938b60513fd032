"""`vg-train preprocess faces`: the folder keeps its shape, goes on when stopped, and tells what it left out."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vg_train import preprocess
from vg_train.cli import main
from vg_train.preprocess import REPORT, faces
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.codec import read_video, write_video
from vg_video.data.stills import stream_frames, write_strip

RED = (250, 0, 0)
SMALL = ("--resolution", "32", "--margin", "0.5", "--smoothing", "0")


class RedSquares:
    """In YuNet's place: takes what is red for a face; can be stopped after some frames."""

    frames = 0
    stop_after = 10**6

    def __init__(self, weights: Path, *, score: float) -> None:
        assert 0 < score < 1
        self.weights = weights.read_bytes()

    def detect(self, frame: np.ndarray) -> np.ndarray:
        RedSquares.frames += 1
        if RedSquares.frames > RedSquares.stop_after:
            raise KeyboardInterrupt
        rows, columns = (np.abs(frame.astype(int) - RED).max(axis=-1) < 40).nonzero()
        boxes = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]] if len(rows) > 20 else []
        return np.array(boxes, float).reshape(-1, 4)


def someone(x: int = 30) -> np.ndarray:
    """A red square over a gray room, 6 frames of 64 x 64."""
    video = np.full((6, 64, 64, 3), 120, np.uint8)
    for t in range(6):
        video[t, 24:40, x + t - 8 : x + t + 8] = RED
    return video


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    """YuNet's stand-in."""
    monkeypatch.setattr(preprocess, "YuNet", RedSquares)
    monkeypatch.setattr(RedSquares, "frames", 0)
    monkeypatch.setattr(RedSquares, "stop_after", 10**6)
    return RedSquares


@pytest.fixture
def videos(tmp_path):
    """Two labels; a video file, a folder of frames, a strip, and a file that is no video."""
    root = tmp_path / "videos"
    (root / "joy" / "take000").mkdir(parents=True)
    (root / "fear").mkdir()
    write_video(root / "fear" / "ann.avi.mp4", someone(20), 12)
    for number, frame in enumerate(someone(40)):
        Image.fromarray(frame).save(root / "joy" / "take000" / f"img_{number:04}.png")
    write_strip(root / "joy" / "ben.jpg", someone(30))
    (root / "readme.txt").write_text("some videos")
    (tmp_path / "yunet.onnx").write_bytes(b"weights")
    return root


def crop(videos: Path, *options: str) -> Path:
    """Run the command; its folder."""
    out = videos.parent / "out"
    faces([str(videos), str(out), "--weights", str(videos.parent / "yunet.onnx"), *SMALL, *options])
    return out


def files(out: Path) -> list[str]:
    """All files, hidden ones too."""
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


FRAMES = [f"joy/take000/img_{number:04}.png" for number in range(6)]
ALL = sorted([REPORT, "fear/ann.avi.mp4", "joy/ben.png", *FRAMES])


def test_the_folder_keeps_its_shape_names_labels_and_rates(videos, capsys):
    out = crop(videos)
    assert files(out) == ALL
    np.testing.assert_array_equal(
        list(stream_frames(out / "joy" / "take000")), [f[16:48, 24 + t : 56 + t] for t, f in enumerate(someone(40))]
    )
    frames, rate = read_video(out / "fear" / "ann.avi.mp4")
    assert frames.shape == (6, 32, 32, 3) and rate == pytest.approx(12)
    assert np.abs(frames[:, 11:21, 11:21].astype(int) - RED).max() < 40
    dataset = ClipDataset(out, ClipConfig(frames=6, resolution=32, steps=(1, 1)))
    assert dataset.classes == ("fear", "joy") and len(dataset) == 3
    assert f"3 videos of faces in {out}" in capsys.readouterr().out


def test_the_report_tells_settings_and_what_was_seen_of_each_video(videos):
    report = json.loads((crop(videos) / REPORT).read_text())
    assert report["settings"] == {
        "resolution": 32,
        "box": "smooth",
        "smoothing": 0.0,
        "margin": 0.5,
        "border": "clamp",
        "least_seen": 0.5,
        "score": 0.7,
        "weights": hashlib.sha256(b"weights").hexdigest(),
    }
    assert set(report["videos"]) == {"fear/ann.avi.mp4", "joy/ben.jpg", "joy/take000"}
    assert report["videos"]["joy/ben.jpg"] == {"frames": 6, "seen": 6, "faces": 1, "sides": [32.0, 32.0]}
    assert report["ignored"] == {"readme.txt": "neither a video nor a picture"}


def test_what_is_there_is_kept_and_what_is_missing_is_made(videos, detector):
    out = crop(videos)
    before = {name: (out / name).stat().st_mtime_ns for name in ALL if name != REPORT}
    report = json.loads((out / REPORT).read_text())
    detector.frames = 0
    crop(videos)
    assert detector.frames == 0 and json.loads((out / REPORT).read_text()) == report
    (out / "joy" / "ben.png").unlink()
    crop(videos)
    assert detector.frames == 6 and json.loads((out / REPORT).read_text()) == report
    after = {name: (out / name).stat().st_mtime_ns for name in ALL if name != REPORT}
    assert [name for name in before if before[name] != after[name]] == ["joy/ben.png"]


def test_a_stopped_run_leaves_whole_files_and_goes_on_to_the_same_result(videos, detector, tmp_path):
    detector.stop_after = 9  # in the second video
    with pytest.raises(KeyboardInterrupt):
        crop(videos)
    out = tmp_path / "out"
    assert files(out) == sorted([REPORT, "fear/ann.avi.mp4"])
    detector.stop_after = 10**6
    crop(videos)
    stopped = {name: (out / name).read_bytes() for name in ALL}
    out.rename(tmp_path / "stopped")
    crop(videos)
    assert {name: (out / name).read_bytes() for name in ALL} == stopped


def test_after_a_kill_the_report_and_half_a_folder_of_frames_are_made_up_for(videos):
    out = crop(videos)
    report = json.loads((out / REPORT).read_text())
    (out / "joy" / "take000").rename(out / "joy" / ".take000.tmp")
    (out / "joy" / ".take000.tmp" / "img_0004.png").unlink()
    (out / REPORT).write_text(json.dumps(report | {"videos": {}}))
    crop(videos)
    assert files(out) == ALL
    assert json.loads((out / REPORT).read_text())["videos"] == {
        "fear/ann.avi.mp4": {},
        "joy/ben.jpg": {},
        "joy/take000": report["videos"]["joy/take000"],
    }


def test_a_video_without_a_face_stops_by_name_or_is_left_out_on_request(videos, capsys):
    write_video(videos / "fear" / "empty.mp4", np.full((6, 64, 64, 3), 120, np.uint8))
    with pytest.raises(ValueError, match=r"empty.mp4: no face in its 6 frames; --skip-faceless leaves"):
        crop(videos)
    out = crop(videos, "--skip-faceless")
    assert files(out) == ALL
    assert json.loads((out / REPORT).read_text())["videos"]["fear/empty.mp4"] == {"skipped": "no face in its 6 frames"}
    printed = capsys.readouterr().out
    assert "3 videos of faces" in printed
    assert "1 left out" in printed and "fear/empty.mp4: no face in its 6 frames" in printed


def test_a_damaged_video_stops_by_name_or_is_left_out_on_request(videos):
    video = videos / "fear" / "ann.avi.mp4"
    video.write_bytes(video.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"ann.avi.mp4: cut off .*; --skip-corrupt leaves such videos out"):
        crop(videos, "--skip-faceless")
    report = json.loads((crop(videos, "--skip-corrupt") / REPORT).read_text())
    assert report["videos"]["fear/ann.avi.mp4"]["skipped"].startswith("cut off")


def test_another_run_with_other_settings_or_weights_is_refused(videos):
    crop(videos)
    with pytest.raises(ValueError, match=r"faces.json: made with box=smooth, now clip; name another folder"):
        crop(videos, "--box", "clip")
    with pytest.raises(ValueError, match=r"made with score=0.7, now 0.9"):
        crop(videos, "--score", "0.9")
    (videos.parent / "yunet.onnx").write_bytes(b"other weights")
    with pytest.raises(ValueError, match=r"made with weights="):
        crop(videos)


def test_folders_that_would_be_mixed_up_are_refused(videos, tmp_path):
    weights = ["--weights", str(tmp_path / "yunet.onnx")]
    with pytest.raises(ValueError, match=r"faces: lies in .*videos; name a folder outside of it"):
        faces([str(videos), str(videos / "faces"), *weights])
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    with pytest.raises(ValueError, match=r"thesis: holds something, but no faces.json"):
        faces([str(videos), str(tmp_path / "thesis"), *weights])
    with pytest.raises(ValueError, match=r"resolution=33, wanted an even number"):
        crop(videos, "--resolution", "33")
    assert not (tmp_path / "out").exists()


def test_two_videos_that_would_become_one_are_refused(videos):
    write_strip(videos / "joy" / "ben.png", someone())
    with pytest.raises(ValueError, match=r"ben.jpg and .*ben.png would both become .*ben.png; rename"):
        crop(videos)
    (videos / "joy" / "ben.png").unlink()
    Image.fromarray(someone()[0]).save(videos / "joy" / "take000" / "img_0003.jpg")
    with pytest.raises(ValueError, match=r"take000: frames of one name but different suffixes"):
        crop(videos)


def test_a_folder_that_is_itself_one_video_is_cropped(videos, tmp_path):
    weights = ["--weights", str(tmp_path / "yunet.onnx")]
    faces([str(videos / "joy" / "take000"), str(tmp_path / "one"), *weights, *SMALL])
    assert files(tmp_path / "one") == sorted([REPORT, *(name.removeprefix("joy/") for name in FRAMES)])


def test_the_command_line_tells_errors_in_one_line(videos, tmp_path, capsys):
    words = ["preprocess", "faces", str(tmp_path / "nowhere"), "out", "--weights", str(tmp_path / "yunet.onnx")]
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and "nowhere: no such folder" in lines[0]
