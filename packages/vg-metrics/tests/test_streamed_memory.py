"""Memory of streamed features: a hundred times as many need no more of it."""

import subprocess
import sys

import pytest

PROCESS = """
import resource, sys, torch
from vg_metrics.video import FrechetVideoDistance

generator, metric = torch.Generator().manual_seed(0), FrechetVideoDistance()
for batch in range(int(sys.argv[1]) // 500):
    metric.update(torch.randn(500, 2048, generator=generator), "real" if batch % 2 else "fake")
assert metric.compute() > 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak(count: int) -> float:
    """Peak resident memory of a process that streams so many features and takes their distance, MiB."""
    output = subprocess.run([sys.executable, "-c", PROCESS, str(count)], capture_output=True, text=True, check=True)
    return float(output.stdout)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_features_need_as_much_memory_as_ten_thousand():
    few, many = peak(10_000), peak(1_000_000)
    assert many == pytest.approx(few, rel=0.05), f"{few:.0f} MiB, then {many:.0f} MiB"
