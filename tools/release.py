"""Build all wheels and source archives into dist/, then install each package alone from there and see that it works.

    python tools/release.py                      build all, check all
    python tools/release.py --only vg-reid       build all, check these
    python tools/release.py --no-build           check the files that are in dist/

Each package gets a fresh environment with nothing but itself and what it declares. In it, every module imports, nothing
is missing or in conflict, what must not come along is absent, and tools/smoke/ runs one real job. The other
dependencies come from the package index that uv is set up with.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
SMOKE = Path(__file__).with_name("smoke")
IMPORT_LIMIT = 0.5  # seconds that `import vg_reid` may add to `import torch`
ADDED_BY_IMPORT = "import time, torch; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"


@dataclass(frozen=True)
class Member:
    """A package or app, and what installing it alone must not bring."""

    folder: str
    absent: tuple[str, ...]
    needs_extra: tuple[str, ...] = ()  # modules that only an extra makes importable
    light: bool = False  # its import is held to IMPORT_LIMIT


WEB = ("fastapi", "uvicorn", "gradio")
MEMBERS = {
    "vg-layers": Member(
        "packages/vg-layers", ("vg_metrics", "vg_video", "vg_reid", "lightning", "torchmetrics", "faiss", "av", *WEB)
    ),
    "vg-metrics": Member("packages/vg-metrics", ("vg_layers", "vg_video", "vg_reid", "lightning", "faiss", "av", *WEB)),
    "vg-video": Member(
        "packages/vg-video", ("vg_metrics", "vg_reid", "lightning", "torchmetrics", "faiss", "scipy", *WEB)
    ),
    "vg-reid": Member(
        "packages/vg-reid",
        ("vg_metrics", "vg_video", "lightning", "torchmetrics", "faiss", "sklearn", "anny", "smplx", "av", *WEB),
        needs_extra=("vg_reid.evaluate",),
        light=True,
    ),
    "vg-train": Member("apps/train", ("vg_serve", "faiss", *WEB)),
    "vg-serve": Member("apps/serve", ("vg_train", "vg_metrics", "lightning", "torchmetrics", "faiss", "gradio")),
}


class FailedError(Exception):
    """A check did not hold; the text says which and how."""


def find_uv() -> list[str]:
    """The command that runs uv: from PATH, else the module of this Python.

    Raises:
        FileNotFoundError: if there is neither.
    """
    if found := shutil.which("uv"):
        return [found]
    module = [sys.executable, "-m", "uv"]
    if subprocess.run([*module, "--version"], capture_output=True).returncode == 0:
        return module
    raise FileNotFoundError("uv is neither on PATH nor a module of this Python: pip install uv")


def call(command: list[str], cwd: Path) -> str:
    """Run a command and return what it prints; its last lines are in the error when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        tail = "\n    ".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise FailedError(f"{' '.join(command[:6])} ... exited with {done.returncode}:\n    {tail}")
    return done.stdout


def version_of(member: Member) -> str:
    """The version in the member's pyproject.toml."""
    return tomllib.loads((ROOT / member.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def build(uv: list[str]) -> None:
    """Replace what is in dist/ by wheels and source archives of all members; each wheel is made from its archive."""
    for old in DIST.glob("vg_*"):
        old.unlink()
    for name, member in MEMBERS.items():
        call([*uv, "build", "--out-dir", str(DIST), str(ROOT / member.folder)], ROOT)
        print(f"built {name} {version_of(member)}", flush=True)


def check(name: str, uv: list[str]) -> str:
    """Install one member alone and check it; one line of what was seen.

    Raises:
        FailedError: naming the first check that does not hold.
    """
    member, module = MEMBERS[name], name.replace("-", "_")
    with tempfile.TemporaryDirectory(prefix="vg-release-") as folder:
        work = Path(folder)
        python = str(work / "venv/bin/python")
        start = time.perf_counter()
        call([*uv, "venv", "--quiet", "--python", sys.executable, str(work / "venv")], work)
        install(name, uv, python, work)
        seconds = time.perf_counter() - start
        call([*uv, "pip", "check", "--python", python], work)
        isolated = [python, "-I", str(SMOKE / "imports.py"), module]
        call([*isolated, "--skip", *member.needs_extra, "--absent", *member.absent], work)
        call([python, "-I", str(SMOKE / f"{module.removeprefix('vg_')}.py")], work)
        seen = f"{name}: installed alone in {seconds:.0f} s, imports and works, {len(member.absent)} modules absent"
        return f"{seen}, import adds {added_by_import(module, python, work):.2f} s" if member.light else seen


def install(name: str, uv: list[str], python: str, work: Path) -> None:
    """Install a member from dist/, and the other members from nowhere else."""
    pins = work / "constraints.txt"
    pins.write_text("".join(f"{other}=={version_of(member)}\n" for other, member in MEMBERS.items()))
    fresh = [f"--refresh-package={other}" for other in MEMBERS]  # not an older build of the same version
    local = ["--find-links", str(DIST), "--constraints", str(pins)]
    call([*uv, "pip", "install", "--quiet", "--python", python, *local, *fresh, name], work)


def added_by_import(module: str, python: str, work: Path) -> float:
    """Median seconds that importing the module takes after torch.

    Raises:
        FailedError: if that is more than IMPORT_LIMIT.
    """
    command = [python, "-I", "-c", ADDED_BY_IMPORT.format(module=module)]
    median = statistics.median(float(call(command, work)) for _ in range(5))
    if median > IMPORT_LIMIT:
        raise FailedError(f"import {module} adds {median:.2f} s to import torch, wanted at most {IMPORT_LIMIT} s")
    return median


def main() -> int:
    """Command line; exit code 1 when a check does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=MEMBERS, default=list(MEMBERS), metavar="NAME", help="check these")
    parser.add_argument("--no-build", action="store_true", help="check the files that are in dist/")
    args = parser.parse_args()
    failed = []
    try:
        uv = find_uv()
        if not args.no_build:
            build(uv)
        for name in args.only:
            try:
                print(check(name, uv), flush=True)
            except FailedError as problem:
                failed.append(name)
                print(f"{name}: FAILED: {problem}", flush=True)
    except (OSError, FailedError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
