"""`vg-train fit` for chapter 6: a folder of person images and settings in, a run folder with a trained model out."""

from pathlib import Path

from vg_train.checkpoint import restore
from vg_train.devices import start_engine
from vg_train.reid.run import LAST, MODEL, Run
from vg_train.reid.systems import find_system
from vg_train.reid.training import Fit, System
from vg_train.settings import check_folder, parse, plain, write_config

HELP = """\
Train {title}.

Settings come from a preset, and each can be changed by its own flag. A run that was stopped, or killed, goes on as if
nothing had happened:

  vg-train fit {name} --out runs/{name} --resume

{notes}"""


def command(name: str, options: list[str]) -> None:
    """`vg-train fit NAME`."""
    system = find_system(name)
    model = fit(system, parse(system, system.settings, HELP, options), ["fit", name, *options])
    print(f"the model is in {model}")


def fit(system: System, settings: Fit, words: list[str]) -> Path:
    """Train, or go on training, and keep the run folder.

    Args:
        system: what to train.
        settings: of the run.
        words: of the command line that asked for it, for the record in config.json.
    Returns:
        The model folder.
    Raises:
        ValueError, OSError: for data, settings or a folder that cannot be used; the message says what would be right.
    """
    check_folder(settings)
    engine = start_engine(settings.accelerator, 1, "32-true")
    training = system.start(settings, engine)
    if settings.resume:
        restore(settings.out / LAST, training.state.load_state_dict, training.data)
    run = Run(settings.out, training, settings.keep)  # before config.json: what it refuses has begun no run
    if not settings.resume:
        write_config(settings.out, system, plain(settings), training.data, words)
    with run:
        for step in training.steps():
            run.after_step(step)
    return settings.out / MODEL
