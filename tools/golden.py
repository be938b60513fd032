"""Golden losses: the first training steps of each system, stored, so that a change in the mathematics shows.

    python tools/golden.py compare            all systems; exit code 1 when a loss differs
    python tools/golden.py write g3an         store anew, after a change that is meant

All is computed in float64. A GAN amplifies rounding: within 20 steps in float32, a difference of 1e-7 becomes one of
several per cent, so float32 losses could be compared on one machine only. In float64 another instruction set (AVX2
instead of AVX-512) moves no loss by more than 1e-9 of its value; the tolerance is 1e-6 on all machines and versions.
What it does not cover: another PyTorch may draw other random numbers from the same seed, and then differs at step 0.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import golden_persons
import golden_systems
import torch
from golden_systems import STEPS
from vg_layers import Step

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "golden"
TOLERANCE = 1e-6  # relative

Losses = list[dict[str, float]]


SYSTEMS: dict[str, Callable[[], Iterator[Step]]] = {
    "imaginator": golden_systems.imaginator_steps,
    "g3an": golden_systems.g3an_steps,
    "mintgan": golden_systems.mintgan_steps,
    "vgan": golden_systems.vgan_steps,
    "tgan": golden_systems.tgan_steps,
    "mocogan": golden_systems.mocogan_steps,
    "gcl": golden_persons.gcl_steps,
}


@contextmanager
def exact() -> Iterator[None]:
    """One thread and float64, for new tensors and networks."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)


def losses_of(system: str, steps: int = STEPS) -> Losses:
    """Train for so many steps; the losses of each."""
    with exact():
        return [{name: loss.item() for name, loss in step.losses.items()} for step in islice(SYSTEMS[system](), steps)]


def environment() -> dict[str, str]:
    """Versions and machine, stored beside the losses."""
    versions = {name: version(name) for name in ("torch", "numpy")}
    return versions | {"python": platform.python_version(), "cpu": torch.backends.cpu.get_cpu_capability()}


def write(system: str) -> None:
    """Store the losses of a system in tests/golden/."""
    stored = {"system": system, "environment": environment(), "losses": losses_of(system)}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{system}.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def read(system: str) -> dict[str, Any]:
    """What `write` stored.

    Raises:
        FileNotFoundError: if nothing is stored for the system.
    """
    return json.loads((FOLDER / f"{system}.json").read_text(encoding="utf-8"))


def differences(stored: Losses, now: Losses) -> list[float]:
    """The largest relative difference of each step; infinite where the losses have other names."""
    return [
        max(abs(new[name] - old[name]) / abs(old[name]) for name in old) if old.keys() == new.keys() else float("inf")
        for old, new in zip(stored, now, strict=False)
    ]


def compare(system: str) -> bool:
    """Print the losses now beside the largest difference from the stored ones; whether all agree."""
    stored, here = read(system), environment()
    print(f"{system}, stored with {stored['environment']}\n{' ' * len(system)}  now with    {here}")
    now = losses_of(system)
    found = differences(stored["losses"], now)
    print("step  difference  losses")
    for index, (difference, losses) in enumerate(zip(found, now, strict=True)):
        mark = " " if difference <= TOLERANCE else "!"
        print(f"{index:4d}{mark} {difference:10.1e}  " + "  ".join(f"{k} {v:.6g}" for k, v in losses.items()))
    return all(difference <= TOLERANCE for difference in found)


def main() -> int:
    """Command line; exit code 1 when a loss differs by more than the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("compare", "write"))
    parser.add_argument("systems", nargs="*", default=list(SYSTEMS), help=f"of {', '.join(SYSTEMS)}; all by default")
    args = parser.parse_args()
    if unknown := set(args.systems) - SYSTEMS.keys():
        parser.error(f"unknown systems {sorted(unknown)}, wanted some of {list(SYSTEMS)}")
    try:
        if args.what == "write":
            for system in args.systems:
                write(system)
            return 0
        different = [system for system in args.systems if not compare(system)]
    except (ValueError, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    if different:
        print(f"differs by more than {TOLERANCE:.0e}: {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
