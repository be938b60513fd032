"""The log of a run: one JSON object a line, cut back to the last checkpoint when a run goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vg_train.files import write_atomically

Record = dict[str, Any]  # {"step": done, "losses": {...}, "steps_per_second": ...} or {"step": done, "score": {...}}


def append(path: Path, record: Record) -> None:
    """Add one line; a killed process leaves at most a cut last line, which `read` passes over."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def read(path: Path) -> Iterator[Record]:
    """Yield the records of a log; a line that is cut off ends it. No log, no records."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return


def cut_back(path: Path, step: int) -> None:
    """Keep what was logged up to a step: the steps after it will be taken, and logged, again."""
    kept = [record for record in read(path) if record["step"] <= step]
    write_atomically(path, "".join(json.dumps(record) + "\n" for record in kept).encode())
