"""The 3-D ResNeXt-101 of Hara, Kataoka and Satoh (CVPR 2018), the feature network of chapters 3 to 5."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

BLOCKS = (3, 4, 23, 3)
WIDTHS = (128, 256, 512, 1024)  # of the grouped convolution; a block's output is twice as wide
CARDINALITY = 32
POOL_WIDTH = 2 * WIDTHS[-1]

Source = str | Path | Mapping[str, Tensor | np.ndarray]


class Bottleneck(nn.Module):
    """1x1x1, grouped 3x3x3 and 1x1x1 convolution around a shortcut (type B: projected where the shape changes)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 2 * width
        self.conv1 = nn.Conv3d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride, 1, groups=CARDINALITY, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(out)
        self.downsample = (
            nn.Sequential(nn.Conv3d(channels, out, 1, stride, bias=False), nn.BatchNorm3d(out))
            if stride > 1 or channels != out
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, t, h, w) -> (b, 2 * width, t / stride, h / stride, w / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNeXt3D(nn.Module):
    """ResNeXt-101 with 3-D convolutions; its keys are those of the public checkpoints.

    Args:
        classes: 400 for the Kinetics file, 101 for the one fine-tuned on UCF101.
    """

    def __init__(self, classes: int = 400) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(
                Bottleneck(channels, width, stride), *(Bottleneck(2 * width, width, 1) for _ in range(blocks - 1))
            )
            for channels, width, blocks, stride in zip((64, 256, 512, 1024), WIDTHS, BLOCKS, (1, 2, 2, 2), strict=True)
        )
        self.fc = nn.Linear(POOL_WIDTH, classes)

    def pool(self, clips: Tensor) -> Tensor:
        """Features after the average pool: clips (b, 3, 16, 112, 112), 0..255 minus the mean -> (b, 2048)."""
        x = F.max_pool3d(F.relu(self.bn1(self.conv1(clips))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3, 4))

    def forward(self, clips: Tensor) -> Tensor:
        """Class logits, "the last fully connected layer" of 5.3.2: clips as for `pool` -> (b, classes)."""
        return self.fc(self.pool(clips))


def load(source: Source) -> ResNeXt3D:
    """The network with the weights of a public checkpoint.

    Args:
        source: a .pth file (resnext-101-kinetics.pth: {"state_dict": ..}) or .safetensors file, or a mapping from keys
            to tensors or arrays; keys may begin with "module.". The number of classes is taken from fc.weight.
    Returns:
        The network in eval mode.
    Raises:
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; all named.
        FileNotFoundError: if there is no such file.
    """
    name = "the mapping" if isinstance(source, Mapping) else str(source)
    weights = source if isinstance(source, Mapping) else _read(Path(source))
    state = {key.removeprefix("module."): torch.as_tensor(value) for key, value in weights.items()}
    if "fc.weight" not in state:
        raise ValueError(
            f"{name} holds no ResNeXt-101: key fc.weight is missing (found {', '.join(list(state)[:3])} ..)"
        )
    network = _empty(len(state["fc.weight"]))
    wanted = network.state_dict()
    state = {k: v for k, v in wanted.items() if k.endswith("num_batches_tracked")} | state  # older than that counter
    missing, unknown = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    shapes = [k for k in wanted if k in state and state[k].shape != wanted[k].shape]
    for fault, keys in (("missing", missing), ("unknown", unknown), ("of another shape", shapes)):
        if keys:
            raise ValueError(f"{name} holds no ResNeXt-101: {len(keys)} keys are {fault}, the first is {keys[0]}")
    network.load_state_dict(state)
    return network.eval()


def random_weights(seed: int, classes: int = 400) -> ResNeXt3D:
    """The network with random weights that react to their input, in eval mode; the same for the same seed.

    PyTorch's own initialization with batch normalization as the identity: it damps the residual branches, so that the
    features stay smooth in the input (other clips are told from more of the same; calibrated normalization made every
    clip equally far from every other).
    """
    generator = torch.Generator().manual_seed(seed)
    network = _empty(classes)
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5, generator=generator)
        elif isinstance(module, nn.BatchNorm3d):
            module.reset_parameters()
    nn.init.zeros_(network.fc.bias)
    return network.eval()


def _empty(classes: int) -> ResNeXt3D:
    """The network with no values yet: nothing is drawn from the global random state."""
    with torch.device("meta"):
        network = ResNeXt3D(classes)
    return network.to_empty(device="cpu")


def _read(path: Path) -> Mapping[str, Tensor]:
    """Tensors of a checkpoint file, by content; nothing in it is run."""
    try:
        with path.open("rb") as file:
            zipped_or_pickled = file.read(4) in (b"PK\x03\x04", b"\x80\x02\x8a\x0a")  # torch.save, new and old
        if not zipped_or_pickled:
            return load_file(path)
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path} is no checkpoint of tensors, .pth or .safetensors ({str(error).splitlines()[0]})"
        ) from error
    state = saved.get("state_dict", saved) if isinstance(saved, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no mapping of keys to tensors")
    return state
