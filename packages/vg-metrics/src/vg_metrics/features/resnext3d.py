"""The 3-D ResNeXt-101 of Hara, Kataoka and Satoh (CVPR 2018), the feature network of chapters 3 to 5."""

import torch.nn.functional as F
from torch import Tensor, nn

from vg_metrics.features.weights import Source, draw, fit, read_weights, rows

BLOCKS = (3, 4, 23, 3)
WIDTHS = (128, 256, 512, 1024)  # of the grouped convolution; a block's output is twice as wide
CARDINALITY = 32
POOL_WIDTH = 2 * WIDTHS[-1]


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
        source: a .pth file (resnext-101-kinetics.pth or resnext-101-kinetics-ucf101_split1.pth: {"state_dict": ..}) or
            .safetensors file, or a mapping from keys to tensors or arrays; keys may begin with "module.". The number
            of classes is taken from fc.weight.
    Returns:
        The network in eval mode.
    Raises:
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; the first are named.
        FileNotFoundError: if there is no such file.
    """
    state = read_weights(source)
    return fit(lambda: ResNeXt3D(rows(state, "fc.weight", 400)), state, source, "ResNeXt-101")


def random_weights(seed: int, classes: int = 400) -> ResNeXt3D:
    """The network with random weights that react to their input, in eval mode; the same for the same seed.

    PyTorch's own initialization with batch normalization as the identity: it damps the residual branches, so that the
    features stay smooth in the input (other clips are told from more of the same; calibrated normalization made every
    clip equally far from every other).
    """
    return draw(lambda: ResNeXt3D(classes), seed, slope=5**0.5)
