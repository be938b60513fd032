"""The scripts of examples/ run as written, and what they print is what they promise."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from vg_reid.data.synthetic import write_persons

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: object) -> str:
    """What a script prints."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    one_thread = os.environ | {
        "OMP_NUM_THREADS": "1"
    }  # small tensors on busy cores: more threads only wait for each other
    done = subprocess.run(command, capture_output=True, text=True, env=one_thread, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(label: str, output: str) -> float:
    """The number after a label."""
    found = re.search(rf"{re.escape(label)}\s+([-+.\de]+)", output)
    assert found, f"{label} is not in:\n{output}"
    return float(found[1])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_stay_under_60_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


def test_a_layer_trains_in_a_gan_of_ones_own() -> None:
    lines = run("layer_in_your_gan.py").splitlines()
    first, last = lines[0], lines[-1]
    assert len(lines) == 20
    assert number("d", first) == pytest.approx(2 * math.log(2), abs=0.2)  # a discriminator that cannot tell yet
    assert number("d", last) < number("d", first)
    assert number("gamma_t", last) != 0  # the attention has joined in


def test_two_folders_are_scored() -> None:
    output = run("score_two_folders.py")
    assert "random features, comparable only within this run" in output
    assert number("kernel distance", output) > 0
    assert number("Frechet distance", output) > 0
    slow, fast = (float(value) for value in re.findall(r"motion energy\s+([\d.]+)", output))
    assert fast > slow


def test_an_index_of_ones_own_finds_persons(tmp_path: Path) -> None:
    drawn = run("own_index.py")
    found, photos = map(int, re.search(r"(\d+) of (\d+) photos find", drawn).groups())
    assert photos == 8
    assert found > photos / 2  # by chance a quarter
    given = run("own_index.py", write_persons(tmp_path / "persons", identities=4, cameras=3, per_camera=2, seed=1))
    assert "of 6 photos" in given
