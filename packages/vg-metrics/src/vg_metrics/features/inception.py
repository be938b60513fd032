"""Inception v3 on images, for FID and the Inception score of frames (2.2.1, 2.2.2, 6.4.4)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vg_metrics.features.base import UNVERIFIED, FeatureNetwork, open_network
from vg_metrics.features.preprocess import Resize, pillow_bicubic, tensorflow_bilinear, to_bytes
from vg_metrics.features.weights import Source, draw, fit, read_weights, rows

SIDE = 299
WIDTH = 2048
FID_CLASSES = 1008  # of the network of 2015, whose structure differs; torchvision's has 1000

Layer = Literal["pool", "logits", "logits_unbiased"]
Filter = Literal["tensorflow", "clean"]

RESIZES: dict[Filter, tuple[Resize, str]] = {
    "tensorflow": (tensorflow_bilinear, "TensorFlow 1 bilinear"),
    "clean": (pillow_bicubic, "Pillow bicubic on floats, antialiased,"),
}


class Shape(NamedTuple):
    """Of one convolution: output channels, kernel, stride; padded to keep the size if the stride is 1."""

    width: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1


class Unit(nn.Module):
    """Convolution, normalization, ReLU."""

    def __init__(self, channels: int, shape: Shape, *, padded: bool = True) -> None:
        super().__init__()
        kernel = (shape.kernel,) * 2 if isinstance(shape.kernel, int) else shape.kernel
        padding = (kernel[0] // 2, kernel[1] // 2) if padded and shape.stride == 1 else 0
        self.conv = nn.Conv2d(channels, shape.width, kernel, shape.stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(shape.width, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, h, w) -> (b, width, h', w')."""
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side on the channels, under the names of torchvision.

    Args:
        channels: of the input.
        branches: convolutions of each branch, one after another; several in one place are a fork, side by side.
            The branch "branch_pool" begins with the pool.
        pool: of that branch.
    """

    def __init__(
        self, channels: int, branches: Mapping[str, Sequence[Sequence[Shape]]], pool: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.branches: dict[str, list[list[str]]] = {name: [] for name in branches}
        self.pool = pool
        for name, places in branches.items():
            width = channels
            for number, fork in enumerate(places, 1):
                stem = name if len(places) == 1 else f"{name}_{number}"
                names = [stem] if len(fork) == 1 else [stem + letter for letter in "ab"]
                for unit, shape in zip(names, fork, strict=True):
                    self.add_module(unit, Unit(width, shape))
                self.branches[name].append(names)
                width = sum(shape.width for shape in fork)

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, h, w) -> (b, sum of the branches' widths, h', w')."""
        outputs = []
        for name, places in self.branches.items():
            y = self.pool(x) if name == "branch_pool" else x
            for names in places:
                y = torch.cat([self.get_submodule(unit)(y) for unit in names], 1)
            outputs.append(y)
        return torch.cat(outputs, 1)


class Inception(nn.Module):
    """Inception v3; its keys are those of torchvision, without the auxiliary classifier.

    Args:
        classes: 1000 of torchvision, 1008 of the network of 2015 that FID is defined with.
        fid: the structure of the network of 2015: average pools do not count the padding, and the last block has a
            maximum in the place of the average.
    """

    def __init__(self, classes: int = FID_CLASSES, *, fid: bool = True) -> None:
        super().__init__()
        average = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=not fid)
        maximum = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
        self.Conv2d_1a_3x3 = Unit(3, Shape(32, 3, 2))
        self.Conv2d_2a_3x3 = Unit(32, Shape(32, 3), padded=False)
        self.Conv2d_2b_3x3 = Unit(32, Shape(64, 3))
        self.Conv2d_3b_1x1 = Unit(64, Shape(80))
        self.Conv2d_4a_3x3 = Unit(80, Shape(192, 3), padded=False)
        self.Mixed_5b = _block_35(192, 32, average)
        self.Mixed_5c = _block_35(256, 64, average)
        self.Mixed_5d = _block_35(288, 64, average)
        self.Mixed_6a = _to_17(288)
        self.Mixed_6b = _block_17(128, average)
        self.Mixed_6c = _block_17(160, average)
        self.Mixed_6d = _block_17(160, average)
        self.Mixed_6e = _block_17(192, average)
        self.Mixed_7a = _to_8(768)
        self.Mixed_7b = _block_8(1280, average)
        self.Mixed_7c = _block_8(2048, maximum if fid else average)
        self.fc = nn.Linear(WIDTH, classes)

    def pool(self, images: Tensor) -> Tensor:
        """Features after the average pool: images (b, 3, 299, 299) in [-1, 1] -> (b, 2048)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Class logits: images as for `pool` -> (b, classes)."""
        return self.fc(self.pool(images))

    def unbiased(self, images: Tensor) -> Tensor:
        """Class logits without the bias, which published Inception scores are of: as `forward`."""
        return F.linear(self.pool(images), self.fc.weight)


def _chain(*shapes: Shape) -> list[list[Shape]]:
    return [[shape] for shape in shapes]


def _block_35(channels: int, pooled: int, average: Callable[[Tensor], Tensor]) -> Mixed:
    """On 35x35 places: torchvision's block A."""
    branches = {
        "branch1x1": _chain(Shape(64)),
        "branch5x5": _chain(Shape(48), Shape(64, 5)),
        "branch3x3dbl": _chain(Shape(64), Shape(96, 3), Shape(96, 3)),
        "branch_pool": _chain(Shape(pooled)),
    }
    return Mixed(channels, branches, average)


def _to_17(channels: int) -> Mixed:
    """From 35x35 to 17x17 places: block B."""
    branches = {
        "branch3x3": _chain(Shape(384, 3, 2)),
        "branch3x3dbl": _chain(Shape(64), Shape(96, 3), Shape(96, 3, 2)),
        "branch_pool": _chain(),
    }
    return Mixed(channels, branches, partial(F.max_pool2d, kernel_size=3, stride=2))


def _block_17(inner: int, average: Callable[[Tensor], Tensor]) -> Mixed:
    """On 17x17 places: block C."""
    wide, high = (1, 7), (7, 1)
    branches = {
        "branch1x1": _chain(Shape(192)),
        "branch7x7": _chain(Shape(inner), Shape(inner, wide), Shape(192, high)),
        "branch7x7dbl": _chain(
            Shape(inner), Shape(inner, high), Shape(inner, wide), Shape(inner, high), Shape(192, wide)
        ),
        "branch_pool": _chain(Shape(192)),
    }
    return Mixed(768, branches, average)


def _to_8(channels: int) -> Mixed:
    """From 17x17 to 8x8 places: block D."""
    branches = {
        "branch3x3": _chain(Shape(192), Shape(320, 3, 2)),
        "branch7x7x3": _chain(Shape(192), Shape(192, (1, 7)), Shape(192, (7, 1)), Shape(192, 3, 2)),
        "branch_pool": _chain(),
    }
    return Mixed(channels, branches, partial(F.max_pool2d, kernel_size=3, stride=2))


def _block_8(channels: int, pool: Callable[[Tensor], Tensor]) -> Mixed:
    """On 8x8 places: block E."""
    fork = [Shape(384, (1, 3)), Shape(384, (3, 1))]
    branches = {
        "branch1x1": _chain(Shape(320)),
        "branch3x3": [[Shape(384)], fork],
        "branch3x3dbl": [[Shape(448)], [Shape(384, 3)], fork],
        "branch_pool": _chain(Shape(192)),
    }
    return Mixed(channels, branches, pool)


def inception_features(
    weights: str | Path = "random",
    *,
    layer: Layer = "pool",
    resize: Filter = "clean",
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> FeatureNetwork:
    """Inception v3 with its preprocessing, ready to be called on images (b, 3, h, w).

    Args:
        weights: path of pt_inception-2015-12-05-6726825d.pth (the network of FID) or of torchvision's inception_v3
            file, never downloaded, or "random".
        layer: "pool" for FID, 2048 values; "logits_unbiased" for the Inception score as published, or "logits".
        resize: to 299x299 as clean-fid does it, or as TensorFlow 1, which the first FID implementations used.
        seed: of the random weights.
        device: where the network runs.
    Raises:
        ValueError: if the file is no such checkpoint, or layer or resize are unknown.
        FileNotFoundError: if there is no such file.
    """
    if layer not in get_args(Layer):
        raise ValueError(f"layer is {layer!r}, wanted one of {', '.join(get_args(Layer))}")
    if resize not in RESIZES:
        raise ValueError(f"resize is {resize!r}, wanted one of {', '.join(RESIZES)}")
    network, label, checksum = open_network(weights, load, lambda: draw(Inception, seed), f"Inception v3, {layer}")
    fid = network.fc.out_features == FID_CLASSES
    runs: dict[Layer, Callable[[Tensor], Tensor]] = {
        "pool": network.pool,
        "logits": network,
        "logits_unbiased": network.unbiased,
    }
    function, words = RESIZES[resize]
    return FeatureNetwork(
        network,
        runs[layer],
        partial(prepare, resize=function, fid=fid),
        name=f"inception-v3{'-fid' if fid else ''}/{layer}",
        label=f"{label}, {UNVERIFIED}" if fid and weights != "random" else label,
        checksum=checksum,
        width=WIDTH if layer == "pool" else network.fc.out_features,
        preprocessing=f"{words} to {SIDE}x{SIDE}, {'(x - 128) / 128' if fid else 'x / 127.5 - 1'}",
        device=device,
    )


def prepare(images: Tensor, resize: Resize, fid: bool) -> Tensor:
    """Images resized to 299x299 and brought to about [-1, 1].

    Args:
        images: (b, 3, h, w) RGB, bytes, or floats in [-1, 1] (rounded to bytes first).
        resize: a function of `vg_metrics.features.preprocess`.
        fid: (x - 128) / 128, as the network of 2015 has it; x / 127.5 - 1 otherwise, as torchvision trains.
    Returns:
        (b, 3, 299, 299), float32.
    Raises:
        ValueError: if shape or range are others.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images have shape {tuple(images.shape)}, wanted (b, 3, h, w)")
    levels = resize(to_bytes(images), SIDE)
    return (levels - 128) / 128 if fid else levels / 127.5 - 1


def load(source: Source) -> Inception:
    """The network with the weights of a public checkpoint, in torchvision's layout.

    Args:
        source: a .pth or .safetensors file, or a mapping from keys to tensors or arrays. fc.weight with 1008 rows is
            the network of 2015, of pytorch-fid and torch-fidelity (layout from documentation, unverified), any other
            number torchvision's; keys of the auxiliary classifier (AuxLogits.) are passed over.
    Returns:
        The network in eval mode.
    Raises:
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; the first are named.
        FileNotFoundError: if there is no such file.
    """
    state = {key: value for key, value in read_weights(source).items() if not key.startswith("AuxLogits.")}
    classes = rows(state, "fc.weight", FID_CLASSES)
    return fit(lambda: Inception(classes, fid=classes == FID_CLASSES), state, source, "Inception v3")
