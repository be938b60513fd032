"""The benches run, at tiny sizes, and what the harness reports is what was measured."""

import importlib
import json
import runpy
import sys
from pathlib import Path

import pytest
import torch

BENCH = Path(__file__).resolve().parents[1] / "bench"
BENCHES = sorted(path.stem for path in BENCH.glob("*.py") if path.stem not in ("__main__", "harness", "released"))
CPU = torch.device("cpu")


@pytest.fixture
def harness(monkeypatch):
    """The harness, quick, and not left in sys.modules afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCH)
    module = importlib.import_module("harness")
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 0)
    monkeypatch.setattr(module, "UNIT", 64)
    yield module
    if "harness" not in before:
        del sys.modules["harness"]


@pytest.mark.parametrize("name", BENCHES)
def test_bench_runs_and_its_forms_compute_the_same(name, harness, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", name, "--tiny", "--repeats", "1", "--out", str(tmp_path)])
    monkeypatch.setenv("KINETO_LOG_LEVEL", "9")
    runpy.run_path(str(BENCH), run_name="__main__")
    saved = json.loads((tmp_path / f"layers-{name}-cpu-float32.json").read_text())
    printed = capsys.readouterr().out
    assert {"command", "date", "device", "torch", "threads", "unit_ms"} <= set(saved["about"])
    assert saved["rows"]
    for row in saved["rows"]:
        assert row["case"] in printed
        assert row["difference"] < 1e-3


def test_peak_memory_is_what_a_form_holds_at_its_worst_moment(harness):
    big = 1 << 18  # float32 numbers: 1 MiB

    def form():
        for _ in range(3):
            x = torch.zeros(big) + 1  # two at once, then one is dropped
        return x[:1]

    assert harness.peak_memory(form, CPU) == pytest.approx(3 << 20, abs=4096)  # the old x lives while the new is made


def test_figures_follow_from_the_times(harness, monkeypatch):
    monkeypatch.setattr(harness, "_seconds", lambda form, *_: 2.0 if form() == 0 else 0.5)
    case = harness.Case(
        name="x", forms={"plain": lambda: torch.tensor(0.0), "ours": lambda: torch.tensor(0.25)}, flops=64**3, moved=1e9
    )
    plain, ours = harness.measure(case, harness.Setting(device=CPU), unit_seconds=1.0)
    assert (plain.ratio, ours.ratio) == (1, 4)
    assert (ours.milliseconds, ours.fastest, ours.slowest) == (500, 500, 500)
    assert ours.limit == 1.0  # half the unit's arithmetic in half its time
    assert ours.gigabytes_per_second == 2
    assert plain.difference == 0 < ours.difference
    assert len(harness.table([plain, ours]).splitlines()) == 3


def test_forms_take_the_derivatives_they_promise(harness):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    layer = torch.nn.Linear(2, 1)
    gradients = harness.forward_backward(layer, x)()
    assert [g.shape for g in gradients] == [x.shape, layer.weight.shape, layer.bias.shape]
    assert x.grad is layer.weight.grad is None
    (second,) = harness.second_order(lambda x: x**2, x)()
    torch.testing.assert_close(second, (48 * x**5).detach())  # y^2 = x^4, its gradient 4 x^3
    assert not harness.forward(layer, x)().requires_grad


def test_too_few_repeats_and_unknown_benches_are_refused(harness, monkeypatch, capsys):
    for command, message in ((["--repeats", "3"], "at least 7"), (["nothing"], "no bench nothing")):
        monkeypatch.setattr(sys, "argv", ["bench", *command])
        with pytest.raises(SystemExit, match="2"):
            runpy.run_path(str(BENCH), run_name="__main__")
        assert message in capsys.readouterr().err
