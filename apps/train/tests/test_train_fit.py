"""What `vg-train fit` leaves on disk, and that a killed run goes on as if nothing had happened."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from vg_train import log
from vg_train.checkpoint import load_checkpoint
from vg_train.cli import main
from vg_video.models import load_generator


def fit(*options: object) -> None:
    assert main(["fit", "g3an", *map(str, options)]) == 0


def steps_on_disk(run: Path) -> int:
    path = run / "checkpoints" / "last.safetensors"
    return load_checkpoint(path).meta["state"]["step"] if path.exists() else -1


def test_a_run_leaves_settings_log_sheets_checkpoints_and_a_model(videos, micro, tmp_path):
    run = tmp_path / "run"
    every = ["--keep.log-every", 1, "--keep.sample-every", 2, "--keep.score-every", 2, "--keep.save-every", 2]
    fit("--data", videos, "--preset", "tiny", "--steps", 3, "--out", run, *micro, *every)

    config = json.loads((run / "config.json").read_text())
    assert config["settings"]["config"]["steps"] == 3
    assert config["data"]["videos"] == 4
    assert config["provenance"]["command"].startswith("vg-train fit g3an --data")

    records = list(log.read(run / "log.jsonl"))
    assert [record["step"] for record in records if "losses" in record] == [1, 2, 3]
    scores = {record["step"]: record["score"]["score"] for record in records if "score" in record}
    assert sorted(scores) == [0, 2, 3]

    sheets = sorted(path.name for path in (run / "samples").iterdir())
    assert sheets == ["final.gif", "step_000000.png", "step_000002.png", "step_000003.png"]
    assert Image.open(run / "samples" / "step_000003.png").size == (16 * 66 - 2, 2 * 66 - 2)
    assert list((run / "tensorboard").iterdir())

    assert steps_on_disk(run) == 3
    assert load_generator(run / "model").config.widths == (8, 8, 8, 8, 4)
    if scores[2] < scores[0] or scores[3] < scores[0]:
        best = load_checkpoint(run / "checkpoints" / "best.safetensors").meta["state"]["step"]
        assert best == min((2, 3), key=scores.get)


def test_without_scores_the_model_is_the_last_averaged_generator(videos, micro, tmp_path):
    run = tmp_path / "run"
    fit("--data", videos, "--preset", "tiny", "--steps", 2, "--out", run, *micro, "--keep.score-every", 0)
    tensors = load_checkpoint(run / "checkpoints" / "last.safetensors").tensors
    for name, weight in load_generator(run / "model").state_dict().items():
        assert torch.equal(weight, tensors[f"ema.module.{name}"])
    assert not (run / "checkpoints" / "best.safetensors").exists()


KILLED_AFTER_STEP_6 = """
import os, signal, sys
from vg_train.cli import main
from vg_train.run import Run

class Killed(Run):
    def after_step(self, step):
        super().after_step(step)
        if step.index == 5:
            os.kill(os.getpid(), signal.SIGKILL)

import vg_train.fit
vg_train.fit.Run = Killed
main(sys.argv[1:])
"""


def test_a_run_killed_with_sigkill_and_resumed_equals_an_uninterrupted_one(videos, micro, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = ["--data", videos, "--preset", "tiny", "--steps", 10, *micro]
    settings += ["--keep.save-every", 4, "--keep.sample-every", 0, "--keep.score-every", 5, "--keep.log-every", 1]
    fit(*settings, "--out", whole)

    words = ["fit", "g3an", *map(str, settings), "--out", str(killed)]
    done = subprocess.run([sys.executable, "-c", KILLED_AFTER_STEP_6, *words], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert steps_on_disk(killed) == 4
    fit("--out", killed, "--resume")

    ours, theirs = (load_checkpoint(run / "checkpoints" / "last.safetensors") for run in (killed, whole))
    assert ours.meta == theirs.meta
    assert ours.tensors.keys() == theirs.tensors.keys()
    assert all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in theirs.tensors)
    for name in ("losses", "score"):  # each step is in the log once, with the same values
        resumed, uninterrupted = (
            [(record["step"], record[name]) for record in log.read(run / "log.jsonl") if name in record]
            for run in (killed, whole)
        )
        assert resumed == uninterrupted


def test_labels_are_learned_on_request(videos, micro, tmp_path):
    run = tmp_path / "run"
    fit("--data", videos, "--preset", "tiny", "--steps", 1, "--out", run, *micro, "--labels")
    assert load_generator(run / "model").config.classes == ("high", "low")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_two_processes_train_one_model_and_one_device_goes_on(videos, micro, tmp_path, precision):
    run = tmp_path / "run"
    words = [sys.executable, "-m", "vg_train", "fit", "g3an", "--data", str(videos), "--preset", "tiny", "--steps", "4"]
    words += ["--out", str(run), *micro, "--devices", "2", "--accelerator", "cpu", "--precision", precision]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    path = run / "checkpoints" / "last.safetensors"
    names = load_checkpoint(path).tensors
    assert steps_on_disk(run) == 4
    assert not any("_forward_module" in name or "module.module" in name for name in names)
    fit("--out", run, "--resume", "--devices", 1)
