"""Files that are whole or absent: written beside their place, then renamed into it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_atomically(path: Path, data: bytes) -> None:
    """Write a temporary file beside `path`, flush it to the disk and put it in the place of `path`.

    A reader sees the old file or the new one, never a part of either; on failure the old one stays. The temporary
    name is always the same, so that a killed process leaves at most one such file, which the next save replaces.

    Raises:
        OSError: if the file cannot be written, for example on a full disk; the message names `path`.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        kept = "the file that was there is kept" if path.exists() else "nothing was written"
        raise OSError(f"{path}: cannot be saved ({error.strerror}); {kept}") from error


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object atomically, indented for people."""
    write_atomically(path, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a JSON object; the message names the file.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: is not JSON ({error})") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path}: holds a JSON {type(data).__name__}, wanted an object")
    return data


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings of a run from its config.json, lists as the tuples that they were.

    Raises:
        FileNotFoundError, ValueError: as `read_json`, and if there are none in it.
    """
    settings = read_json(path).get("settings")
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: holds no settings of a run")
    return {name: _tuples(value) for name, value in settings.items()}


def _tuples(value: Any) -> Any:
    """JSON knows lists only, settings know tuples only."""
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
