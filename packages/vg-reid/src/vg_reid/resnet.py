"""Residual networks with torchvision's parameter names, so that public ResNet-50 weights fit key by key."""

from typing import NamedTuple

from torch import Tensor, nn


class Stage(NamedTuple):
    """One `layerN` of a ResNet: how many blocks, their inner width, the stride of the first."""

    blocks: int
    width: int
    stride: int


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions with batch norm around a shortcut; four times `width` channels come out."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, 4 width, ceil(h / stride), ceil(w / stride))."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + shortcut)


def residual_stage(in_channels: int, stage: Stage) -> nn.Sequential:
    """Build one `layerN`: the first block changes stride and channels, the others keep them."""
    out_channels = stage.width * Bottleneck.expansion
    rest = [Bottleneck(out_channels, stage.width, 1) for _ in range(stage.blocks - 1)]
    return nn.Sequential(Bottleneck(in_channels, stage.width, stage.stride), *rest)


def init_weights(module: nn.Module) -> None:
    """Draw Kaiming-normal convolutions (fan out), as public ResNets start."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
