"""I3D (Carreira and Zisserman, CVPR 2017) for the Frechet video distance as it is published today."""

from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vg_metrics.features.base import UNVERIFIED, FeatureNetwork, open_network
from vg_metrics.features.preprocess import central_frames, per_frame, to_bytes, torch_bilinear
from vg_metrics.features.weights import Source, draw, fit, is_torchscript, load_torchscript, read_weights, rows

SIDE = 224
CLASSES = 400
ARGUMENTS = ("rescale", "resize", "return_features")  # of the TorchScript file

Triple = tuple[int, int, int]


class Unit(nn.Module):
    """Convolution with TensorFlow's padding, normalization, ReLU."""

    def __init__(self, channels: int, width: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(channels, width, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, t, h, w) -> (b, width, t / stride, h / stride, w / stride), rounded up."""
        kernel, stride = (cast(Triple, size) for size in (self.conv3d.kernel_size, self.conv3d.stride))
        return F.relu(self.bn(self.conv3d(pad_same(x, kernel, stride))))


class MaxPool(nn.Module):
    """Maximum with TensorFlow's padding; its zeros never win, as the input is not negative."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t, h, w) -> the same divided by the stride, rounded up."""
        return F.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Four branches side by side on the channels.

    Args:
        channels: of the input.
        widths: of the units b0, b1a, b1b, b2a, b2b and b3b.
    """

    def __init__(self, channels: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        self.b0 = Unit(channels, widths[0])
        self.b1a, self.b1b = Unit(channels, widths[1]), Unit(widths[1], widths[2], 3)
        self.b2a, self.b2b = Unit(channels, widths[3]), Unit(widths[3], widths[4], 3)
        self.pool = MaxPool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit(channels, widths[5])

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, t, h, w) -> (b, widths 0 + 2 + 4 + 5, t, h, w)."""
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.pool(x))], 1)


class I3D(nn.Module):
    """Inflated Inception on RGB clips of at least 9 frames.

    Args:
        classes: 400 for Kinetics.
    """

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        stages: OrderedDict[str, nn.Module] = OrderedDict(
            Conv3d_1a_7x7=Unit(3, 64, 7, 2),
            MaxPool3d_2a_3x3=MaxPool((1, 3, 3), (1, 2, 2)),
            Conv3d_2b_1x1=Unit(64, 64),
            Conv3d_2c_3x3=Unit(64, 192, 3),
            MaxPool3d_3a_3x3=MaxPool((1, 3, 3), (1, 2, 2)),
            Mixed_3b=Mixed(192, (64, 96, 128, 16, 32, 32)),
            Mixed_3c=Mixed(256, (128, 128, 192, 32, 96, 64)),
            MaxPool3d_4a_3x3=MaxPool((3, 3, 3), (2, 2, 2)),
            Mixed_4b=Mixed(480, (192, 96, 208, 16, 48, 64)),
            Mixed_4c=Mixed(512, (160, 112, 224, 24, 64, 64)),
            Mixed_4d=Mixed(512, (128, 128, 256, 24, 64, 64)),
            Mixed_4e=Mixed(512, (112, 144, 288, 32, 64, 64)),
            Mixed_4f=Mixed(528, (256, 160, 320, 32, 128, 128)),
            MaxPool3d_5a_2x2=MaxPool((2, 2, 2), (2, 2, 2)),
            Mixed_5b=Mixed(832, (256, 160, 320, 32, 128, 128)),
            Mixed_5c=Mixed(832, (384, 192, 384, 48, 128, 128)),
        )
        self.stages = nn.Sequential(stages)
        self.logits = nn.Conv3d(1024, classes, 1)

    def forward(self, clips: Tensor) -> Tensor:
        """Class logits, averaged over time: clips (b, 3, t, 224, 224) in [-1, 1], t >= 9 -> (b, classes)."""
        x = self.stages(clips)
        return self.logits(F.avg_pool3d(x, (2, *x.shape[3:]), 1)).mean((2, 3, 4))


def pad_same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zeros around (b, c, t, h, w) so that a window gives size / stride, rounded up; an odd one at the end."""
    padding: list[int] = []
    for size, window, step in reversed(list(zip(x.shape[2:], kernel, stride, strict=True))):
        total = max(window - (size % step or step), 0)
        padding += [total // 2, total - total // 2]
    return F.pad(x, padding)


def i3d_features(
    weights: str | Path = "random", *, frames: int = 16, seed: int = 0, device: torch.device | str = "cpu"
) -> FeatureNetwork:
    """I3D with its preprocessing, ready to be called on clips (b, 3, t, h, w): 400 Kinetics logits.

    Args:
        weights: path of i3d_torchscript.pt or i3d_pretrained_400.pt (see `load`), never downloaded, or "random".
        frames: central frames that the network sees, at least 9.
        seed: of the random weights.
        device: where the network runs.
    Raises:
        ValueError: if the file is no such checkpoint or the frames are too few.
        FileNotFoundError: if there is no such file.
    """
    if frames < 9:
        raise ValueError(f"frames={frames}, wanted at least 9: I3D averages over two steps of 8 frames")
    network, label, checksum = open_network(weights, load, lambda: draw(I3D, seed), f"I3D, logits, {UNVERIFIED}")
    scripted = isinstance(network, torch.jit.ScriptModule)
    return FeatureNetwork(
        network,
        partial(network, **dict.fromkeys(ARGUMENTS, True)) if scripted else network,
        partial(prepare_bytes if scripted else prepare, frames=frames),
        name="i3d/logits",
        label=label,
        checksum=checksum,
        width=network.logits.out_channels if isinstance(network, I3D) else CLASSES,
        preprocessing=f"{frames} central frames, bilinear without antialiasing to {SIDE}x{SIDE}, [-1, 1]"
        + (" (by the TorchScript program)" if scripted else ""),
        device=device,
    )


def prepare(video: Tensor, frames: int = 16) -> Tensor:
    """The preprocessing of cd-fvd: central frames as bytes, bilinear to 224x224 without antialiasing, to [-1, 1].

    Args:
        video: (b, 3, t, h, w) RGB, bytes, or floats in [-1, 1] (rounded to bytes first).
        frames: central frames to take.
    Returns:
        (b, 3, frames, 224, 224), float32.
    Raises:
        ValueError: if shape, length or range are others.
    """
    return per_frame(lambda frame: torch_bilinear(frame, SIDE), prepare_bytes(video, frames)) / 127.5 - 1


def prepare_bytes(video: Tensor, frames: int = 16) -> Tensor:
    """Central frames as bytes (b, 3, frames, h, w), as StyleGAN-V gives them to its file; errors as of `prepare`."""
    return to_bytes(central_frames(video, frames))


def load(source: Source) -> I3D | torch.jit.ScriptModule:
    """I3D from one of the two files in use; both layouts from documentation (the code around them), unverified.

    Args:
        source: i3d_torchscript.pt of StyleGAN-V, called with rescale, resize and return_features; or
            i3d_pretrained_400.pt of VideoGPT and cd-fvd, a state_dict, or a mapping with its keys. The first is a
            TorchScript program, which loading and calling runs: open only files that you trust.
    Returns:
        The network in eval mode; a TorchScript one takes bytes of any size.
    Raises:
        ValueError: if the file cannot be read, the program takes other arguments, or a key is missing, unknown or of
            another shape; the first are named.
        FileNotFoundError: if there is no such file.
    """
    if not isinstance(source, str | Path) or not is_torchscript(Path(source)):
        state = read_weights(source)
        return fit(lambda: I3D(rows(state, "logits.conv3d.bias", CLASSES)), state, source, "I3D", _official)
    program = load_torchscript(Path(source))
    forward: Any = program.forward
    found = [argument.name for argument in forward.schema.arguments[1:]]
    if not set(ARGUMENTS) <= set(found):
        raise ValueError(f"{source} holds no I3D: it takes ({', '.join(found)}), wanted also {', '.join(ARGUMENTS)}")
    return program


def _official(key: str) -> str:
    """stages.Mixed_3b.b0.bn.weight -> Mixed_3b.b0.bn.weight, logits.bias -> logits.conv3d.bias."""
    return key.removeprefix("stages.").replace("logits.", "logits.conv3d.")
