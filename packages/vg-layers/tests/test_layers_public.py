"""The public list of vg_layers."""

import subprocess
import sys
from types import ModuleType

import vg_layers


def test_public_list_is_complete():
    assert set(vg_layers.__all__) == {
        name
        for name, value in vars(vg_layers).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert len(set(vg_layers.__all__)) == len(vg_layers.__all__)


def test_import_brings_torch_and_einops_and_no_system_or_framework():
    code = "import sys, vg_layers; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert {"torch", "einops"} <= loaded
    assert not loaded & {"vg_video", "vg_reid", "vg_metrics", "lightning", "triton", "faiss", "av", "PIL", "scipy"}
