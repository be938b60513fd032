"""Check the thesis numbers that the code cites, and write docs/equations.md: number -> function -> test.

    python tools/equations.py                     check, then write docs/equations.md
    python tools/equations.py --check             check, and fail when docs/equations.md is out of date
    python tools/equations.py --index THESIS.txt  read the thesis' own numbers anew into tools/thesis_numbers.json

A cited number (see citations.py) that the thesis does not have is an error. That it is the right one, no tool can see.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from citations import Place, cited_in, natural

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = Path(__file__).with_name("thesis_numbers.json")
SOURCES = ("packages/*/src/**/*.py", "apps/*/src/**/*.py")
TESTS = ("packages/*/tests/**/test_*.py", "apps/*/tests/**/test_*.py", "tests/**/test_*.py")
PAGES = ("docs/**/*.md", "packages/*/README.md", "apps/*/README.md")
PAGE = "docs/equations.md"  # written here, so not read
KINDS = ("equation", "table", "figure", "algorithm", "section")

Index = dict[str, list[str]]  # kind -> numbers
Cited = dict[tuple[str, str], set[Place]]  # (kind, number) -> where it is cited


def cited_below(root: Path, patterns: tuple[str, ...]) -> Cited:
    """All citations in the files that match, without the page that this tool writes."""
    paths = {path for pattern in patterns for path in root.glob(pattern)} - {root / PAGE}
    cited: Cited = defaultdict(set)
    for path in sorted(paths):
        for kind, number, place in cited_in(path, root):
            cited[kind, number].add(place)
    return dict(cited)


# --- the index --------------------------------------------------------------------------------------------------------


def read_index(thesis: str) -> Index:
    """The numbers of the thesis, from its text in Markdown.

    Raises:
        ValueError: if a chapter's numbers do not run 1, 2, 3, ..., so that the text or its reading has a hole.
    """
    found = {
        "equation": re.findall(r"(?:\(|\\tag\{)(\d\.\d+)[)}]\$\$$", thesis, re.MULTILINE),
        "table": re.findall(r"^Table (\d\.\d+)", thesis, re.MULTILINE),
        "figure": re.findall(r"^Figure (\d\.\d+)", thesis, re.MULTILINE),
        "algorithm": re.findall(r"^#+ Algorithm (\d+)", thesis, re.MULTILINE),
        "section": re.findall(r"^#+ (\d\.\d+(?:\.\d+)?)\b", thesis, re.MULTILINE),
    }
    index = {kind: sorted(set(numbers), key=natural) for kind, numbers in found.items()}
    for kind, numbers in index.items():
        last: dict[tuple[int, ...], int] = defaultdict(int)
        for number in numbers:
            *group, position = natural(number)
            if position != last[tuple(group)] + 1:
                raise ValueError(f"thesis text: {kind} {number} follows number {last[tuple(group)]} of its group")
            last[tuple(group)] = position
    return index


def write_index(thesis: Path) -> None:
    """Write thesis_numbers.json, one line a kind."""
    index = read_index(thesis.read_text(encoding="utf-8"))
    about = {"source": "Yaohui Wang, Learning to Generate Human Videos, PhD thesis, 2021 (HAL tel-03662376v1)"}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in (about | index).items()]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


# --- the page ---------------------------------------------------------------------------------------------------------


def cell(places: set[Place]) -> str:
    """Links to the places, one for each function of a file, relative to docs/; a dash when there is none."""
    shown = sorted({(place.path, place.name) for place in places})
    if not shown:
        return "–"
    return "<br>".join(f"[`{name or Path(path).name}`](../{path})" for path, name in shown)


def page(code: Cited, tests: Cited) -> str:
    """The whole of docs/equations.md."""
    parts = [
        "# Equations, and where they are\n",
        "Written by `python tools/equations.py` from the docstrings and comments of the packages. Numbers are those of",
        "Yaohui Wang, *Learning to Generate Human Videos*, 2021. What is not listed is cited nowhere in the code.",
        "A test is listed when its name, docstring or comments give the number.",
    ]
    for kind in KINDS:
        numbers = sorted((number for k, number in code if k == kind), key=natural)
        if not numbers:
            continue
        parts += [f"\n## {kind.capitalize()}s\n", f"| {kind} | code | tests |", "|---|---|---|"]
        for number in numbers:
            parts.append(f"| {number} | {cell(code[kind, number])} | {cell(tests.get((kind, number), set()))} |")
    return "\n".join(parts) + "\n"


def run(root: Path, *, check: bool) -> list[str]:
    """Check all citations below `root`, and write the page or compare it; the errors, one line each."""
    index = json.loads(NUMBERS.read_text(encoding="utf-8"))
    code, tests, pages = (cited_below(root, patterns) for patterns in (SOURCES, TESTS, PAGES))
    errors = [
        f"{place.path}:{place.line}: the thesis has no {kind} {number}"
        for cited in (code, tests, pages)
        for (kind, number), places in cited.items()
        if number not in index[kind]
        for place in places
    ]
    tests = {key: {place for place in places if "test_" in place.name} for key, places in tests.items()}
    text, target = page(code, tests), root / PAGE
    if check and (not target.is_file() or target.read_text(encoding="utf-8") != text):
        errors.append(f"{PAGE} is out of date: run python tools/equations.py")
    elif not check and not errors:
        target.write_text(text, encoding="utf-8")
    return sorted(errors)


def main() -> int:
    """Command line; exit code 1 when a cited number does not exist or the page is out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when docs/equations.md is old")
    parser.add_argument("--index", type=Path, metavar="THESIS", help="rebuild tools/thesis_numbers.json from this text")
    args = parser.parse_args()
    try:
        if args.index:
            write_index(args.index)
        errors = run(ROOT, check=args.check)
    except (ValueError, OSError, SyntaxError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
