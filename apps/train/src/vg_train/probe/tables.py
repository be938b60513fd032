"""The report of a probe as tables to print."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

Json = Mapping[str, Any]


def obedience_table(report: Json) -> Table | Text:
    """For each label asked for, how often each was told."""
    result, known = report["obedience"], report["probe"]
    if result is None:
        return Text("Label obedience: not measured, the model has no labels.")
    told = list(next(iter(result["confusion"].values())))
    table = Table(title=f"Label obedience: {_share(result['obeyed'])}", caption=_told_about(result, known))
    for heading in ("asked for", *told):
        table.add_column(heading, justify="right" if heading in told else "left")
    for label, row in result["confusion"].items():
        table.add_row(label, *(f"[b]{row[other]}[/b]" if other == label else str(row[other]) for other in told))
    return table


def disentanglement_table(report: Json) -> Table | Text:
    """For each factor, which part of the input explains how much of its variance."""
    result, known = report["disentanglement"], report["probe"]
    if result is None:
        return Text("Disentanglement: not measured, the model has one noise for appearance and motion.")
    table = Table(
        title=f"Disentanglement: {result['looks']} looks x {result['motions']} motions",
        caption="Percent of a factor's variance in the clips of the model that its appearance inputs "
        f"({', '.join(result['appearance_inputs'])}) explain, its motion inputs, and the label among these. Built-in: "
        "appearance and motion of real clips. Spread: variance, that of real clips is 1. Probe: how well it reads real "
        "clips.",
    )
    for heading in ("factor", "probe", "spread", "appearance", "motion", "label", "built-in"):
        table.add_column(heading, justify="left" if heading == "factor" else "right")
    for side in ("appearance", "motion"):
        table.add_row(f"[b]of {side}[/b]")
        for name, row in result["factors"].items():
            if row["side"] == side:
                shares = _percents(row["model"], "appearance", "motion", "label")
                best = " / ".join(_percents(row["built_in"], "appearance", "motion"))
                table.add_row(name, _skill(known[name]), f"{row['spread']:.2f}", *shares, best)
        table.add_section()
    return table


def _percents(shares: Json | None, *names: str) -> list[str]:
    """Shares in percent; a dash for each if there are none."""
    return [f"{100 * shares[name]:.0f}" if shares else "-" for name in names]


def _skill(known: Json) -> str:
    """How well the probe reads a factor."""
    return f"R² {known['r2']:.2f}" if "r2" in known else f"{known['share']:.0%}"


def _share(found: Json) -> str:
    return f"{found['share']:.1%} of {found['count']} clips ({found['low']:.1%} to {found['high']:.1%})"


def _told_about(result: Json, known: Json) -> str:
    """What the figures are to be held against."""
    above = "above" if result["above_twice_chance"] else "not above"
    lines = [
        f"95 % interval {above} twice chance ({2 * result['chance']:.1%}).",
        f"Of real clips the probe tells {_share(known['label'])}.",
    ]
    if "first_frame" in result:
        control = result["first_frame"]
        lines.append(
            f"Of their first frames alone it tells the label asked for in {_share(control['asked'])}, "
            f"that of the frame's own clip in {_share(control['own'])}."
        )
    return " ".join(lines)
