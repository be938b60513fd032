"""Checkpoints of the released code (wyhsirius/g3an-project @74764fd) as nets of this package."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal, cast
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from vg_layers import FactorizedAttention

from vg_video.g3an.config import GeneratorConfig, ImageDiscriminatorConfig, VideoDiscriminatorConfig
from vg_video.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.g3an.generator import Generator

Part = Literal["generator", "video_discriminator", "image_discriminator", "attention"]
State = dict[str, Tensor]

# Our name of a piece of a key, and the released code's.
SPECTRAL_NORM = [
    ("parametrizations.weight.original", "weight_orig"),
    ("parametrizations.weight.0._u", "weight_u"),
    ("parametrizations.weight.0._v", "weight_v"),
]
ATTENTION = [(".query.", ".q_conv."), (".key.", ".k_conv."), (".value.", ".v_conv."), *SPECTRAL_NORM]
GENERATOR = [
    *((f"levels.{level}.", f"block{level + 1}.") for level in range(5)),
    (".video.", ".conv_v."),
    (".spatial.", ".conv_s."),
    (".temporal.", ".conv_t."),
    ("attention.", "fsa."),
    ("to_rgb.", "to_rgb.0."),
    *ATTENTION,
]
VIDEO_DISCRIMINATOR = [
    *((f"first.{index}.", f"net.{index}.") for index in (0, 2)),
    *((f"rest.{index}.", f"net.{index + 4}.") for index in range(0, 16, 2)),
    *SPECTRAL_NORM,
]


def load(source: str | Path | Mapping[str, Tensor | np.ndarray], part: Part) -> nn.Module:
    """Build a net from a checkpoint of the released code; its sizes are read off the shapes.

    Args:
        source: a .pth, .pt, .npz or .safetensors file, or a mapping of official keys to arrays or tensors; keys may
            begin with `module.`, as nn.DataParallel writes them.
        part: what the checkpoint holds: "generator", "video_discriminator", "image_discriminator", or "attention"
            (F-SA, keys `tsa.*` and `ssa.*`).
    Returns:
        The module in eval mode, with F-SA in the released code's reshape order.
    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; it names the key.
    """
    builders: dict[str, tuple[Callable[[State], nn.Module], Iterable[tuple[str, str]]]] = {
        "generator": (_generator, GENERATOR),
        "video_discriminator": (_video_discriminator, VIDEO_DISCRIMINATOR),
        "image_discriminator": (_image_discriminator, SPECTRAL_NORM),
        "attention": (_attention, ATTENTION),
    }
    if part not in builders:
        raise ValueError(f"part={part!r}, wanted one of {', '.join(builders)}")
    arrays = source if isinstance(source, Mapping) else _read(Path(source))
    state = {key.removeprefix("module."): torch.as_tensor(value) for key, value in arrays.items()}
    build, names = builders[part]
    module = build(state)
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


def _generator(state: State) -> Generator:
    widths = [_shape(state, f"block{level}.conv_s.0.weight_orig")[1] for level in range(1, 6)]
    along_time, *along_space = (k > 1 for k in _shape(state, "block1.conv_v.0.weight_orig")[2:])
    attention = any(key.startswith("fsa.") for key in state)
    config = GeneratorConfig(
        appearance_dim=_shape(state, "block1.conv_s.0.weight_orig")[0],
        motion_dim=_shape(state, "block1.conv_t.0.weight_orig")[0],
        widths=cast(tuple[int, int, int, int, int], tuple(widths)),
        convolution="3d" if along_time and any(along_space) else "1+2d" if along_time else "2+1d",
        attention_after=3 if attention else None,
        official_reshape=attention,
    )
    return Generator(config)


def _video_discriminator(state: State) -> VideoDiscriminator:
    width = _shape(state, "net.0.weight_orig")[0]
    return VideoDiscriminator(VideoDiscriminatorConfig(kind="2+1d", norm="spectral", width=width))


def _image_discriminator(state: State) -> ImageDiscriminator:
    return ImageDiscriminator(ImageDiscriminatorConfig(width=_shape(state, "net.0.weight_orig")[0]))


def _attention(state: State) -> FactorizedAttention:
    reduced, channels = _shape(state, "tsa.q_conv.weight_orig")[:2]
    return FactorizedAttention(channels, channels // reduced, spectral_norm=True, official_reshape=True)


def _official_name(key: str, names: Iterable[tuple[str, str]]) -> str:
    for ours, theirs in names:
        key = key.replace(ours, theirs, 1)
    return key


def _shape(state: State, key: str) -> torch.Size:
    if key not in state:
        raise ValueError(f"key {key} is missing from the checkpoint: the sizes of the net cannot be told without it")
    return state[key].shape


def _without_ones(tensor: Tensor) -> list[int]:
    """Sizes that matter: the released code keeps scalars as (1,)."""
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
