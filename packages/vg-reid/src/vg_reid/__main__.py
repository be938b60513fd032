"""`python -m vg_reid embed | index | search | compare | evaluate | check | project | views | view-quality`."""

import sys
import warnings
from collections.abc import Callable, Sequence

import tyro

from vg_reid.commands import embed, evaluate, project, search, views

DESCRIPTION = """Person re-identification from photos on disk: vectors, galleries, search, scores, views.

For a start: `index PHOTOS -o GALLERY --model MODEL`, then `search GALLERY PHOTO --model MODEL`. Each command has a
--help of its own.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a user's error is one line on stderr and exit code 2."""
    functions: dict[str, Callable[..., None]] = {
        "embed": embed.embed,
        "index": embed.index,
        "search": search.search,
        "compare": search.compare,
        "evaluate": evaluate.evaluate,
        "check": evaluate.check,
        "project": project.project,
        "views": views.views,
        "view-quality": views.view_quality,
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
    except ModuleNotFoundError:
        raise
    except (ValueError, OSError, ImportError) as error:  # an ImportError of ours names a missing extra
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
