"""Benches of vg-reid: our way beside a plain one, each in a process of its own.

    python packages/vg-reid/bench pseudo --threads 2         12,936 images, and 100,000
    python packages/vg-reid/bench pseudo --tiny --no-save    small sizes, only to see that it runs

A subject is a file of this folder with `rows(tiny: bool) -> Iterator[dict]`: the figures of one measurement after
another. They are printed as they come, and saved as JSON. Run it on a quiet machine. The step of the joint training,
`step`, is timed by `python packages/vg-layers/bench step`.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

SUBJECTS = ("pseudo", "gallery", "projections", "persons")
RESULTS = Path(__file__).resolve().parents[3] / "docs" / "benchmarks"

Rows = Callable[[bool], Iterator[dict[str, object]]]


def rows_of(subject: str) -> Rows:
    """The measurements of a subject; its imports are not those of the others."""
    match subject:
        case "pseudo":
            from pseudo import rows
        case "gallery":
            from gallery import rows
        case "projections":
            from projections import rows
        case _:
            from persons import rows
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python packages/vg-reid/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch and the BLAS (default 2)")
    parser.add_argument("--tiny", action="store_true", help="small sizes: the figures mean nothing")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON")
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # read by the processes of the measurements

    found = []
    for row in rows_of(options.subject)(options.tiny):
        print("   ".join(f"{name} {value}" for name, value in row.items()), flush=True)
        found.append(row)
    if not options.no_save:
        command = f"python packages/vg-reid/bench {options.subject} --threads {options.threads}"
        about = {
            "command": command + (" --tiny" if options.tiny else ""),
            "date": date.today().isoformat(),
            "machine": platform.processor() or platform.machine(),
        }
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / f"reid-{options.subject}-cpu.json"
        path.write_text(json.dumps({"about": about, "rows": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
