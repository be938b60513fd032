"""vg-train alone: the installed command starts and explains itself (run by tools/release.py)."""

import subprocess
import sys
from pathlib import Path

command = [str(Path(sys.executable).with_name("vg-train")), "--help"]
shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
if "usage" not in shown:
    raise SystemExit(f"vg-train --help printed: {shown[:200]!r}")
