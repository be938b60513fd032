"""A checkpoint is the old one or the new one, whatever happens while it is written."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from vg_train.checkpoint import load_checkpoint, save_checkpoint

KILLED_WHILE_SAVING = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from vg_train.checkpoint import load_checkpoint, save_checkpoint

torch.set_num_threads(1)  # OpenMP's threads do not survive a fork
path, last, left_over = Path(sys.argv[1]), 0, 0
save_checkpoint(path, {"weight": torch.zeros(200_000)}, {"step": 0})
for seed in range(25):
    child = os.fork()
    if child == 0:
        for step in range(last + 1, 10**6):
            save_checkpoint(path, {"weight": torch.full((200_000,), float(step))}, {"step": step})
    while load_checkpoint(path).meta["step"] == last:  # until it has saved once, however busy the machine
        time.sleep(0.001)
    time.sleep(random.Random(seed).uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left_over += len(list(path.parent.iterdir())) - 1
    found = load_checkpoint(path)
    assert found.meta["step"] > last, (found.meta, last)
    assert (found.tensors["weight"] == found.meta["step"]).all()
    last = found.meta["step"]
print(last, left_over)
"""


def test_what_was_saved_is_loaded(tmp_path, rng):
    tensors = {
        "net.weight": torch.randn(3, 5, 4, 4, generator=rng).to(memory_format=torch.channels_last),
        "half": torch.randn(7, generator=rng).bfloat16(),
        "step": torch.tensor(3),
    }
    meta = {"system": "g3an", "config": {"widths": [1, 2], "label": "é", "none": None}}
    save_checkpoint(tmp_path / "last.safetensors", tensors, meta)
    loaded = load_checkpoint(tmp_path / "last.safetensors")
    assert loaded.meta == meta
    assert loaded.tensors.keys() == tensors.keys()
    assert all(torch.equal(loaded.tensors[name], tensors[name]) for name in tensors)


def test_kill_9_in_the_middle_of_saving_leaves_a_whole_checkpoint(tmp_path):
    words = [sys.executable, "-c", KILLED_WHILE_SAVING, str(tmp_path / "last.safetensors")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    saved, left_over = map(int, done.stdout.split())
    assert saved > 0
    assert left_over > 0  # some were killed while they wrote, or this shows nothing
    assert len(list(tmp_path.iterdir())) <= 2  # however many are killed, one unfinished file at most


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_damaged_checkpoint_is_named(tmp_path, kept):
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, {"weight": torch.ones(1000)}, {"step": 1})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"last\.safetensors: is damaged"):
        load_checkpoint(path)


def test_weights_alone_are_no_checkpoint(tmp_path):
    save_file({"weight": torch.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors: is no checkpoint"):
        load_checkpoint(tmp_path / "model.safetensors")
