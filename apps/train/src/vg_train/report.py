"""The page of the demo: every figure on it is read from the files of the demo's folder."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from safetensors import safe_open

from vg_train import log
from vg_train.charts import legend, line_chart
from vg_train.files import read_json, write_atomically
from vg_train.run import LOG, MODEL
from vg_train.settings import CONFIG

TEMPLATE = Path(__file__).with_name("page.html")
RUN, SCORES, PERSONS = "g3an", "scores.json", "persons"  # in the folder, beside demo.json and clips/
LOSSES = {
    "video_discriminator": "discriminator, clips",
    "image_discriminator": "discriminator, frames",
    "generator_video": "generator, clips",
    "generator_image": "generator, frames",
}

Json = Mapping[str, Any]


def write_page(folder: Path) -> Path:
    """Write index.html from what lies in the folder of a demo.

    Args:
        folder: with demo.json, scores.json, g3an/, clips/ and persons/.
    Returns:
        The page; it shows files of the folder and asks for nothing else.
    Raises:
        FileNotFoundError, ValueError: if a file is missing or damaged.
    """
    demo, config = read_json(folder / "demo.json"), read_json(folder / RUN / CONFIG)
    scores, persons = read_json(folder / SCORES), read_json(folder / PERSONS / "scores.json")
    fields = (
        _overview(folder, demo, config)
        | _pictures(folder)
        | _curves(list(log.read(folder / RUN / LOG)))
        | _scores(scores)
        | _persons(persons)
        | {"told": _told(demo, config, scores), "folder": escape(demo["settings"]["out"])}
    )
    page = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(fields)
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


def _overview(folder: Path, demo: Json, config: Json) -> dict[str, object]:
    """The figures at the top."""
    with safe_open(folder / RUN / MODEL / "model.safetensors", framework="np") as model:
        parameters = sum(math.prod(model.get_slice(name).get_shape()) for name in model.keys())  # noqa: SIM118 (no dict)
    return {
        "total": _duration(sum(demo["seconds"].values())),
        "training": _duration(demo["seconds"]["training"]),
        "steps": f"{config['settings']['config']['steps']:,}",
        "videos": config["data"]["videos"],
        "actions": len(config["data"]["classes"]),
        "figures": demo["settings"]["figures"],
        "identities": demo["settings"]["persons"],
        "parameters": f"{parameters / 1e6:.2f} M",
        "seed": demo["settings"]["seed"],
    }


def _pictures(folder: Path) -> dict[str, object]:
    """Clips that play, samples over the training, and rankings: each a file of the folder."""
    clips = {kind: sorted((folder / "clips").glob(f"{kind}_*.gif")) for kind in ("real", "generated")}
    sheets = sorted((folder / RUN / "samples").glob("step_*.png"))
    rankings = sorted((folder / PERSONS).glob("ranking_*.png"))
    return {
        "shown": len(clips["generated"]),
        "growth": "\n".join(
            f'<div>step {int(path.stem[5:])}<span class="strip">{_image(folder, path, "samples")}</span></div>'
            for path in sheets
        ),
        "rankings": "\n".join(_image(folder, path, "a query and its matches", "ranking") for path in rankings),
    } | {kind: "\n".join(_image(folder, path, f"{kind} clip") for path in paths) for kind, paths in clips.items()}


def _image(folder: Path, path: Path, text: str, kind: str = "") -> str:
    return f'<img src="{path.relative_to(folder).as_posix()}" alt="{text}" class="{kind}">'


def _curves(records: Sequence[Json]) -> dict[str, object]:
    """Losses and quick score over the steps."""
    losses = [record for record in records if "losses" in record]
    scores = [record for record in records if "score" in record]
    loss_lines = {
        title: [(record["step"], record["losses"][name]) for record in losses] for name, title in LOSSES.items()
    }
    score_lines = {
        name: [(record["step"], record["score"][name]) for record in scores] for name in ("score", "look", "motion")
    }
    return {
        "losses": line_chart(loss_lines, x_title="steps"),
        "losses_legend": legend(list(loss_lines)),
        "score": line_chart(score_lines, x_title="steps", logarithmic=True),
        "score_legend": legend(list(score_lines)),
        "best": min(scores, key=lambda record: record["score"]["score"])["step"],
    }


def _scores(report: Json) -> dict[str, object]:
    """The table of scores, the trained generator marked."""
    rows = [
        f"<tr{_mark(name == 'trained')}><td>{escape(name)}</td><td>{row['frechet_distance']:.4g}</td>"
        f"<td>{row['kernel_distance']:.3g} ± {row['kernel_distance_error']:.1g}</td>"
        f"<td>{row['motion_map_distance']:.4g}</td><td>{row['motion_energy']:.2f}</td></tr>"
        for name, row in report["scores"].items()
    ]
    protocol = report["protocol"]
    return {
        "scores": "\n".join(rows),
        "clips": protocol["clips"],
        "features_label": escape(protocol["features_label"]),
        "real_energy": f"{next(iter(report['scores'].values()))['motion_energy_of_real']:.2f}",
    }


def _persons(report: Json) -> dict[str, object]:
    """The table of the ranking, beside one in random order."""
    encoder = report["encoder"]
    rows = {"untrained encoder": encoder, "random order": report["chance"]}
    table = [
        f"<tr{_mark(row is encoder)}><td>{name}</td>"
        + "".join(f"<td>{row[key]:.1%}</td>" for key in ("map", "rank1", "rank5", "rank10"))
        + "</tr>"
        for name, row in rows.items()
    ]
    return {
        "reid": "\n".join(table),
        "queries": encoder["queries"],
        "valid": encoder["valid_queries"],
        "gallery": encoder["gallery"],
        "encoder": escape(encoder["encoder"]),
    }


def _told(demo: Json, config: Json, scores: Json) -> str:
    """How all of it was obtained, as rows of a table."""
    origin, settings, protocol = demo["provenance"], config["settings"], scores["protocol"]
    cut = protocol["cut"]
    seconds = ", ".join(f"{name} {_duration(value)}" for name, value in demo["seconds"].items())
    rows = {
        "command": f"<code>{escape(origin['command'])}</code>",
        "machine": escape(origin["machine"]),
        "made": f"{escape(origin['time'])}; {seconds}",
        "training": f"recipe demo of vg_train/recipes/g3an.py, {settings['config']['steps']} steps of "
        f"{settings['config']['batch_size']} clips, seed {settings['seed']}, {settings['precision']}",
        "scores": f"{protocol['clips']} clips a kind of {cut['frames']} frames, time step {cut['steps'][0]} to "
        f"{cut['steps'][1]}, {cut['resolution']} pixels, seed {protocol['seed']}; {escape(protocol['features'])}, "
        f"weights sha256 {protocol['features_checksum'][:12]}",
        "data": f"{protocol['videos']} videos, sha256 {protocol['data'][:12]}",
        "versions": escape(", ".join(f"{name} {version}" for name, version in origin["versions"].items())),
        "files": f"demo.json, {RUN}/{CONFIG}, {RUN}/{LOG}, {SCORES}, {PERSONS}/scores.json in the folder of this page",
    }
    return "\n".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in rows.items())


def _mark(chosen: bool) -> str:
    return ' class="mark"' if chosen else ""


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
