"""The benches of the packages above vg-layers run, at tiny sizes, and their forms compute the same."""

import importlib
import json
import runpy
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).resolve().parents[1] / "packages" / "vg-layers" / "bench"


BENCHES = [
    ("video", "g3an"),
    ("video", "imaginator"),
    ("video", "mintgan"),
    ("video", "synthetic"),
    ("metrics", "frechet"),
    ("metrics", "ranking"),
    ("reid", "step"),
]


@pytest.mark.parametrize(("package", "name"), BENCHES)
def test_bench_runs_and_its_forms_compute_the_same(package, name, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(HARNESS)
    harness = importlib.import_module("harness")
    monkeypatch.setattr(harness, "SAMPLE_SECONDS", 0)
    monkeypatch.setattr(harness, "UNIT", 64)
    monkeypatch.setenv("KINETO_LOG_LEVEL", "9")
    monkeypatch.setattr(sys, "argv", ["bench", name, "--tiny", "--repeats", "1", "--out", str(tmp_path)])
    runpy.run_path(str(HARNESS), run_name="__main__")
    rows = json.loads((tmp_path / f"{package}-{name}-cpu-float32.json").read_text())["rows"]
    assert rows
    assert max(row["difference"] for row in rows) < 1e-2  # gradients: rounding decides over a few ReLUs
