"""`vg-train check`: whether a dataset is complete as it lies on disk."""

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from vg_video.data.layouts import LayoutName, Listing, Report, check, read_layout

from vg_train.files import write_json


@dataclass(frozen=True, kw_only=True)
class Check:
    """Compare a dataset with what its official download holds.

    Counts videos, subjects and classes, names what is missing, and decodes every video to find damaged ones. The exit
    code is 0 when the dataset is complete, else 2.

      vg-train check weizmann data/weizmann
      vg-train check ucf101 data/ucf101 --quick --out ucf101.json
    """

    layout: tyro.conf.Positional[LayoutName]
    """Dataset, as docs/guides/datasets.md lists them."""
    data: tyro.conf.Positional[Path]
    """Its folder."""
    lists: Path | None = None
    """Lists of videos: of MUG a CSV file or a folder of them, of UCF101 the folder ucfTrainTestlist."""
    seed: int = 0
    """Of the split, and of the choice of VoxCeleb2-mini."""
    quick: bool = False
    """Decode only the first frame of each video."""
    show: int = 10
    """Names to print of what is missing, and of what is damaged."""
    out: Path | None = None
    """JSON file to write, with all names."""


def command(options: list[str]) -> None:
    """`vg-train check`."""
    settings = tyro.cli(Check, prog="vg-train check", args=options)
    listing = read_layout(settings.layout, settings.data, lists=settings.lists, seed=settings.seed)
    report = _checked(listing, decode=not settings.quick)
    if settings.out:
        write_json(settings.out, as_json(report))
    _print(report, settings.show)
    if not report.complete:
        off = sum(wanted != found for _, wanted, found in report.counts)
        raise ValueError(
            f"{settings.data}: {report.layout} is not complete: {off} counts differ, {len(report.missing)} missing, "
            f"{len(report.corrupt)} damaged"
        )


def as_json(report: Report) -> dict[str, object]:
    """The report as plain values."""
    return {
        "layout": report.layout,
        "folder": str(report.root),
        "complete": report.complete,
        "counts": {what: {"expected": wanted, "found": found} for what, wanted, found in report.counts},
        "missing": list(report.missing),
        "damaged": [{"path": str(path), "reason": reason} for path, reason in report.corrupt],
    }


def _checked(listing: Listing, *, decode: bool) -> Report:
    """The report, made behind a progress bar."""
    with Progress(transient=True) as progress:
        task = progress.add_task(f"reading {listing.layout}", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return check(listing, decode=decode, progress=show)


def _print(report: Report, show: int) -> None:
    """The counts as a table, then names."""
    table = Table(title=report.layout)
    for heading in ("", "expected", "found"):
        table.add_column(heading, justify="right" if heading else "left")
    for what, wanted, found in report.counts:
        table.add_row(what, str(wanted), str(found), style=None if wanted == found else "red")
    console = Console()
    console.print(table)
    _print_names(console, "missing", list(report.missing), show)
    _print_names(console, "damaged", [f"{path}: {reason}" for path, reason in report.corrupt], show)


def _print_names(console: Console, what: str, names: list[str], show: int) -> None:
    """The first of some names, one a line."""
    if names:
        console.print(f"{len(names)} {what}" + (f", the first {show}:" if len(names) > show else ":"))
        for name in names[:show]:
            console.print(f"  {name}", markup=False, highlight=False, soft_wrap=True)
