"""What bad input gets: one line that names the file or value and what would be right, exit code 2, no traceback."""

import json
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from vg_train.checkpoint import load_checkpoint, save_checkpoint
from vg_train.cli import main
from vg_video.data.codec import write_video

LAST = Path("checkpoints") / "last.safetensors"


@dataclass(frozen=True)
class Place:
    """Where a row of the table prepares its bad input."""

    tmp: Path
    videos: Path
    run: Path  # of a model with two labels

    def folder(self, *files: str, content: bytes = b"words\n") -> Path:
        """A folder of such files."""
        folder = self.tmp / "data"
        folder.mkdir()
        for name in files:
            (folder / name).write_bytes(content)
        return folder

    def cut_video(self, suffix: str) -> Path:
        """A folder with whole videos and one that was cut off."""
        folder = self.tmp / "data"
        shutil.copytree(self.videos, folder)
        path = folder / "high" / f"cut{suffix}"
        noise = np.random.default_rng(0).integers(0, 255, (30, 48, 48, 3), np.uint8)
        write_video(path, noise, 12)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return folder

    def video(self, frames: int, size: int) -> Path:
        """A folder with one video."""
        folder = self.folder()
        write_video(folder / "one.mp4", np.zeros((frames, size, size, 3), np.uint8), 12)
        return folder

    def copied_run(self) -> Path:
        """The run, to be damaged."""
        return Path(shutil.copytree(self.run, self.tmp / "run"))

    def truncated_checkpoint(self) -> Path:
        """A run whose last checkpoint was cut off."""
        run = self.copied_run()
        (run / LAST).write_bytes((run / LAST).read_bytes()[:5000])
        return run

    def foreign_checkpoint(self) -> Path:
        """A run whose last checkpoint is of another system."""
        run = self.copied_run()
        found = load_checkpoint(run / LAST)
        save_checkpoint(run / LAST, found.tensors, found.meta | {"state": found.meta["state"] | {"system": "mintgan"}})
        return run

    def foreign_model(self) -> Path:
        """A model folder of another system."""
        model = self.copied_run() / "model"
        (model / "config.json").write_text(json.dumps({"system": "vg-reid/encoder"}))
        return model


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 100000 x 50000 pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 50_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    packed = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def fit(data: Path, *options: object) -> list[object]:
    return ["fit", "g3an", "--preset", "tiny", "--steps", 1, "--data", data, "--out", data.parent / "out", *options]


def resume(run: Path, *options: object) -> list[object]:
    return ["fit", "g3an", "--out", run, "--resume", *options]


TABLE: dict[str, tuple[Callable[[Place], list[object]], list[str]]] = {
    # name: (the words of the command, what its one line must hold)
    "an empty folder": (lambda p: fit(p.folder()), ["data", "no video in it", "empty"]),
    "no folder": (lambda p: fit(p.tmp / "nowhere"), ["nowhere", "no such folder"]),
    "a folder of text files": (lambda p: fit(p.folder("a.txt", "b.mp4")), ["data", "no video", "a.txt"]),
    "a truncated mp4": (lambda p: fit(p.cut_video(".mp4")), ["cut.mp4", "cut off after", "no good frame"]),
    "a truncated webm": (lambda p: fit(p.cut_video(".webm")), ["cut.webm", "cut off after", "last good frame"]),
    "only short clips": (lambda p: fit(p.video(7, 48)), ["one.mp4", "7 frames"]),
    "a short clip, short=error": (lambda p: fit(p.video(7, 48), "--clips.short", "error"), ["one.mp4", "7 frames"]),
    "an image bomb": (lambda p: fit(p.folder("strip.png", content=bomb())), ["strip.png", "too large"]),
    "a 1x1 video": (lambda p: fit(p.video(20, 1)), ["one.mp4", "8"]),
    "labels that are not the model's": (
        lambda p: fit(
            p.videos,
            *("--config.generator.classes", "a", "b", "c", "--config.video-discriminator.classes", 3),
            *("--out", p.tmp / "out"),
        ),
        ["2 labels (high, low)", "3 (a, b, c)"],
    ),
    "--labels without labels": (lambda p: fit(p.video(20, 48), "--labels"), ["--labels", "sub-folder"]),
    "other labels in evaluate": (
        lambda p: [
            "evaluate",
            p.run / "model",
            "--data",
            shutil.copytree(p.videos / "low", p.tmp / "data" / "x").parent,
        ],
        ["1 labels (x)", "2 (high, low)"],
    ),
    "a model folder without config": (lambda p: ["sample", p.folder("x")], ["data", "config.json is missing"]),
    "a model of another system": (
        lambda p: ["sample", p.foreign_model()],
        ["config.json", "'vg-reid/encoder'", "wanted one of imaginator, g3an"],
    ),
    "a label that the model has not": (
        lambda p: ["sample", p.run / "model", "--label", "middle"],
        ["'middle'", "high, low"],
    ),
    "a length that no latents have": (lambda p: ["sample", p.run / "model", "--frames", 17], ["17", "16 or 20"]),
    "too few clips to score": (
        lambda p: ["evaluate", p.run / "model", "--data", p.videos, "--count", 1],
        ["count=1", "at least 2"],
    ),
    "--resume in an empty folder": (lambda p: resume(p.folder()), ["no run to resume", "config.json"]),
    "a truncated checkpoint": (lambda p: resume(p.truncated_checkpoint()), ["last.safetensors", "damaged"]),
    "a checkpoint of another system": (
        lambda p: resume(p.foreign_checkpoint()),
        ["last.safetensors", "'mintgan'", "'g3an'"],
    ),
    "--resume with another preset": (
        lambda p: resume(p.copied_run(), "--preset", "thesis"),
        ["--preset thesis", "tiny"],
    ),
    "--resume with another setting": (
        lambda p: resume(p.copied_run(), "--config.learning-rate", 0.5),
        ["learning_rate", "0.001", "0.5"],
    ),
    "--resume with another seed": (lambda p: resume(p.copied_run(), "--seed", 9), ["seed", "9"]),
    "--resume with other clips": (
        lambda p: resume(p.copied_run(), "--clips.no-flip"),
        ["last.safetensors", "other data"],
    ),
    "a run folder that is taken": (lambda p: [*fit(p.videos), "--out", p.run], ["labelled", "--resume"]),
    "a demo over something else": (lambda p: ["demo", "--out", p.folder("thesis.tex")], ["data", "no demo"]),
    "an unknown command": (lambda p: ["sampel"], ["sampel", "'sample'"]),
    "an unknown system": (lambda p: ["fit", "gan"], ["fit gan", "'fit vgan'"]),
}


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_gets_one_line(name, videos, labelled_run, tmp_path, capsys):
    words, wanted = TABLE[name]
    options = [str(word) for word in words(Place(tmp_path, videos, labelled_run))]
    capsys.readouterr()
    assert main(options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert [text for text in wanted if text not in lines[0]] == [], lines[0]


def test_an_unknown_flag_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "g3an", "--data", "x", "--config.generator.atention-after", "3"])
    assert stop.value.code == 2
    assert "--config.generator.attention-after" in capsys.readouterr().err


def test_a_damaged_video_is_left_out_on_request(videos, micro, tmp_path, capsys):
    place = Place(tmp_path, videos, tmp_path)
    assert main([str(word) for word in fit(place.cut_video(".mp4"), "--skip-corrupt", *micro)]) == 0
    err = capsys.readouterr().err
    assert "1 left out" in err
    assert "cut.mp4" in err


FULL_DISK_AFTER_STEP_2 = """
import os, resource, sys
from pathlib import Path
from vg_train.cli import main
from vg_train.run import LAST, Run

class FullDisk(Run):
    def after_step(self, step):
        super().after_step(step)
        if step.index == 1:
            size = (self.folder / LAST).stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

import vg_train.fit
vg_train.fit.Run = FullDisk
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_is_told_in_one_line_and_the_last_checkpoint_stays(videos, micro, tmp_path):
    run = tmp_path / "run"
    options = ["--data", videos, "--preset", "tiny", "--steps", 6, "--out", run, *micro, "--keep.save-every", 2]
    words = [sys.executable, "-c", FULL_DISK_AFTER_STEP_2, "fit", "g3an", *map(str, options)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    assert "last.safetensors: cannot be saved (File too large); the file that was there is kept" in lines[0]
    assert load_checkpoint(run / LAST).meta["state"]["step"] == 2
    assert [path.name for path in (run / LAST).parent.iterdir()] == ["last.safetensors"]
    assert main(["fit", "g3an", "--out", str(run), "--resume"]) == 0
