"""The documentation speaks of what exists: modules, names that are imported, commands and their flags."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import vg_reid.__main__
import vg_serve.cli
import vg_train.cli

ROOT = Path(__file__).parent.parent
PAGES = sorted(path for path in ROOT.glob("docs/**/*.md") if path.name != "equations.md")
COMMAND = re.compile(r"^(?:uvx )?(vg-train|vg-serve|python -m vg_reid)((?: [a-z][\w-]*)*)(.*)$", re.MULTILINE)
MAIN = {"vg-train": vg_train.cli.main, "vg-serve": vg_serve.cli.main, "python -m vg_reid": vg_reid.__main__.main}
WORDS = {"vg-train": {"fit": 2, "synth": 2, "preprocess": 2}}  # words that choose a command, where it is not one


def blocks(language: str) -> list[tuple[str, str]]:
    """Page and text of each fenced block in a language."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(page.relative_to(ROOT).as_posix(), block) for page in PAGES for block in fence.findall(page.read_text())]


def commands() -> list[tuple[str, tuple[str, ...], str]]:
    """Program, words that choose its command, and flags, of each line in a shell block."""
    found = set()
    for _, block in blocks("sh"):
        for program, words, rest in COMMAND.findall(block):
            count = 0 if program == "vg-serve" else WORDS.get(program, {}).get(words.split()[0], 1)
            flags = re.findall(r"(?<= )--[\w.-]+", rest.partition("#")[0])
            found |= {(program, tuple(words.split()[:count]), flag) for flag in flags}
    return sorted(found)


def modules() -> list[str]:
    """All public modules of the packages and apps."""
    names = []
    for source in [*ROOT.glob("packages/*/src"), *ROOT.glob("apps/*/src")]:
        for path in source.rglob("*.py"):
            *parts, last = path.relative_to(source).with_suffix("").parts
            if parts[1:2] == ["ops"] and len(parts) == 3:  # an op is one module: its folder
                names += [".".join(parts)] * (last == "__init__")
            elif not last.startswith("_"):
                names.append(".".join([*parts, last]))
    return sorted(names)


def test_every_public_module_is_on_the_page_of_its_package():
    documented = {
        (page.stem, name)
        for page in ROOT.glob("docs/api/vg_*.md")
        for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
    }
    assert documented == {(name.split(".")[0], name) for name in modules()}


def has(module: ModuleType, name: str) -> bool:
    """Whether a name, or a module of a package, can be imported from there."""
    return hasattr(module, name) or (
        hasattr(module, "__path__") and importlib.util.find_spec(f"{module.__name__}.{name}") is not None
    )


@pytest.mark.parametrize(("page", "block"), blocks("python"))
def test_python_on_a_page_imports_what_there_is(page, block):
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            missing = [alias.name for alias in node.names if not has(module, alias.name)]
            assert not missing, f"{page}: {node.module} has no {missing}"


@pytest.mark.parametrize("program", MAIN)
def test_flags_on_the_pages_are_flags_of_their_command(program, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    used = [(words, flag) for name, words, flag in commands() if name == program]
    assert used, f"no page shows a command of {program}"
    shown = {}
    for words in {words for words, _ in used}:
        with pytest.raises(SystemExit) as stopped:
            MAIN[program]([*words, "--help"])
        assert stopped.value.code == 0
        shown[words] = capsys.readouterr().out
    unknown = [
        f"{' '.join(words)} {flag}" for words, flag in used if not re.search(rf"{re.escape(flag)}\b", shown[words])
    ]
    assert unknown == []
