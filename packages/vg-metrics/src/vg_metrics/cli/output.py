"""What the commands share: what they hand back, how progress and results are shown."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table
from rich.text import Text

from vg_metrics.result import Result

Argument = tyro.conf.Positional[Path]
ERRORS = Console(stderr=True)


class Shown(NamedTuple):
    """A result, and the file that it goes to; None for standard output."""

    result: Result
    out: Path | None


def watch(items: Iterable[Any], description: str, total: int) -> Iterable[Any]:
    """The items, with a progress bar on standard error where that is a terminal."""
    quiet = not ERRORS.is_terminal
    return track(items, escape(description), total=total, console=ERRORS, transient=True, disable=quiet)


def show(shown: Shown) -> None:
    """Print the figures as a table on standard error, and the whole result as JSON."""
    result, out = shown
    label = Text(result.label)  # may hold a file name: no markup
    table = Table("score", "value", title=f"{result.score}, {result.title}", caption=label)
    for name, value in result.values.items():
        table.add_row(name, f"{value:.6g}")
    for name, count in result.counts.items():
        table.add_row(f"number of {name}", str(count))
    for name, skipped in result.skipped.items():
        if skipped:
            table.add_row(f"skipped of {name}", f"{len(skipped)}, first {escape(skipped[0])}")
    ERRORS.print(table)
    if out:
        result.save(out)
    else:
        sys.stdout.write(result.to_json())
