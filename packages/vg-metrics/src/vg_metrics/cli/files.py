"""Commands that read files alone: reid, protocols, compare."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from vg_metrics.cli.output import Argument, Shown
from vg_metrics.protocol import PROTOCOLS, Result, compare, find_protocol

AsJson = Annotated[bool, tyro.conf.arg(name="json")]
Picture = Annotated[Path | None, tyro.conf.arg(metavar="FILE.png")]


def reid(features: Argument, /, trapezoid: bool = False, plot: Picture = None, out: Path | None = None) -> Shown:
    """CMC, mAP and mINP of features in an .npz file under the same-camera rule.

    python -m vg_metrics reid features.npz --plot curve.png

    The arrays are query_features and gallery_features (n, d), and query_ids, gallery_ids, query_cams, gallery_cams (n).

    Args:
        features: the .npz file.
        trapezoid: average precision by trapezoids, as the original Matlab evaluation of Market-1501.
        plot: picture of the rank curve.
        out: JSON file to write the result to; by default it is printed.
    """
    from vg_metrics import plots
    from vg_metrics.commands import ranking

    result, ranked = ranking.reid(features, trapezoid)
    if plot:
        title = f"{features.name}: mAP {100 * ranked.map:.1f} %, rank 1 {100 * ranked.rank[1]:.1f} %"
        plots.save_picture(plots.rank_curve(ranked.cmc.tolist(), title=title), plot)
    return Shown(result, out)


def protocols(name: tyro.conf.Positional[str | None] = None, /, as_json: AsJson = False) -> None:
    """What a named protocol says: frames, sizes, network, numbers of samples, and what its source leaves open.

    python -m vg_metrics protocols

    python -m vg_metrics protocols thesis_ch5

    python -m vg_metrics protocols thesis_ch4 --json > mine.json

    Args:
        name: of the protocol; by default all are listed.
        as_json: print it as JSON, to change and to use as --protocol mine.json under a name of your own.
    """
    if name is None:
        table = Table(Column("protocol", no_wrap=True), "score", "network", "frames", "generated")
        for each in PROTOCOLS.values():
            network, score = f"{each.network}, {each.layer}", each.score.replace("_", " ")
            frames = f"{each.frames} {each.position}" if each.frames > 1 else "pictures"
            table.add_row(each.name, score, network, frames, each.amount())
        Console().print(table)
    else:
        protocol = find_protocol(name)
        sys.stdout.write((json.dumps(asdict(protocol), indent=2) if as_json else str(protocol)) + "\n")


def compare_results(results: tyro.conf.Positional[tuple[Path, ...]], /) -> None:
    """Results beside one another; results of different protocols, networks or scores are refused.

    python -m vg_metrics compare ours.json mocogan.json vgan.json

    Args:
        results: JSON files of two or more results.
    """
    loaded = [Result.load(path) for path in results]
    values = compare(*loaded)
    table = Table("score", *(str(path) for path in results), title=loaded[0].title, caption=Text(loaded[0].label))
    for name, figures in values.items():
        table.add_row(name, *("" if figure is None else f"{figure:.6g}" for figure in figures))
    for side in loaded[0].counts:
        table.add_row(f"number of {side}", *(str(result.counts.get(side, "")) for result in loaded))
    table.add_row("complete", *("yes" if result.complete else "no" for result in loaded))
    Console().print(table)
