"""Public checkpoints of E_id: ImageNet (torchvision's ResNet-50), JVTC and GCL; what their keys are, and one loader."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vg_reid.encoder import Encoder, EncoderConfig, random_encoder

Part = Literal["identity_encoder"]

IGNORED = ("classifier.", "fc.")  # heads that E_id replaces: JVTC's over training persons, ImageNet's over 1000 classes
EMBEDDING = ("feat.", "feat_bn.")  # what ImageNet checkpoints lack: it then starts at random
OPTIONAL = ".num_batches_tracked"  # counters that checkpoints of old PyTorch lack


def load(source: str | Path | Mapping[str, Any], part: Part = "identity_encoder") -> Encoder:
    """Load E_id (6.4.2) from a checkpoint with official keys.

    Args:
        source: a path (`.pth`, `.pt` or `.safetensors`), or a mapping of official keys to arrays or tensors. Keys may
            have the prefix `module.`, and the mapping may lie under `state_dict`.
        part: which network of the system; here the identity encoder only.
    Returns:
        The encoder in eval mode. With ImageNet weights its embedding layer is random (seed 0), and its
        `config.weights` says "imagenet".
    Raises:
        FileNotFoundError: if the path does not exist.
        ValueError: for an unreadable file, a missing or unknown key (named), or a shape that does not fit.
    """
    if part != "identity_encoder":
        raise ValueError(f"part={part!r}, wanted 'identity_encoder'")
    name = "the mapping" if isinstance(source, Mapping) else str(source)
    given = source if isinstance(source, Mapping) else _read(Path(source))
    state = _tensors(given, name)
    imagenet = not any(key.startswith(EMBEDDING) for key in state)
    config = EncoderConfig(weights="imagenet" if imagenet else "trained")
    if "feat.weight" in state:
        config = replace(config, embedding_dim=len(state["feat.weight"]))
    encoder = random_encoder(config)
    _check_keys(encoder, state, name, may_lack=EMBEDDING if imagenet else ())
    try:
        encoder.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{name} does not fit E_id: {' '.join(str(error).split())}") from None
    return encoder


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: wanted a checkpoint file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{path} is not a readable checkpoint ({reason}): wanted tensors only, in a whole file"
        ) from None
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds a {type(content).__name__}, wanted a mapping of keys to tensors")
    return content


def _tensors(given: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    """Drop the wrapper, the `module.` prefix and the heads that E_id replaces."""
    given = given.get("state_dict", given)
    state = {}
    for key, value in given.items():
        short = key.removeprefix("module.")
        if short.startswith(IGNORED):
            continue
        if not isinstance(value, Tensor | np.ndarray):
            raise ValueError(f"{name}: key {key!r} holds a {type(value).__name__}, wanted an array or a tensor")
        state[short] = torch.as_tensor(value)
    return state


def _check_keys(encoder: Encoder, state: Mapping[str, Tensor], name: str, may_lack: tuple[str, ...]) -> None:
    wanted = encoder.state_dict().keys()
    if unknown := sorted(state.keys() - wanted):
        raise ValueError(f"{name} has {len(unknown)} keys that E_id does not know: {_some(unknown)}")
    missing = [key for key in wanted - state.keys() if not key.startswith(may_lack) and not key.endswith(OPTIONAL)]
    if missing:
        raise ValueError(f"{name} lacks {len(missing)} keys of E_id: {_some(sorted(missing))}")


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "")
