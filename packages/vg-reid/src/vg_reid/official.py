"""Public checkpoints of the nets of 6.4.2 and one loader for them: what their keys are, and what is done with each."""

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, TypeVar, get_args, overload

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vg_reid import official_keys
from vg_reid.decoder import Decoder
from vg_reid.discriminator import Discriminator
from vg_reid.encoder import Encoder, EncoderConfig, random_encoder
from vg_reid.files import DAMAGE
from vg_reid.structure import StructureEncoder

Part = Literal["identity_encoder", "structure_encoder", "decoder", "discriminator"]
Source = str | Path | Mapping[str, Any]
Module = TypeVar("Module", bound=nn.Module)

WRAPPERS = ("state_dict", "id", "gen", "dis")  # keys under which files keep the tensors of a net
IGNORED = ("classifier.", "classifier_x2.", "fc.")  # heads over training persons or ImageNet's classes
EMBEDDING = ("feat.", "feat_bn.")  # what ImageNet checkpoints lack: it then starts at random
OPTIONAL = ".num_batches_tracked"  # counters that checkpoints of old PyTorch lack
# What else the file of a net holds: E_str and G share one, in which AdaIN has buffers that nothing reads.
BESIDE_E_STR = re.compile(r"^(dec|mlp_[wb][1-4])\.")
BESIDE_G = re.compile(r"^enc_content\.|\.norm\.running_(mean|var)$")
NOTHING = re.compile(r"(?!)")


@overload
def load(source: Source, part: Literal["identity_encoder"] = "identity_encoder") -> Encoder: ...
@overload
def load(source: Source, part: Literal["structure_encoder"]) -> StructureEncoder: ...
@overload
def load(source: Source, part: Literal["decoder"]) -> Decoder: ...
@overload
def load(source: Source, part: Literal["discriminator"]) -> Discriminator: ...


def load(source: Source, part: Part = "identity_encoder") -> nn.Module:
    """Load one net of chapter 6 from a checkpoint with official keys.

    The identity encoder is read in the layouts of ImageNet (torchvision's ResNet-50), JVTC and GCL, MMCL, and ACT; the
    last two have no linear layer, and so an embedding of 2048 numbers. The other parts are GCL's: E_str and G lie in
    the same file of its generator.

    Args:
        source: a path (`.pth`, `.pt` or `.safetensors`), or a mapping of official keys to arrays or tensors. Keys may
            have the prefix `module.`, and the mapping may lie under `state_dict`, or `id`, `gen`, `dis` as in GCL.
        part: which net: "identity_encoder" (E_id), "structure_encoder" (E_str), "decoder" (G), "discriminator" (D).
    Returns:
        The net in eval mode. With ImageNet weights the embedding layer of E_id is random (seed 0), and its
        `config.weights` says "imagenet".
    Raises:
        FileNotFoundError: if the path does not exist.
        ValueError: for an unreadable file, a missing or unknown key (named), or a shape that does not fit.
    """
    if part not in get_args(Part):
        raise ValueError(f"part={part!r}, wanted one of {', '.join(get_args(Part))}")
    name = "the mapping" if isinstance(source, Mapping) else str(source)
    state = _tensors(source if isinstance(source, Mapping) else _read(Path(source)), name)
    if part == "identity_encoder":
        return _identity_encoder(state, name)
    if part == "structure_encoder":
        return _generative(StructureEncoder(), state, name, "E_str", official_keys.STRUCTURE_ENCODER, BESIDE_E_STR)
    if part == "decoder":
        return _generative(Decoder(), state, name, "G", official_keys.DECODER, BESIDE_G)
    return _generative(Discriminator(), state, name, "D", official_keys.DISCRIMINATOR, NOTHING)


def _identity_encoder(state: dict[str, Tensor], name: str) -> Encoder:
    based = any(key.startswith("base.") for key in state)  # MMCL and ACT
    if based:
        state = {key.removeprefix("base."): value for key, value in state.items()}
        state = {f"feat_{key}" if key.startswith("bn.") else key: value for key, value in state.items()}
    state = {key: value for key, value in state.items() if not key.startswith(IGNORED)}
    embedded = any(key.startswith(EMBEDDING) for key in state)
    linear = "feat.weight" in state
    if based and linear and "feat.bias" not in state:  # ACT trains a linear layer without biases
        state["feat.bias"] = torch.zeros(len(state["feat.weight"]))
    config = EncoderConfig(
        weights="trained" if embedded else "imagenet",
        linear=linear or not (based and embedded),
        embedding_dim=len(state["feat.weight"]) if linear else 2048 if based and embedded else 512,
    )
    encoder = random_encoder(config)
    wanted = encoder.state_dict().keys()
    may_lack = () if embedded else EMBEDDING
    missing = [key for key in wanted - state.keys() if not key.startswith(may_lack) and not key.endswith(OPTIONAL)]
    _check(sorted(state.keys() - wanted), sorted(missing), name, "E_id")
    return _filled(encoder, state, name, "E_id")


def _generative(
    module: Module, state: dict[str, Tensor], name: str, what: str, layers: dict[str, str], beside: re.Pattern[str]
) -> Module:
    """Fill a net of the view generator; keys of what lies beside it are passed over."""
    wanted = {official_keys.official_key(key, layers): key for key in module.state_dict()}
    unknown = [key for key in state.keys() - wanted.keys() if not beside.search(key)]
    _check(sorted(unknown), sorted(wanted.keys() - state.keys()), name, what)
    return _filled(module, {wanted[key]: state[key] for key in wanted}, name, what)


def _filled(module: Module, state: Mapping[str, Tensor], name: str, what: str) -> Module:
    try:
        module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{name} does not fit {what}: {' '.join(str(error).split())}") from None
    return module.eval()


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: wanted a checkpoint file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:  # PyTorch's own words tell how to run what is in the file
        raise ValueError(f"{path} is not a readable checkpoint: wanted tensors only, in a whole file") from None
    except DAMAGE as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(
            f"{path} is not a readable checkpoint ({reason}): wanted tensors only, in a whole file"
        ) from None
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds a {type(content).__name__}, wanted a mapping of keys to tensors")
    return content


def _tensors(given: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    """Drop the wrapper and the `module.` prefix."""
    for wrapper in WRAPPERS:
        if isinstance(given.get(wrapper), Mapping):
            given = given[wrapper]
    state = {}
    for key, value in given.items():
        if not isinstance(value, Tensor | np.ndarray):
            raise ValueError(f"{name}: key {key!r} holds a {type(value).__name__}, wanted an array or a tensor")
        state[key.removeprefix("module.")] = torch.as_tensor(value)
    return state


def _check(unknown: list[str], missing: list[str], name: str, what: str) -> None:
    if unknown:
        raise ValueError(f"{name} has {len(unknown)} keys that {what} does not know: {_some(unknown)}")
    if missing:
        raise ValueError(f"{name} lacks {len(missing)} keys of {what}: {_some(missing)}")


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "")
