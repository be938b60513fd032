"""Find the thesis numbers that a text or a python file cites.

A citation is `eq. 4.1`, `eq. 4.1-4.4`, `table 4.3`, `figure 4.2`, `algorithm 1`, or a section such as `4.3.1`
in a docstring, a comment, the name of a test, or a page of the documentation.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NUMBER = r"\d+\.\d+(?:\.\d+)?"
JOINT = r"(?:\s*[-–,;/]\s*|,?\s+(?:and|or|to)\s+)"
WORDS = {"equation": r"eqs?\.?|equations?", "table": "tables?", "figure": r"figs?\.?|figures?"}


def listed(words: str, number: str) -> re.Pattern[str]:
    """A word and the numbers after it: `eq. 4.1-4.3 and (4.6)`, `eq. 4.1 to eq. 4.3`."""
    more = rf"\)?{JOINT}(?:(?:{words})\s*)?\(?{number}"
    return re.compile(rf"(?<![a-z])(?:{words})\s*\(?({number}(?:{more})*)", re.IGNORECASE)


CITED = {kind: listed(words, r"\d+\.\d+(?![\d.]*\.\d)") for kind, words in WORDS.items()}
CITED["section"] = listed("sections?|§", NUMBER)
CITED["algorithm"] = re.compile(r"\balgorithm\s+(\d+)\b", re.IGNORECASE)
BARE_SECTION = re.compile(r"(?<![\w.=<>~])[1-9]\.\d+\.\d+(?!\w|\.\d)")  # 4.3.1; not ==2.1.0 or v2.1.0
IN_NAME = re.compile(r"(?<![a-z])(equation|eq|table|figure|section|algorithm)s?_(\d+(?:_(?:and_|to_)?\d+)*)")


@dataclass(frozen=True, order=True)
class Place:
    """Where something is cited: a file below the root and the innermost class or function in it."""

    path: str
    name: str  # dotted, empty for the module itself
    line: int


def natural(number: str) -> tuple[int, ...]:
    """Sort key: 4.2 before 4.10."""
    return tuple(int(part) for part in number.split("."))


def numbers_of(text: str) -> list[str]:
    """`4.1, 4.3-4.5` -> 4.1, 4.3, 4.4, 4.5."""
    found: list[str] = []
    previous_end = 0
    for match in re.finditer(NUMBER, text):
        joint = text[previous_end : match.start()]
        number = match.group()
        if found and re.search(r"-|–|\bto\b", joint):
            *chapter, first = natural(found[-1])
            *same, last = natural(number)
            if chapter == same:
                found += [".".join(map(str, [*chapter, n])) for n in range(first + 1, last)]
        found.append(number)
        previous_end = match.end()
    return found


def citations(text: str) -> set[tuple[str, str]]:
    """The (kind, number) pairs that a text cites."""
    found: set[tuple[str, str]] = set()
    for kind, pattern in CITED.items():
        for match in pattern.finditer(text):
            found |= {(kind, number) for number in numbers_of(match.group(1)) or [match.group(1)]}
    return found | {("section", match.group()) for match in BARE_SECTION.finditer(text)}


def name_citations(name: str) -> set[tuple[str, str]]:
    """The same for a test's name: test_x_is_equation_4_1_and_4_2."""
    found: set[tuple[str, str]] = set()
    for kind, digits in IN_NAME.findall(name):
        kind = "equation" if kind == "eq" else kind
        if kind == "algorithm":
            found.add((kind, digits.split("_")[0]))
        elif kind == "section":
            found.add((kind, digits.replace("_", ".")))
        else:
            spelled = re.sub(r"(\d+)_(\d+)", r"\1.\2", digits)
            found |= {(kind, number) for number in numbers_of(spelled.replace("_", " "))}
    return found


# --- reading python ---------------------------------------------------------------------------------------------------


def spans(tree: ast.Module) -> list[tuple[str, int, int]]:
    """Dotted name, first and last line of each class and function; what contains comes before what is contained."""
    found: list[tuple[str, int, int]] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                inner = f"{prefix}.{child.name}" if prefix else child.name
                found.append((inner, child.lineno, child.end_lineno or child.lineno))
            visit(child, inner)

    visit(tree, "")
    return found


def texts(source: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring and comment; consecutive comment lines are one text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    start, last, block = 0, -1, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1:
            yield start, block
            start, block = token.start[0], ""
        block += " " + token.string.lstrip("#")
        last = token.start[0]
    yield start, block


def cited_in(path: Path, root: Path) -> Iterator[tuple[str, str, Place]]:
    """(kind, number, place) for each citation in a python file, or on a page."""
    source, shown = path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()
    if path.suffix != ".py":
        for line, text in enumerate(source.splitlines(), start=1):
            yield from ((kind, number, Place(shown, "", line)) for kind, number in citations(text))
        return
    tree = ast.parse(source, filename=shown)
    named = spans(tree)
    for line, text in texts(source, tree):
        inside = [name for name, first, last in named if first <= line <= last]
        place = Place(shown, inside[-1] if inside else "", line)
        yield from ((kind, number, place) for kind, number in citations(text))
    for name, first, _ in named:
        leaf = name.rpartition(".")[2]
        if leaf.startswith("test_"):
            yield from ((kind, number, Place(shown, name, first)) for kind, number in name_citations(leaf))
