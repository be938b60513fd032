"""`vg-train ablate gcl`: table 6.3 with several seeds, in one command that goes on where it was stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro
from vg_reid import Embedder, gcl

from vg_train.devices import Accelerator
from vg_train.files import read_json, write_atomically, write_json
from vg_train.provenance import provenance
from vg_train.recipes import gcl as recipes
from vg_train.reid.fit import fit
from vg_train.reid.gcl import FitGCL
from vg_train.reid.people import describe_data, has_matches, read_training
from vg_train.reid.run import LAST, LOG, MODEL, SCORE
from vg_train.reid.systems import find_system
from vg_train.reid.table import BASELINE, ROWS, Row, Score, compare, markdown
from vg_train.reid.training import Fit
from vg_train.reid.warmups import FitJVTC
from vg_train.settings import CONFIG, plain

PROTOCOL, TABLE = "protocol.json", "table"


@dataclass(frozen=True, kw_only=True)
class Ablate:
    """Train GCL with one loss after another, several seeds each, and compare the rows of table 6.3.

    For each seed E_id is warmed up once by JVTC, which is the baseline, and the View Generator once; all rows of the
    seed start from them and have as many steps. Data, seeds and settings are written to protocol.json before the first
    run. What is done already is not done again: call it once more after a stop.

      vg-train ablate gcl --data people --projections projections --encoder runs/others/model --out runs/table
    """

    data: Path
    """Folder of person images with queries and gallery."""
    projections: Path
    """Folder of their projections, as `python -m vg_reid project` writes it."""
    encoder: Path | None = None
    """Model folder of E_id that stage 1 starts from, as the thesis starts from ImageNet's weights; else at random."""
    out: Path = Path("runs/ablate")
    """Folder to write: runs below seed_0, seed_1, ..., then table.md and table.json."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of weights and draws; each row is trained once for each."""
    accelerator: Accelerator = "auto"
    """What to train on."""


def command(options: list[str]) -> None:
    """`vg-train ablate gcl`."""
    settings = tyro.cli(Ablate, prog="vg-train ablate gcl", args=options)
    print(ablate(settings, ["ablate", "gcl", *options]))


def ablate(settings: Ablate, words: list[str]) -> str:
    """Train and score what is not there yet.

    Returns:
        The table, in Markdown.
    Raises:
        ValueError, OSError: as `fit`, or if the folder holds runs of another protocol.
    """
    if not settings.seeds or len(set(settings.seeds)) != len(settings.seeds):
        raise ValueError(f"seeds {settings.seeds}, wanted one or more, all different")
    _keep_protocol(settings, words)
    scores: dict[str, list[Score]] = {row.name: [] for row in (BASELINE, *ROWS)}
    for seed in settings.seeds:
        for name, score in _one_seed(settings, seed, words).items():
            scores[name].append(score)
    results = compare(scores)
    table = markdown(results)
    rows = [result.as_json() for result in results]
    write_json(settings.out / f"{TABLE}.json", {"seeds": list(settings.seeds), "rows": rows})
    write_atomically(settings.out / f"{TABLE}.md", table.encode())
    return table


def _keep_protocol(settings: Ablate, words: list[str]) -> None:
    """Write down what will be run, or see that it is what was written down."""
    people = read_training(settings.data)
    if not has_matches(people):
        raise ValueError(f"{settings.data} has no query with a match under another camera, wanted images to score on")
    fixed = {
        "data": describe_data(people),
        "encoder": Embedder.from_folder(settings.encoder).name if settings.encoder else "random weights",
        "seeds": list(settings.seeds),
        "warm_up": plain(recipes.ablation_warm_up().config),
        "gcl": plain(recipes.ablation()),
        "rows": [plain(row) for row in ROWS],
    }
    path = settings.out / PROTOCOL
    if not path.exists():
        settings.out.mkdir(parents=True, exist_ok=True)
        write_json(path, fixed | {"provenance": provenance(words)})
    found = read_json(path)
    if different := [key for key, value in fixed.items() if found.get(key) != value]:
        raise ValueError(f"{path}: another {', '.join(different)} than now; name another --out")


def _one_seed(settings: Ablate, seed: int, words: list[str]) -> dict[str, Score]:
    """All rows of a seed; they share stage 1 and stage 2."""
    out = settings.out / f"seed_{seed}"
    common: dict[str, Any] = {
        "preset": "tiny",
        "data": settings.data,
        "seed": seed,
        "accelerator": settings.accelerator,
        "keep": recipes.ABLATION_KEEPING,
    }
    start, config_1 = settings.encoder, recipes.ablation_warm_up().config
    warm_up = FitJVTC(out=out / BASELINE.name, config=config_1, encoder=start, **common)
    scores = {BASELINE.name: _score("jvtc", warm_up, words)}

    config = recipes.ablation()
    stage_2 = replace(config, schedule=replace(config.schedule, joint_epochs=0))
    common |= {"projections": settings.projections, "encoder": warm_up.out / MODEL}
    views = FitGCL(out=out / "stage_2", config=stage_2, **common)
    _score("gcl", views, words)
    for row in ROWS:
        start = views.out if row.generation else None
        run = FitGCL(out=out / row.name, config=_of_row(config, row), augment=row.augment, warm_up=start, **common)
        scores[row.name] = _score("gcl", run, words)
    return scores


def _of_row(config: gcl.GCLConfig, row: Row) -> gcl.GCLConfig:
    """The settings with the losses of a row."""
    return replace(config, generation=row.generation, contrast=replace(config.contrast, terms=row.terms))


def _score(system: str, settings: Fit, words: list[str]) -> Mapping[str, float]:
    """The score of a run, which is made, or gone on with, unless it is done."""
    print(f"{settings.out}", flush=True)
    if not (settings.out / SCORE).exists():  # it is written last
        resume = (settings.out / LAST).exists()
        if not resume:  # stopped before its first checkpoint: it starts anew
            for name in (CONFIG, LOG):
                (settings.out / name).unlink(missing_ok=True)
        fit(find_system(system), replace(settings, resume=resume), words)
    return read_json(settings.out / SCORE)
