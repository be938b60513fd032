"""`python -m vg_metrics`: scores of folders and files, printed as a table and as JSON."""

import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tyro

from vg_metrics.cli import clips, files, sets
from vg_metrics.cli.output import Shown, show

COMMANDS: dict[str, Callable[..., Any]] = {
    "video-fid": sets.video_fid,
    "kvd": sets.kvd,
    "is": sets.inception,
    "fid": sets.fid,
    "ssim": clips.ssim,
    "acd": clips.acd,
    "diversity": clips.diversity,
    "flow": clips.flow,
    "reid": files.reid,
    "protocols": files.protocols,
    "compare": files.compare_results,
}

DESCRIPTION = (
    "Scores of generated video, images and re-identification, under named protocols; each teaches with --help."
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 2 with one line on standard error for what the user can mend."""
    arguments = sys.argv[1:] if arguments is None else arguments
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: _say("warning", message)
        try:
            _run(arguments)
        except (ValueError, OSError) as error:
            _say("error", error)
            return 2
        except KeyboardInterrupt:
            _say("stopped", "no result was written")
            return 130
    return 0


def _run(arguments: list[str]) -> None:
    shown = tyro.extras.subcommand_cli_from_dict(
        COMMANDS,
        prog="python -m vg_metrics",
        description=DESCRIPTION,
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    if isinstance(shown, Shown):
        result = replace(shown.result, command=("python", "-m", "vg_metrics", *arguments))
        if result.shortfalls:
            _say("warning", f"{result.title}: {'; '.join(result.shortfalls)}")
        show(Shown(result, shown.out))


def _say(kind: str, message: object) -> None:
    """One line on standard error."""
    print(f"{kind}: {' '.join(str(message).split())}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
