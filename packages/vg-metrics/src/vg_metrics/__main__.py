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


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 2 with one line on standard error for what the user can mend."""
    arguments = sys.argv[1:] if arguments is None else arguments
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
        try:
            shown = tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="python -m vg_metrics", args=arguments)
            if isinstance(shown, Shown):
                result = replace(shown.result, command=("python", "-m", "vg_metrics", *arguments))
                if result.shortfalls:
                    print(f"warning: {result.title}: {'; '.join(result.shortfalls)}", file=sys.stderr)
                show(Shown(result, shown.out))
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
