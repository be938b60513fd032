"""Weights from files: which tensors a file holds, whether they fit a network, and random ones instead of a file."""

import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vg_metrics.features.base import Module

Source = str | Path | Mapping[str, Tensor | np.ndarray]

OPTIONAL = "num_batches_tracked"  # a counter that older files do not have, of no use in eval mode


def read_weights(source: Source) -> dict[str, Tensor]:
    """Tensors by key, of a file by its content: .pth, .safetensors or .npz; nothing in it is run.

    Args:
        source: the file, or a mapping from keys to tensors or arrays; keys may begin with "module.".
    Raises:
        ValueError: if the file is no checkpoint of tensors.
        FileNotFoundError: if there is no such file.
    """
    weights = source if isinstance(source, Mapping) else _read(Path(source))
    return {key.removeprefix("module."): _tensor(value) for key, value in weights.items()}


def fit(
    build: Callable[[], Module],
    state: Mapping[str, Tensor],
    source: Source,
    what: str,
    official: Callable[[str], str] = str,
) -> Module:
    """The network with the weights of a file, in eval mode.

    Args:
        build: makes the network.
        state: what `read_weights` gave.
        source: where it is from, for messages.
        what: name of the network, for messages.
        official: the key that the file has for a key of the network.
    Raises:
        ValueError: if a key is missing, unknown or of another shape, with the first of each and the number of keys.
    """
    network = empty(build)
    wanted = {official(key): value for key, value in network.state_dict().items()}
    needed = [key for key in wanted if not key.endswith(OPTIONAL)]
    unequal = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    faults = {
        "missing": [key for key in needed if key not in state],
        "unknown": [key for key in state if key not in wanted],
        "of another shape": [f"{key} {tuple(state[key].shape)} for {tuple(wanted[key].shape)}" for key in unequal],
    }
    found = [f"{len(keys)} {fault} (first {keys[0]})" for fault, keys in faults.items() if keys]
    if found:
        name = "the mapping" if isinstance(source, Mapping) else source
        raise ValueError(f"{name} holds no {what}, which has {len(needed)} keys: {', '.join(found)}")
    zero = torch.zeros((), dtype=torch.long)
    network.load_state_dict({key: state.get(official(key), zero) for key in network.state_dict()})
    return network.eval()


def rows(state: Mapping[str, Tensor], key: str, default: int) -> int:
    """Rows of a weight, such as the number of classes; the default if it is missing."""
    return state[key].shape[0] if key in state and state[key].ndim else default


def draw(build: Callable[[], Module], seed: int, slope: float = 0.0) -> Module:
    """The network with random weights, zero biases and normalization as the identity, in eval mode.

    Args:
        build: makes the network.
        seed: the weights are a function of it; the global random state is left alone.
        slope: of the leaky ReLU that the scale is right for: 0 keeps the size of activations, larger ones damp.
    """
    generator = torch.Generator().manual_seed(seed)
    network = empty(build)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=slope, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.reset_parameters()
    return network.eval()


def empty(build: Callable[[], Module]) -> Module:
    """A network with no values yet: nothing is drawn from the global random state."""
    with torch.device("meta"):
        network = build()
    return network.to_empty(device="cpu")


def is_torchscript(path: Path) -> bool:
    """Whether a file is an archive saved by torch.jit.save; FileNotFoundError if there is none."""
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            return False
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())


def load_torchscript(path: Path) -> torch.jit.ScriptModule:
    """A TorchScript file as a module on the CPU, in eval mode.

    Loading and calling it runs the program in the file (tensor operations of TorchScript, no Python): open only files
    that you trust.

    Raises:
        ValueError: if the file is no TorchScript of this version of torch.
        FileNotFoundError: if there is no such file.
    """
    if not is_torchscript(path):
        raise ValueError(f"{path} is no TorchScript file")
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # public files exist in this form only
            return torch.jit.load(path, map_location="cpu").eval()
    except RuntimeError as error:
        raise ValueError(f"{path} cannot be loaded as TorchScript ({str(error).strip().splitlines()[0]})") from error


def _read(path: Path) -> Mapping[str, Tensor | np.ndarray]:
    if is_torchscript(path):  # torch.load would run it
        raise ValueError(f"{path} is a TorchScript program, wanted a checkpoint of tensors")
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"PK\x03\x04" and all(name.endswith(".npy") for name in zipfile.ZipFile(path).namelist()):
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        if start not in (b"PK\x03\x04", b"\x80\x02\x8a\x0a"):  # torch.save, new and old
            return load_file(path)
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path} is no checkpoint of tensors, .pth, .safetensors or .npz ({str(error).splitlines()[0]})"
        ) from error
    state = saved.get("state_dict", saved) if isinstance(saved, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no mapping of keys to tensors")
    return state


def _tensor(value: Tensor | np.ndarray) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
