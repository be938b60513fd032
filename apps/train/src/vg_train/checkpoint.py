"""One file a checkpoint: tensors in safetensors, everything else as JSON in the same file's header."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vg_train.files import write_atomically

HEADER_KEY = "vg"  # the entry of the safetensors header that holds the JSON


@dataclass(frozen=True)
class Checkpoint:
    """All that a training run needs to go on."""

    tensors: dict[str, Tensor]
    meta: dict[str, Any]


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint; tensors and JSON cannot get apart, since they are one file.

    Args:
        path: the file; an older one is replaced only after the new one lies on the disk whole.
        tensors: by name, on any device.
        meta: whatever JSON can hold.
    Raises:
        OSError: if it cannot be written; the checkpoint that was there before is kept.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(plain, metadata={HEADER_KEY: json.dumps(meta)}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote; nothing in the file can run code.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or is not a checkpoint; the message names it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            meta = (file.metadata() or {}).get(HEADER_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise ValueError(f"{path}: is damaged ({error}); copy another checkpoint of the run over it") from error
    if meta is None:
        raise ValueError(f"{path}: is no checkpoint of a run, its header has no {HEADER_KEY!r} entry")
    return Checkpoint(tensors, json.loads(meta))


def restore(path: Path, load: Callable[[Mapping[str, Any]], None], data: Mapping[str, Any]) -> None:
    """Bring a training back to a checkpoint of its run.

    Args:
        path: the checkpoint, with the training's state and what tells its data from others.
        load: takes the state.
        data: of the training that is to go on.
    Raises:
        FileNotFoundError: if there is no such checkpoint.
        ValueError: if it is damaged, or of another system, configuration or data; the message names the file.
    """
    checkpoint = load_checkpoint(path)
    try:
        load({"tensors": checkpoint.tensors, "meta": checkpoint.meta["state"]})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if checkpoint.meta.get("data") != dict(data):
        raise ValueError(f"{path}: was trained on other data than --data and the settings give now")
