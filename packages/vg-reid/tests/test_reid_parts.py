import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from vg_reid.parts import Parts, Process


def test_parts_are_shared_among_processes_without_gap_or_overlap(tmp_path):
    parts = Parts.of(tmp_path / "out.npz", ["a job"], 25, size=4, suffix=".npz")
    shares = [list(parts.missing(Process(rank, 3))) for rank in range(3)]
    things = [thing for share in shares for _, part in share for thing in range(25)[part]]
    assert sorted(things) == list(range(25))
    assert sorted(file for share in shares for file, _ in share) == parts.files
    assert len(list(parts.missing())) == 7


def test_done_parts_are_not_missing_and_another_job_has_none_of_them(tmp_path):
    parts = Parts.of(tmp_path / "out.npz", ["a job"], 9, size=4, suffix=".npz")
    parts.folder.mkdir(parents=True)
    parts.files[1].touch()
    assert [part.start for _, part in parts.missing()] == [0, 8]
    assert len(list(Parts.of(tmp_path / "out.npz", ["another"], 9, size=4, suffix=".npz").missing())) == 3
    parts.remove()
    assert list(tmp_path.iterdir()) == []


def test_process_and_its_device_are_read_as_torchrun_sets_them(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert Process.from_environment() == Process(0, 1)
    assert Process().device("cuda") == "cuda"
    monkeypatch.setenv("RANK", "5")
    with pytest.raises(ValueError, match="RANK=5 and WORLD_SIZE=1"):
        Process.from_environment()
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert Process.from_environment() == Process(5, 8)
    assert [Process().device(name) for name in ("cuda", "cuda:3", "cpu")] == ["cuda:1", "cuda:3", "cpu"]


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr("vg_reid.commands.common.PART", 4)


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_processes_share_the_photos_and_the_first_writes_the_file(
    vg_reid, persons, model, tmp_path, monkeypatch, small_parts
):
    words = ("embed", persons / "bounding_box_train", "--model", model, "-o")
    assert vg_reid(*words, tmp_path / "whole.npz")[0] == 0
    for rank in (2, 1, 0):  # the others first: the first one waits for them
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "3")
        code, out, _ = vg_reid(*words, tmp_path / "shared.npz")
        assert code == 0
        assert ("18 vectors" in out) == (rank == 0)
        assert (tmp_path / "shared.npz").exists() == (rank == 0)
    whole, shared = arrays(tmp_path / "whole.npz"), arrays(tmp_path / "shared.npz")
    for name in whole:
        if name == "vectors":
            np.testing.assert_allclose(whole[name], shared[name], atol=1e-6)
        else:
            np.testing.assert_array_equal(whole[name], shared[name])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shared.npz", "whole.npz"]


def test_index_takes_up_the_parts_of_a_run_that_stopped(vg_reid, persons, model, tmp_path, monkeypatch, small_parts):
    from vg_reid.embedder import Embedder

    embed, seen = Embedder.embed_images, []

    def stop_at_the_third(self, images, **options):
        seen.append(len(images))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return embed(self, images, **options)

    monkeypatch.setattr(Embedder, "embed_images", stop_at_the_third)
    words = ("index", persons, "-o", tmp_path / "g", "--model", model)
    with pytest.raises(KeyboardInterrupt):
        vg_reid(*words)
    assert not (tmp_path / "g").exists()
    code, out, _ = vg_reid(*words)
    assert code == 0
    assert seen == [4, 4, 4, 4]  # the third again, the first two not
    assert "12 images" in out
    assert [path.name for path in tmp_path.iterdir()] == ["g"]


def test_a_part_of_unreadable_photos_is_skipped_and_all_of_them_are_an_error(
    vg_reid, persons, model, tmp_path, small_parts
):
    folder = tmp_path / "photos"
    folder.mkdir()
    whole = sorted((persons / "query").iterdir())[0].read_bytes()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(whole if number == 5 else whole[:300])
    words = ("embed", folder, "-o", tmp_path / "f.npz", "--model", model, "--skip-corrupt")
    code, out, _ = vg_reid(*words)
    assert code == 0
    assert "1 vectors" in out
    (folder / "5.jpg").unlink()
    code, _, err = vg_reid(*words)
    assert code == 2
    assert "none of 5 images is readable" in err


KILL = """
import os, signal, sys
from vg_reid import features
from vg_reid.commands import common
from vg_reid.__main__ import main

common.PART = 4
save, saved = common.save_features, []

def save_and_die(path, found):
    if len(saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    saved.append(path)
    save(path, found)

common.save_features = save_and_die
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_embedding_goes_on_after_a_kill(vg_reid, persons, model, tmp_path, monkeypatch, small_parts):
    words = ["embed", str(persons / "bounding_box_train"), "--model", str(model), "-o", str(tmp_path / "f.npz")]
    child = subprocess.run([sys.executable, "-c", KILL, *words], capture_output=True, text=True, env=dict(os.environ))
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert len(list((tmp_path / "f.npz.parts").rglob("*.npz"))) == 2
    code, out, _ = vg_reid(*words)
    assert code == 0
    assert "18 vectors" in out
