"""The procedures of chapter 6 that can be trained."""

from vg_train.cli import PERSON_SYSTEMS
from vg_train.reid.training import System


def find_system(name: str) -> System:
    """A procedure by its name; only that one is imported.

    Raises:
        ValueError: if there is none of that name.
    """
    match name:
        case "gcl":
            from vg_train.reid.gcl import SYSTEM

            return SYSTEM
        case "body":
            from vg_train.reid.body import SYSTEM

            return SYSTEM
        case "jvtc" | "mmcl" | "act" | "source" | "cluster-contrast":
            from vg_train.reid.warmups import WARMUPS

            return WARMUPS[name]
    raise ValueError(f"{name!r} is no system, wanted one of {', '.join(PERSON_SYSTEMS)}")
