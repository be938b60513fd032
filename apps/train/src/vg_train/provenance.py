"""Where figures come from: software versions, machine and command, stored beside each result."""

import os
import platform
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("vg-train", "vg-video", "vg-reid", "vg-metrics", "vg-layers", "torch", "numpy")


def provenance(command: Sequence[str]) -> dict[str, Any]:
    """Describe this process, ready for JSON.

    Args:
        command: the words after `vg-train`.
    Returns:
        The command line, the time (UTC), the machine, and the version of each package that takes part.
    """
    import torch

    return {
        "command": shlex.join(["vg-train", *command]),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {platform.system()}",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    """The processor's name as Linux tells it, or what Python knows of it elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
