"""Checkpoints of released code as nets of this package: what all systems share."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TypeVar
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)
Source = str | Path | Mapping[str, Tensor | np.ndarray]
State = dict[str, Tensor]
Names = Iterable[tuple[str, str]]  # our name of a piece of a key, and the released code's
Builders = Mapping[str, tuple[Callable[[State], nn.Module], Names]]  # by part: the net for a state, and its names

SPECTRAL_NORM = (
    ("parametrizations.weight.original", "weight_orig"),
    ("parametrizations.weight.0._u", "weight_u"),
    ("parametrizations.weight.0._v", "weight_v"),
)


def load_part(source: Source, part: str, builders: Builders) -> nn.Module:
    """Build the net that a checkpoint holds, fill it, and return it in eval mode.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the part is unknown, the file cannot be read, or a key is missing, unknown or of another shape.
    """
    if part not in builders:
        raise ValueError(f"part={part!r}, wanted one of {', '.join(builders)}")
    build, names = builders[part]
    state = read_state(source)
    return fill(build(state), state, names, part)


def read_state(source: Source) -> State:
    """Tensors by official key.

    Args:
        source: a .pth, .pt, .npz or .safetensors file, or a mapping of keys to arrays or tensors; keys may begin with
            `module.`, as nn.DataParallel writes them.
    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file cannot be read.
    """
    arrays = source if isinstance(source, Mapping) else _read(Path(source))
    return {key.removeprefix("module."): torch.as_tensor(value) for key, value in arrays.items()}


def size(state: State, key: str) -> torch.Size:
    """The shape of a tensor that tells the sizes of the net.

    Raises:
        ValueError: if it is missing.
    """
    if key not in state:
        raise ValueError(f"key {key} is missing from the checkpoint: the sizes of the net cannot be told without it")
    return state[key].shape


def fill(module: M, state: State, names: Names, part: str) -> M:
    """Load the tensors into a net, which is returned in eval mode.

    Raises:
        ValueError: if a key is missing, unknown or of another shape; it names the part and the key.
    """
    ours = module.state_dict()
    theirs = {_official_name(key, names): key for key in ours}
    if missing := sorted(theirs.keys() - state.keys()):
        raise ValueError(f"{part}: {len(missing)} keys are missing from the checkpoint, the first is {missing[0]}")
    if unknown := sorted(state.keys() - theirs.keys()):
        raise ValueError(f"{part}: {len(unknown)} keys of the checkpoint are unknown, the first is {unknown[0]}")
    for name, key in theirs.items():
        if _without_ones(state[name]) != _without_ones(ours[key]):
            raise ValueError(f"{part}: {name} has shape {list(state[name].shape)}, wanted {list(ours[key].shape)}")
    module.load_state_dict({key: state[name].reshape(ours[key].shape) for name, key in theirs.items()})
    return module.eval()


def _official_name(key: str, names: Names) -> str:
    for ours, theirs in names:
        key = key.replace(ours, theirs, 1)
    return key


def _without_ones(tensor: Tensor) -> list[int]:
    """Sizes that matter: released code keeps scalars as (1,)."""
    return [size for size in tensor.shape if size != 1]


def _read(path: Path) -> Mapping[str, Tensor | np.ndarray]:
    """Tensors of a checkpoint file, by suffix; nothing in it can run code."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file, wanted a checkpoint of the released code")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix in (".pth", ".pt"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (BadZipFile, SafetensorError, UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise ValueError(f"{path} cannot be read as a checkpoint: {str(error).splitlines()[0]}") from error
    raise ValueError(f"{path} has suffix {path.suffix!r}, wanted .pth, .pt, .npz or .safetensors")
