"""A convolution of a picture grown to twice its size, without growing it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FOLDS = (  # which of 5 taps see the same input pixel, for the first of its two output pixels and for the second
    ((1, 1, 0, 0, 0), (0, 0, 1, 1, 0), (0, 0, 0, 0, 1)),
    ((1, 0, 0, 0, 0), (0, 1, 1, 0, 0), (0, 0, 0, 1, 1)),
)


class UpsampledConv(nn.Conv2d):
    """Nearest upsampling to twice the size, then a 5x5 convolution with reflect padding (6.4.2), for less work.

    Upsampling repeats pixels, so several of the 25 taps see the same one. Summed beforehand they are 9, other ones for
    each of the four output pixels of an input pixel. The outermost output pixels alone see mirrored pixels, whose order
    is another: they are computed as they stand.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 5, padding=2, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, h, w), at least 2x2, to (b, out_channels, 2h, 2w)."""
        fold = torch.tensor(FOLDS, dtype=x.dtype, device=x.device)
        folded = torch.einsum("pik,qjl,ockl->opqcij", fold, fold, self.weight).flatten(0, 2)
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        y = F.pixel_shuffle(F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), folded, bias), 2)
        above = F.pad(_grown(x[:, :, :2]), (2, 2, 2, 0), "reflect")[:, :, :5]
        below = F.pad(_grown(x[:, :, -2:]), (2, 2, 0, 2), "reflect")[:, :, -5:]
        left = F.pad(_grown(x[..., :2]), (2, 0, 2, 2), "reflect")[..., :5]
        right = F.pad(_grown(x[..., -2:]), (0, 2, 2, 2), "reflect")[..., -5:]
        y[:, :, :: y.shape[2] - 1] = F.conv2d(torch.cat([above, below], 2), self.weight, self.bias, stride=(5, 1))
        y[..., :: y.shape[3] - 1] = F.conv2d(torch.cat([left, right], 3), self.weight, self.bias, stride=(1, 5))
        return y


def _grown(x: Tensor) -> Tensor:
    """Nearest upsampling to twice the size."""
    return F.interpolate(x, scale_factor=2)
