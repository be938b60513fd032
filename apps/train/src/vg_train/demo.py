"""`vg-train demo`: the whole of vg on built-in data, from nothing to one page to look at."""

import dataclasses
import itertools
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tyro
from vg_layers.configs import config_dict
from vg_metrics.features import video_features
from vg_video import g3an
from vg_video.data.clips import ClipDataset
from vg_video.data.codec import write_video
from vg_video.data.synthetic import SyntheticActions
from vg_video.data.transforms import to_uint8
from vg_video.models import load_generator

from vg_train.data import Examples
from vg_train.devices import start_engine
from vg_train.evaluate import evaluate
from vg_train.files import write_json
from vg_train.fit import fit
from vg_train.persons import rank_persons
from vg_train.provenance import provenance
from vg_train.recipes import g3an as recipes
from vg_train.report import write_page
from vg_train.run import FPS
from vg_train.systems import Fit, find_system

MARK = "demo.json"  # tells a folder of the demo from others
WARM_UP, TIMED = 4, 16  # steps; an R1 penalty falls into every eighth
SHOWN = 8  # clips of each kind on the page


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Train, sample and score G3AN on built-in moving figures, rank built-in photos of persons, and show it on a page.

    Needs no data and no network, and about eight minutes on two cores. A demo that is already in the folder is
    deleted first; all figures of the page are made anew.

      vg-train demo
    """

    out: Path = Path("runs/demo")
    """Folder to write; the page is index.html in it."""
    minutes: float = 5.0
    """Time for the training of G3AN; the rest takes about two more."""
    steps: int | None = None
    """Training steps; by default as many as fit into --minutes, measured first."""
    videos: int = 320
    """Videos of figures to train on."""
    figures: int = 2
    """Different persons in them."""
    score_clips: int = 32
    """Clips of each kind in the scores."""
    persons: int = 40
    """Persons in the photos, half of them for query and gallery."""
    seed: int = 4
    """Of everything drawn; 4 gives two figures that stand out from their rooms."""


def command(options: list[str]) -> None:
    """`vg-train demo`."""
    page = demo(tyro.cli(Demo, prog="vg-train demo", args=options), ["demo", *options])
    print(f"the page: {page.resolve()}")


def demo(settings: Demo, words: list[str]) -> Path:
    """Run the demo.

    Args:
        settings: sizes and folder.
        words: of the command line that asked for it, for the record.
    Returns:
        The page.
    Raises:
        ValueError: if the folder holds something else.
        OSError: if it cannot be written.
    """
    out, seconds = settings.out, dict[str, float]()
    _make_room(out)
    write_json(out / MARK, {"settings": config_dict(settings) | {"out": str(out)}})

    with _stage(seconds, "data", f"drawing {settings.videos} videos of {settings.figures} figures"):
        videos = out / "data" / "figures"
        figures = SyntheticActions(settings.seed, frames=32, identities=settings.figures)
        figures.write_folder(videos, settings.videos)
        dataset = ClipDataset(videos, recipes.demo(TIMED).clips)
    with _stage(seconds, "training", "training G3AN"):
        model = _train(settings, videos, dataset, words)
    with _stage(seconds, "scoring", "sampling and scoring"):
        _score(settings, dataset, model)
    with _stage(seconds, "persons", f"ranking photos of {settings.persons} persons"):
        (out / "persons").mkdir()
        rank_persons(out / "data" / "persons", out / "persons", settings.persons, settings.seed)

    write_json(
        out / MARK,
        {
            "settings": config_dict(settings) | {"out": str(out)},
            "seconds": {name: round(value, 1) for name, value in seconds.items()},
            "provenance": provenance(words),
        },
    )
    return write_page(out)


def _make_room(out: Path) -> None:
    """An empty folder; an older demo in it is deleted, anything else is refused."""
    if (out / MARK).exists():
        print(f"{out}: deleting the demo that was there")
        shutil.rmtree(out)
    elif out.exists() and any(out.iterdir()):
        raise ValueError(f"{out}: holds something that is no demo; name another --out")
    out.mkdir(parents=True, exist_ok=True)


@contextmanager
def _stage(seconds: dict[str, float], name: str, title: str) -> Iterator[None]:
    """Say what happens, and note how long it took."""
    print(f"{title} ...", flush=True)
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def _train(settings: Demo, videos: Path, dataset: ClipDataset, words: list[str]) -> Path:
    """Train for the time there is; the model folder."""
    recipe = recipes.demo(settings.steps or _affordable_steps(settings, dataset))
    run = Fit[g3an.G3ANConfig](
        data=videos,
        preset="tiny",
        out=settings.out / "g3an",
        seed=settings.seed,
        keep=recipe.keep,
        clips=recipe.clips,
        config=recipe.config,
    )
    return fit(find_system("g3an"), run, words)


def _affordable_steps(settings: Demo, dataset: ClipDataset) -> int:
    """How many steps fit into the minutes, from a few steps of a training that is thrown away."""
    config = recipes.demo(WARM_UP + TIMED).config
    state = g3an.TrainState(config, settings.seed, start_engine("auto", 1, "32-true"))
    steps = g3an.train(state, dataset.batches(config.batch_size, seed=settings.seed))
    for _ in itertools.islice(steps, WARM_UP):
        pass
    start = time.perf_counter()
    for _ in steps:
        pass
    count = int(60 * settings.minutes * TIMED / (time.perf_counter() - start))
    return max(count // 10 * 10, 10)


def _score(settings: Demo, dataset: ClipDataset, model: Path) -> None:
    """Scores of the untrained and the trained generator, and clips for the page."""
    out, seed = settings.out, settings.seed
    trained = load_generator(model)
    untrained = g3an.TrainState(dataclasses.replace(g3an.tiny(), generator=trained.config), seed).generator
    models = {"untrained": untrained, "trained": trained}
    report = evaluate(models, dataset, video_features("random"), count=settings.score_clips, seed=seed)
    write_json(out / "scores.json", report)
    (out / "clips").mkdir()
    real = Examples.draw(dataset, SHOWN, seed=seed).video
    for kind, clips in {"real": real, "generated": g3an.sample(trained, SHOWN, seed=seed)}.items():
        for i, frames in enumerate(to_uint8(clips)):
            write_video(out / "clips" / f"{kind}_{i}.gif", frames, FPS)
