"""`vg-train`: picks the command, and turns what a user can put right into one line and exit code 2."""

import shlex
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial

Command = Callable[[list[str]], None]  # what takes the options

SYSTEMS = ("imaginator", "g3an", "mintgan", "vgan", "tgan", "mocogan")
PERSON_SYSTEMS = ("gcl", "jvtc", "mmcl", "act", "source", "cluster-contrast", "body")
COMMANDS = (
    *(f"fit {system}" for system in (*SYSTEMS, *PERSON_SYSTEMS)),
    *("sample", "evaluate", "compare", "probe", "check", "preprocess faces"),
    *("synth actions", "synth faces", "synth robot", "synth persons", "demo", "ablate gcl"),
)
HELP = """\
usage: vg-train COMMAND [options]

Train, sample and score the systems of vg.

  fit SYSTEM      train imaginator (chapter 3 of the thesis), g3an (4), mintgan (5), vgan, tgan or mocogan on videos
  fit SYSTEM      train gcl (6), its warm-ups jvtc, mmcl, act, source and cluster-contrast on photos of persons, or body
  sample          draw films from a trained model
  evaluate        score a model against a folder of videos
  compare         train several systems on the same videos and score them alike
  probe           measure whether a model obeys labels, and what its inputs decide
  check           tell whether a dataset is complete, and what is missing or damaged
  preprocess      faces: cut the faces out of videos
  synth           actions, faces, robot: write built-in videos of moving figures, expressions, or a robot's arm
  synth persons   write built-in photos of persons
  ablate gcl      train gcl with one loss after another, several seeds each, and compare (table 6.3)
  demo            all of it on built-in data, ending in one page to look at

From a folder of videos to films of one's own:

  vg-train fit g3an --data videos --preset tiny --out runs/first
  vg-train sample runs/first/model --n 8 --out films
  vg-train evaluate runs/first/model --data videos

No videos at hand? `vg-train synth actions videos` writes some.
`vg-train COMMAND --help` tells the rest.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after `vg-train`; None takes those of this process.
    Returns:
        The exit code: 0, 2 for an error that the user can put right (told in one line), 130 after ctrl-C.
        An unknown flag ends in SystemExit(2) from tyro, which names the nearest flag.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        command, options = _command(words)
        command(options)
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _command(words: list[str]) -> tuple[Command, list[str]]:
    """The function for these words and what is left of them; imported only now, so that --help is quick."""
    command: Command | None
    match words:
        case [] | ["-h" | "--help", *_]:
            return _help, words
        case ["fit" | "synth" | "preprocess" | "ablate", *rest] if rest[:1] in ([], ["-h"], ["--help"]):
            return _help, words
        case ["fit", system, *options] if system in SYSTEMS:
            from vg_train.fit import command as fit

            command = partial(fit, system)
        case ["fit", system, *options] if system in PERSON_SYSTEMS:
            from vg_train.reid.fit import command as fit

            command = partial(fit, system)
        case ["ablate", "gcl", *options]:
            from vg_train.reid.ablate import command
        case ["synth" | "preprocess", _, *options]:
            command = _data_command(words)
        case [_, *options]:
            command = _model_command(words[0])
    if command is None:
        raise ValueError(f"{shlex.join(words[:2])}: there is no such command{_nearest(words)}; see vg-train --help")
    return command, options


def _model_command(word: str) -> Command | None:
    """The commands of one word."""
    command: Command
    match word:
        case "sample":
            from vg_train.sample import command
        case "evaluate":
            from vg_train.evaluate import command
        case "compare":
            from vg_train.compare import command
        case "probe":
            from vg_train.probe.command import command
        case "check":
            from vg_train.check import command
        case "demo":
            from vg_train.demo import command
        case _:
            return None
    return command


def _data_command(words: list[str]) -> Command | None:
    """The commands that make data."""
    command: Command
    match words[:2]:
        case ["preprocess", "faces"]:
            from vg_train.preprocess import faces as command
        case ["synth", "actions"]:
            from vg_train.synth import actions as command
        case ["synth", "faces"]:
            from vg_train.synth import faces as command
        case ["synth", "robot"]:
            from vg_train.synth import robot as command
        case ["synth", "persons"]:
            from vg_train.synth import persons as command
        case _:
            return None
    return command


def _help(words: list[str]) -> None:
    """The list of the commands."""
    print(HELP, end="")


def _nearest(words: list[str]) -> str:
    """The command that was perhaps meant."""
    near = get_close_matches(" ".join(words[:2]), COMMANDS, n=1) or get_close_matches(words[0], COMMANDS, n=1)
    return f", perhaps you meant {near[0]!r}" if near else ""
