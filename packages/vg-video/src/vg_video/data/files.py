"""Whole files or none: writing that never leaves half a file behind."""

import os
import uuid
from pathlib import Path


def write_atomically(path: Path | str, data: bytes) -> None:
    """Write `data` to `path`; a reader, or a crash, sees the old file or the new one, never a part.

    Raises:
        OSError: when the folder is missing or the disk is full; `path` is then as it was.
    """
    path = Path(path)
    temporary = path.with_name(
        f".{path.name[:80]}.{uuid.uuid4().hex}.tmp"
    )  # unique: threads and ranks may write at once
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
