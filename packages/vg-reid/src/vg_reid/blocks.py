"""The convolutions and residual blocks that the nets of 6.4.2 share: reflect padding, LeakyReLU of slope 0.2."""

from torch import Tensor, nn
from vg_layers.norm import InstanceNorm

from vg_reid.reflect import ReflectConv

SLOPE = 0.2  # of LeakyReLU below 0


def conv_unit(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, norm: nn.Module | None = None
) -> nn.Sequential:
    """Build convolution, normalization if there is one, LeakyReLU."""
    layers: list[nn.Module] = [ReflectConv(in_channels, out_channels, kernel, stride=stride)]
    if norm is not None:
        layers.append(norm)
    return nn.Sequential(*layers, nn.LeakyReLU(SLOPE, inplace=True))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, with no activation after the sum.

    Args:
        channels: of the maps.
        norm: whether instance normalization, without parameters, follows each convolution.
    """

    def __init__(self, channels: int, *, norm: bool) -> None:
        super().__init__()
        self.first = conv_unit(channels, channels, 3, norm=InstanceNorm() if norm else None)
        second = [ReflectConv(channels, channels, 3)]
        self.second = nn.Sequential(*second, InstanceNorm()) if norm else nn.Sequential(*second)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, channels, h, w) to the same shape."""
        return x + self.second(self.first(x))


def init_kaiming(module: nn.Module) -> None:
    """Draw Kaiming-normal weights (fan in, gain sqrt 2) for convolutions and linear layers; biases are 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def require_at_least(name: str, value: int, least: int = 1) -> None:
    """Refuse a setting that is too small.

    Raises:
        ValueError: if it is.
    """
    if value < least:
        raise ValueError(f"{name}={value}, wanted at least {least}")


def require_maps(name: str, x: Tensor, channels: int, least: int) -> None:
    """Refuse maps of another shape than (b, channels, h, w), or too small for reflect padding.

    Args:
        name: what they are called in the message.
        x: the maps.
        channels: wanted.
        least: pixels of height and of width that are wanted.

    Raises:
        ValueError: with the shape found and the one wanted.
    """
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f"{name} has shape {tuple(x.shape)}, wanted (b, {channels}, h, w)")
    if min(x.shape[2:]) < least:
        raise ValueError(f"{name} has {x.shape[2]}x{x.shape[3]} pixels, wanted at least {least}x{least}")
