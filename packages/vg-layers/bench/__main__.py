"""Benches of all packages: each form of a computation against the plain one, in the same run.

    python packages/vg-layers/bench                          all of them, into docs/benchmarks/
    python packages/vg-layers/bench attention --threads 2    one of them
    python packages/vg-layers/bench --tiny --no-save         small sizes, only to see that they run

Columns: median time; ratio to the plain form, above 1 where the form is faster; limit, the share of the time that its
arithmetic takes at the rate of the unit, a 1536x1536x1536 float32 matrix product in the same process; bytes moved a
second; peak memory above the inputs, and as a share of the plain form's; how far the results are from the plain form's.
Run it on a quiet machine.
"""

import argparse
import importlib.util
import os
import platform
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import torch
from harness import Setting, run, save, unit

HERE = Path(__file__).resolve().parent
FILES = [path for path in sorted(HERE.parents[1].glob("*/bench/*.py")) if path != Path(__file__)]
BENCHES = {path.stem: path for path in FILES if "\ndef cases(" in path.read_text()}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python packages/vg-layers/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"which, of {', '.join(BENCHES)}; all when empty")
    parser.add_argument("--repeats", type=int, default=9, help="counted rounds, at least 7 (default 9)")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of PyTorch on the CPU")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--tiny", action="store_true", help="small sizes: the figures mean nothing")
    parser.add_argument("--out", type=Path, default=HERE.parents[2] / "docs" / "benchmarks", help="folder of the JSON")
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args()
    if options.repeats < 7 and not options.tiny:
        parser.error(f"--repeats {options.repeats} is too few for a median: at least 7")
    if unknown := sorted(set(options.benches) - BENCHES.keys()):
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")

    os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # the profiler reports its own start and stop otherwise
    torch.set_num_threads(options.threads)
    setting = Setting(
        device=torch.device(options.device),
        dtype=getattr(torch, options.dtype),
        repeats=options.repeats,
        tiny=options.tiny,
    )
    for name in options.benches or BENCHES:
        torch.manual_seed(0)
        unit_seconds = unit(setting)
        about = describe(options, name, unit_seconds)
        print(f"\n{name}: " + ", ".join(f"{key} {value}" for key, value in about.items()))
        rows = run(load(BENCHES[name]).cases(setting), setting, unit_seconds)
        if not options.no_save:
            package = BENCHES[name].parents[1].name.removeprefix("vg-")
            save(rows, about, options.out / f"{package}-{name}-{setting.device.type}-{options.dtype}.json")


def load(path: Path) -> ModuleType:
    """The bench in a file, which finds the harness beside this file."""
    spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def describe(options: argparse.Namespace, name: str, unit_seconds: float) -> dict[str, object]:
    """What is to be known beside the figures."""
    device = torch.device(options.device)
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    command = f"{Path(sys.executable).stem} packages/vg-layers/bench {name} --repeats {options.repeats}"
    command += f" --dtype {options.dtype} --threads {options.threads} --device {options.device}"
    return {
        "command": command + (" --tiny" if options.tiny else ""),
        "date": date.today().isoformat(),
        "device": machine,
        "torch": torch.__version__,
        "threads": options.threads,
        "dtype": options.dtype,
        "unit_ms": round(1e3 * unit_seconds, 2),
    }


def cpu_name() -> str:
    """The processor as Linux names it, elsewhere as Python does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


if __name__ == "__main__":
    main()
