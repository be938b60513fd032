"""`vg-train`: picks the command, and turns what a user can put right into one line and exit code 2."""

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches

HELP = """\
usage: vg-train COMMAND [options]

Train, sample and score the systems of vg.

  fit g3an      train G3AN (chapter 4 of the thesis) on a folder of videos
  sample        draw videos from a trained model
  evaluate      score a model against a folder of videos
  synth         write built-in data: moving figures, or photos of persons
  demo          all of it on built-in data, ending in one page to look at

From a folder of videos to a film of one's own:

  vg-train fit g3an --data videos --preset tiny --out runs/first
  vg-train sample runs/first/model --n 8 --out films
  vg-train evaluate runs/first/model --data videos

No videos at hand? `vg-train synth figures videos` writes some.
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
    if not words or words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0 if words else 2
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


def _command(words: list[str]) -> tuple[Callable[[list[str]], None], list[str]]:
    """The function for these words and what is left of them; imported only now, so that --help is quick."""
    match words:
        case ["fit", "g3an", *options]:
            from vg_train.fit import command
        case ["fit", *rest]:
            raise ValueError(f"fit {' '.join(rest[:1]) or '(nothing)'}: there is no such system, wanted: fit g3an")
        case ["sample", *options]:
            from vg_train.sample import command
        case ["evaluate", *options]:
            from vg_train.evaluate import command
        case ["synth", *options]:
            from vg_train.synth import command
        case ["demo", *options]:
            from vg_train.demo import command
        case [unknown, *_]:
            near = get_close_matches(unknown, ("fit", "sample", "evaluate", "synth", "demo"), n=1)
            hint = f"perhaps you meant {near[0]!r}" if near else "wanted fit, sample, evaluate, synth or demo"
            raise ValueError(f"{unknown!r} is not a command: {hint}")
    return command, options
