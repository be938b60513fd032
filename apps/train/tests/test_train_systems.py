"""Every system goes from a folder of videos to films and scores, and trains in several processes as in one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from vg_train import log
from vg_train.cli import SYSTEMS, main
from vg_train.systems import find_system
from vg_video.data.stills import read_strip
from vg_video.models import load_generator

FEW = ["--config.batch-size", "2", "--clips.short", "loop", "--clips.steps", "1", "1"]
FEW += ["--keep.score-clips", "4", "--keep.sample-clips", "2", "--keep.log-every", "1"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_is_trained_resumed_sampled_and_scored_by_the_commands(name, videos, tmp_path):
    run, films = tmp_path / "run", tmp_path / "films"
    options = ["fit", name, "--data", str(videos), "--preset", "tiny", "--steps", "2", "--out", str(run), *FEW]
    assert main(options) == 0
    losses = [record["losses"] for record in log.read(run / "log.jsonl") if "losses" in record]
    assert len(losses) == 2 and losses[0].keys() >= losses[1].keys()
    assert main(["fit", name, "--out", str(run), "--resume", "--steps", "2"]) == 0  # all is done

    generator = load_generator(run / "model")
    assert generator.system == name
    assert generator.classes == (("high", "low") if find_system(name).recipe("tiny").labels else ())
    image = tmp_path / "picture.png"
    Image.new("RGB", (80, 60), "red").save(image)
    extra = ["--image", str(image)] if generator.takes_image else []
    extra += ["--label", "low"] if generator.classes else []
    words = ["sample", str(run / "model"), "--n", "2", "--format", "png", "--out", str(films), *extra]
    assert main(words) == 0
    first, second = (read_strip(path) for path in sorted(films.glob("*.png")))
    assert first.shape == second.shape == (generator.frames, 64, 64, 3)

    score = ["evaluate", str(run / "model"), "--data", str(videos), "--count", "2"]
    assert main(score) == 0
    scores = json.loads((run / "scores.json").read_text())["scores"]
    assert scores.keys() == {"other real clips", "generated"}


def test_compare_trains_what_is_missing_and_writes_a_table(videos, tmp_path):
    out = tmp_path / "all"
    words = ["compare", "--data", str(videos), "--systems", "tgan", "mocogan", "--steps", "1", "--count", "2"]
    assert main([*words, "--out", str(out)]) == 0
    table = (out / "table.md").read_text()
    rows = [line.split(" | ")[0].strip("| ") for line in table.splitlines() if line.startswith("|")]
    assert rows == ["system", "---", "tgan", "mocogan"]
    assert (out / "tgan" / "sheet.png").exists() and "vg-train compare" in table
    before = (out / "tgan" / "checkpoints" / "last.safetensors").stat().st_mtime_ns
    (out / "mocogan" / "scores.json").unlink()
    assert main([*words, "--out", str(out)]) == 0
    assert (out / "tgan" / "checkpoints" / "last.safetensors").stat().st_mtime_ns == before
    assert (out / "mocogan" / "scores.json").exists()


def test_a_preset_that_a_system_has_not_is_refused_with_those_that_it_has(videos, capsys):
    assert main(["fit", "imaginator", "--data", str(videos), "--preset", "bair"]) == 2
    assert "imaginator has thesis, official, tiny" in capsys.readouterr().err


def test_labels_for_a_system_that_knows_none_are_refused(videos, tmp_path, capsys):
    words = ["fit", "mintgan", "--data", str(videos), "--preset", "tiny", "--labels", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert "this system knows none" in capsys.readouterr().err


def test_a_dataset_is_trained_on_by_its_name_and_split(tmp_path, capsys):
    root = tmp_path / "weizmann"
    assert main(["fit", "g3an", "--data", str(root), "--layout", "weizmann", "--split", "train"]) == 2
    assert str(root) in capsys.readouterr().err


RANKS = """
import hashlib, sys
from pathlib import Path
import torch
from vg_train.devices import start_engine
from vg_video import mintgan
from vg_video.data.clips import Batch
import dataclasses

out, devices = Path(sys.argv[1]), int(sys.argv[2])
engine = start_engine("cpu", devices, "32-true")
torch.set_num_threads(1)
config = dataclasses.replace(mintgan.tiny(), steps=3, batch_size=4)
state = mintgan.TrainState(config, 0, engine)

def batches():
    for index in range(3):
        video = torch.rand(4, 3, 16, 64, 64, generator=torch.Generator().manual_seed(index)) * 2 - 1
        share = 4 // engine.world_size
        yield Batch(index, video[engine.global_rank * share : (engine.global_rank + 1) * share], None)

losses = [{name: float(loss) for name, loss in step.losses.items()} for step in mintgan.train(state, batches())]
parameters = [parameter.detach() for net in state.nets.values() for parameter in net.parameters()]
weights = hashlib.sha256(b"".join(parameter.numpy().tobytes() for parameter in parameters))
(out / f"{devices}_{engine.global_rank}.txt").write_text(repr((weights.hexdigest(), losses)))
"""


@pytest.mark.slow
def test_two_processes_have_the_same_weights_and_the_losses_of_one_process(tmp_path: Path):
    """On MintGAN, which has no batch norm: with it, each process normalizes over its own clips."""
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    for devices in (1, 2):
        done = subprocess.run(
            [sys.executable, script, tmp_path, str(devices)], capture_output=True, text=True, timeout=280
        )
        assert done.returncode == 0, done.stderr
    (_, alone), (first, losses), (second, others) = (
        eval((tmp_path / f"{name}.txt").read_text()) for name in ("1_0", "2_0", "2_1")
    )
    assert first == second and losses == others
    for index, (one, two) in enumerate(zip(alone, losses, strict=True)):
        assert one.keys() == two.keys()
        found, wanted = (torch.tensor(list(step.values())) for step in (two, one))
        tolerance = 1e-2 if index else 1e-4  # Adam's first steps make much of rounding
        torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)
