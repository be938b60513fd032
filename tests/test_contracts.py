"""The dependency rule of pyproject.toml holds, and import-linter turns red when it is broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("packages/*/src/vg_*")) + sorted(ROOT.glob("apps/*/src/vg_*"))


@pytest.fixture
def copy(tmp_path) -> Path:
    """The sources of all packages side by side, with the contracts."""
    for source in SOURCES:
        shutil.copytree(source, tmp_path / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages in the folder."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", "pyproject.toml", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def broken_contracts(folder: Path, module: str, statement: str) -> str:
    """The lines of import-linter about contracts that a new file with this statement breaks."""
    (folder / module / "planted.py").write_text(f'"""Planted."""\n\n{statement}\n')
    done = lint_imports(folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return "\n".join(line for line in done.stdout.splitlines() if "BROKEN" in line)


def test_the_contracts_hold(copy):
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("vg_reid", "import vg_video", "neighbours never import one another"),
        ("vg_video", "from vg_metrics.functional import frechet_distance", "neighbours never import one another"),
        ("vg_layers", "import vg_video", "apps over systems over layers"),
        ("vg_video", "import vg_train", "apps over systems over layers"),
        ("vg_metrics", "import vg_layers", "vg_metrics stands alone"),
        ("vg_video", "import lightning", "lightning only in vg_train"),
        ("vg_train", "import fastapi", "web frameworks only in vg_serve"),
        ("vg_video", "import faiss", "faiss only in vg_reid"),
        ("vg_reid", "import av", "PyAV only in the codec"),
    ],
)
def test_a_planted_import_breaks_its_contract(copy, module, statement, contract):
    assert contract in broken_contracts(copy, module, statement)


def test_the_sideways_import_of_the_evaluate_command_is_the_only_exception(copy):
    broken = broken_contracts(copy, "vg_reid", "from vg_metrics.functional import reid_ranking")
    assert "apps over systems over layers" in broken
