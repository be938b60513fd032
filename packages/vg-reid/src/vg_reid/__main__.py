"""`python -m vg_reid embed | index | search | evaluate`."""

import sys
import warnings
from collections.abc import Callable, Sequence

import tyro

from vg_reid import commands

DESCRIPTION = "Person re-identification from photos on disk: embed them, index them, search in them, score an encoder."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a user's error is one line on stderr and exit code 2."""
    functions: dict[str, Callable[..., None]] = {
        "embed": commands.embed,
        "index": commands.index,
        "search": commands.search,
        "evaluate": commands.evaluate,
    }
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Image size")  # PIL's; too large images are an error of ours
            tyro.extras.subcommand_cli_from_dict(
                functions,
                prog="python -m vg_reid",
                description=DESCRIPTION,
                args=argv,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
