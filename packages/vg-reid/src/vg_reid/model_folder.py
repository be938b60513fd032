"""Model folders of the nets: config.json and model.safetensors, written whole or not at all."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, ClassVar, Self

from huggingface_hub import PyTorchModelHubMixin, snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from vg_reid.files import atomic_folder


class SavedModel(nn.Module, PyTorchModelHubMixin):
    """A net made from one frozen dataclass `config`, whose field `system` says whose folder it is.

    Attributes:
        config_type: the class of that dataclass; its defaults are a valid config.
    """

    config_type: ClassVar[type[Any]]

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None) -> Self:  # type: ignore[override]
        """Load a model folder, or a model of the Hugging Face hub by its name, in eval mode.

        Args:
            source: the folder or the name.
            revision: of the model on the hub.
        Raises:
            FileNotFoundError: if the folder lacks config.json or model.safetensors.
            ValueError: if they belong to another system, are damaged, or do not fit together.
        """
        folder = Path(source)
        if isinstance(source, Path) and not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} is no folder: wanted a model folder with config.json and model.safetensors"
            )
        if not folder.is_dir():
            folder = Path(snapshot_download(str(source), revision=revision, allow_patterns=["*.json", "*.safetensors"]))
        model = cls(_read_config(folder, cls.config_type))
        weights = _require(folder, "model.safetensors")
        try:
            model.load_state_dict(load_file(weights))
        except SafetensorError as error:
            raise ValueError(f"{weights} is damaged ({error}): wanted a whole safetensors file") from None
        except RuntimeError as error:
            raise ValueError(f"{weights} does not fit its config.json: {shorten(str(error), 300)}") from None
        return model.eval()

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> str | None:  # the mixin's own signature
        """Write config.json and model.safetensors; a model already in the folder stays loadable throughout.

        Args:
            save_directory: the model folder.
            options: as in huggingface_hub's PyTorchModelHubMixin.save_pretrained.
        """
        with atomic_folder(Path(save_directory)) as staging:
            return super().save_pretrained(staging, **options)


def config_from(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Build a config from what JSON says of it: dataclasses in it from mappings, tuples from lists.

    Args:
        kind: the dataclass.
        values: its fields by name, without `system`; a field that is not there has its default.
    Raises:
        TypeError: for an unknown field.
        ValueError: for a value that the dataclass refuses.
    """
    nested = {field.name: field.type for field in fields(kind) if is_dataclass(field.type)}
    built = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and name in nested:
            value = config_from(nested[name], value)  # type: ignore[arg-type]  # a class, as is_dataclass says
        built[name] = tuple(value) if isinstance(value, list) else value
    return kind(**built)


def _read_config(folder: Path, kind: type[Any]) -> Any:
    path = _require(folder, "config.json")
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    system = values.pop("system", None) if isinstance(values, dict) else None
    wanted = kind().system
    if system != wanted:
        raise ValueError(f"{path} is of system {system!r}, wanted {wanted!r}")
    try:
        return config_from(kind, values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def _require(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: wanted a model folder with config.json and model.safetensors")
    return path
