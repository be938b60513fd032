"""Settings as frozen dataclasses: to plain values and back, and the checks that they share."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

C = TypeVar("C")


def config_dict(config: Any) -> dict[str, Any]:
    """A config as plain dicts, lists and scalars, ready for JSON; `from_dict` turns it back."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def from_dict(kind: type[C], values: Mapping[str, Any]) -> C:
    """A config of class `kind` from what `config_dict` gave.

    Raises:
        ValueError: if a name is unknown or a value is not allowed.
    """
    types = {f.name: f.type for f in dataclasses.fields(cast(Any, kind))}
    if unknown := sorted(values.keys() - types.keys()):
        raise ValueError(f"unknown settings {unknown}, wanted only {sorted(types)}")
    return kind(**{name: _typed(types[name], value) for name, value in values.items()})


def check_positive(config: Any, *names: str) -> None:
    """Refuse (ValueError) settings of these names that are not above 0."""
    for name in names:
        if getattr(config, name) <= 0:
            raise ValueError(f"{name}={getattr(config, name)}, wanted a positive number")


def check_at_least(config: Any, least: float, *names: str) -> None:
    """Refuse (ValueError) settings of these names that are below `least`."""
    for name in names:
        if getattr(config, name) < least:
            raise ValueError(f"{name}={getattr(config, name)}, wanted at least {least}")


def check_one_of(config: Any, name: str, *allowed: str) -> None:
    """Refuse (ValueError) a setting that is none of the allowed words."""
    if getattr(config, name) not in allowed:
        raise ValueError(f"{name}={getattr(config, name)!r}, wanted one of {', '.join(allowed)}")


def check_distinct(config: Any, name: str) -> None:
    """Refuse (ValueError) a tuple of names in which one comes twice."""
    values = getattr(config, name)
    if len(set(values)) != len(values):
        raise ValueError(f"{name}={values}, wanted distinct names")


def _plain(value: Any) -> Any:
    """What JSON has for a setting."""
    if dataclasses.is_dataclass(value):
        return config_dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _typed(kind: Any, value: Any) -> Any:
    """What JSON had, as the field of that type has it; the type may be optional or annotated."""
    options = (kind, *get_args(kind))
    if isinstance(value, Mapping):
        found = [option for option in options if dataclasses.is_dataclass(option)]
        return from_dict(cast(type, found[0]), value) if found else value
    return Path(value) if isinstance(value, str) and Path in options else value
