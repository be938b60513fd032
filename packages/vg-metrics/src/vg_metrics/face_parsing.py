"""Frames to label maps of the face by a parsing network: BiSeNet (Yu et al. 2018, [195] of 5.3.4) or another."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vg_metrics.features.base import UNVERIFIED, file_digest, weights_digest
from vg_metrics.features.preprocess import pillow_bilinear, to_bytes
from vg_metrics.features.weights import Source, fit, is_torchscript, load_torchscript, read_weights, rows

SIDE = 512
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB of 0..1
TRAINING_HEADS = ("conv_out16.", "conv_out32.")
FRAMES = 8  # that the network sees at a time


class FaceParser:
    """A network that names the part of the face of each pixel; called on video it gives label maps.

    Frames are resized to 512x512 as Pillow does it and normalized as for ImageNet, and the class scores are brought
    back to the size of the frames before the highest is taken.

    Args:
        module: frames so prepared (n, 3, 512, 512) -> scores (n, classes, h, w), or several of which the first counts.
        label: how to print a score that was made with it.
        checksum: sha256 of the weights; None for that of the module's values.
        device: where the network runs.
    """

    def __init__(
        self, module: nn.Module, *, label: str, checksum: str | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self.module = module.to(device).eval()
        self.label = label
        self.checksum = checksum or weights_digest(module)
        self.device = torch.device(device)

    @torch.no_grad()
    def __call__(self, video: Tensor) -> Tensor:
        """Label maps, uint8 on the CPU, (b, t, h, w).

        Args:
            video: (b, 3, t, h, w) RGB, bytes, or floats in [-1, 1].
        Raises:
            ValueError: if shape or range are others, or the network gives another shape.
        """
        if video.ndim != 5 or video.shape[1] != 3:
            raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, t, h, w)")
        frames = to_bytes(video).transpose(1, 2).flatten(0, 1)
        return torch.cat([self._labels(part) for part in frames.split(FRAMES)]).unflatten(0, (len(video), -1))

    def _labels(self, frames: Tensor) -> Tensor:
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
        prepared = (pillow_bilinear(frames, SIDE) / 255 - mean) / deviation
        scores = self.module(prepared.to(self.device))
        scores = scores[0] if isinstance(scores, tuple | list) else scores
        if scores.ndim != 4 or len(scores) != len(frames):
            raise ValueError(f"{self.label} gives shape {tuple(scores.shape)}, wanted ({len(frames)}, classes, h, w)")
        return F.interpolate(scores.float(), frames.shape[2:], mode="bilinear", antialias=True).argmax(1).byte().cpu()


def face_parser(weights: str | Path, *, device: torch.device | str = "cpu") -> FaceParser:
    """A face parser from a file, never downloaded.

    Args:
        weights: of the BiSeNet of face-parsing.PyTorch (79999_iter.pth), or a TorchScript file, a program, which
            loading and calling runs: open only files that you trust.
        device: where the network runs.
    Raises:
        ValueError: if the file holds neither.
        FileNotFoundError: if there is no such file.
    """
    path = Path(weights)
    checksum = file_digest(path)
    if is_torchscript(path):
        return FaceParser(load_torchscript(path), label=f"face parser {path.name}", checksum=checksum, device=device)
    return FaceParser(load(path), label=f"BiSeNet, {path.name}, {UNVERIFIED}", checksum=checksum, device=device)


def load(source: Source) -> "BiSeNet":
    """BiSeNet with the weights of a file, in eval mode; the two heads that only training needs are left out.

    Args:
        source: a .pth or .safetensors file, or a mapping from keys to tensors or arrays.
    Raises:
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; the first are named.
        FileNotFoundError: if there is no such file.
    """
    state = {key: value for key, value in read_weights(source).items() if not key.startswith(TRAINING_HEADS)}
    return fit(lambda: BiSeNet(rows(state, "conv_out.conv_out.weight", 19)), state, source, "BiSeNet")


class BiSeNet(nn.Module):
    """BiSeNet as in face-parsing.PyTorch: the spatial path is the ResNet-18's own features; keys are those of its file.

    Args:
        classes: 19 for the parts of `vg_metrics.masks.FACE_PARSING`.
    """

    def __init__(self, classes: int = 19) -> None:
        super().__init__()
        self.cp = _ContextPath()
        self.ffm = _Fusion(256)
        self.conv_out = _Head(classes)

    def forward(self, x: Tensor) -> Tensor:
        """Frames normalized as for ImageNet (n, 3, h, w) -> class scores (n, classes, h, w)."""
        scores = self.conv_out(self.ffm(*self.cp(x)))
        return F.interpolate(scores, x.shape[2:], mode="bilinear", align_corners=True)


class _Conv(nn.Module):
    """Convolution, batch normalization, ReLU."""

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Head(nn.Module):
    """From features to class scores."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv = _Conv(256, 256, 3)
        self.conv_out = nn.Conv2d(256, classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class _ContextPath(nn.Module):
    """ResNet-18 whose last two stages, refined by attention, are added up from coarse to fine."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = _ResNet18()
        self.arm16, self.arm32 = _Refinement(256, 128), _Refinement(512, 128)
        self.conv_head16, self.conv_head32 = _Conv(128, 128, 3), _Conv(128, 128, 3)
        self.conv_avg = _Conv(512, 128, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (n, 3, h, w) -> features of the ResNet and of the context, (n, 128, h / 8, w / 8) each."""
        fine, middle, coarse = self.resnet(x)
        context = self.arm32(coarse) + self.conv_avg(coarse.mean((2, 3), keepdim=True))
        context = self.conv_head32(F.interpolate(context, middle.shape[2:]))
        context = self.conv_head16(F.interpolate(self.arm16(middle) + context, fine.shape[2:]))
        return fine, context


class _Refinement(nn.Module):
    """A convolution whose channels are weighted by attention."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = _Conv(channels, out, 3)
        self.conv_atten = nn.Conv2d(out, out, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * self.bn_atten(self.conv_atten(x.mean((2, 3), keepdim=True))).sigmoid()


class _Fusion(nn.Module):
    """Two sets of features joined, with attention over channels around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convblk = _Conv(channels, channels, 1)
        self.conv1 = nn.Conv2d(channels, channels // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(channels // 4, channels, 1, bias=False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        x = self.convblk(torch.cat([first, second], 1))
        return x + x * self.conv2(F.relu(self.conv1(x.mean((2, 3), keepdim=True)))).sigmoid()


class _ResNet18(nn.Module):
    """The stages of ResNet-18 (He et al. 2016), with torchvision's keys."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(_Block(channels, out, stride), _Block(out, out, 1))
            for channels, out, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Frames (n, 3, h, w) -> features at an eighth, a 16th and a 32nd of their size."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        fine = self.layer2(self.layer1(x))
        middle = self.layer3(fine)
        return fine, middle, self.layer4(middle)


class _Block(nn.Module):
    """Two 3x3 convolutions around a shortcut, which is projected where the shape changes."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        projected = stride > 1 or channels != out
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            if projected
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))
