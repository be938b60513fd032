"""Transposed spatio-temporal convolutions, whole and factorized (3.3.1, 4.3.1).

All maps are (b, c, t, h, w). In `torch.channels_last_3d` memory a convolution along time alone is a 2-D convolution of
the view (b, c, t, h*w), and one along space alone is a 2-D convolution of the view (b*t, c, h, w). Neither copies
anything, and for large maps of few channels a CPU has 2-D kernels that are up to three times faster. Weights keep the
shape of `nn.ConvTranspose3d`, (in, out, k_t, k_h, k_w), so the layers are drop-in replacements for it.
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

ConvKind = Literal["1+2d", "2+1d", "3d"]


class Window(NamedTuple):
    """Kernel size, stride and zero padding of a convolution along time, or along both height and width."""

    kernel: int
    stride: int = 1
    padding: int = 0


class TemporalTransposedConv(nn.ConvTranspose3d):
    """Transposed convolution along time, `nn.ConvTranspose3d` with kernel (k, 1, 1).

    It is the convolution of the temporal stream and the first factor of a (1+2)D one (4.3.1). The result lies in
    channels_last_3d memory.
    """

    def __init__(self, in_channels: int, out_channels: int, window: Window) -> None:
        kernel, stride, padding = self.window = window
        super().__init__(in_channels, out_channels, (kernel, 1, 1), (stride, 1, 1), (padding, 0, 0))

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Map (b, in_channels, t, h, w) to (b, out_channels, (t - 1) * stride - 2 * padding + kernel, h, w)."""
        x = x.contiguous(memory_format=torch.channels_last_3d)
        weight = self.weight.flatten(3)  # (in, out, k, 1); read once: each read is a power iteration of spectral norm
        if self.window == (1, 1, 0):
            return F.linear(x.movedim(1, -1), weight.flatten(1).T, self.bias).movedim(-1, 1)
        y = F.conv_transpose2d(x.flatten(3), weight, self.bias, (self.window.stride, 1), (self.window.padding, 0))
        return y.unflatten(3, x.shape[3:])


class SpatialTransposedConv(nn.ConvTranspose3d):
    """Transposed convolution of each frame, `nn.ConvTranspose3d` with kernel (1, k, k).

    It is the convolution of the spatial stream, where t = 1, and the second factor of a (1+2)D one (4.3.1). The result
    lies in channels_last_3d memory.
    """

    def __init__(self, in_channels: int, out_channels: int, window: Window) -> None:
        kernel, stride, padding = self.window = window
        super().__init__(in_channels, out_channels, (1, kernel, kernel), (1, stride, stride), (0, padding, padding))

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Map (b, in_channels, t, h, w) to (b, out_channels, t, h', w'), h' = (h - 1) * stride - 2 * padding + kernel.

        The width follows the same rule.
        """
        size = x.shape[0], x.shape[2]
        x = x.contiguous(memory_format=torch.channels_last_3d).transpose(1, 2).flatten(0, 1)
        y = F.conv_transpose2d(x, self.weight.squeeze(2), self.bias, self.window.stride, self.window.padding)
        return y.unflatten(0, size).transpose(1, 2)


def transposed_conv(
    in_channels: int,
    out_channels: int,
    *,
    kind: ConvKind,
    temporal: Window,
    spatial: Window,
    mid_channels: int | None = None,
    spectral_norm: bool = True,
    norm: bool = True,
) -> nn.Sequential:
    """Build a transposed spatio-temporal convolution: (b, in_channels, t, h, w) -> (b, out_channels, t', h', w').

    "1+2d" is the factorized convolution of 3.3.1 and 4.3.1, along time and then along space; "2+1d" is the other order
    and "3d" the plain transposed 3-D convolution it is compared with in table 3.12 and table 4.4. Between the two
    factors stand batch norm and ReLU: the additional nonlinearity is part of the method.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kind: "1+2d", "2+1d" or "3d".
        temporal: window along t.
        spatial: window along h and w.
        mid_channels: M, the number of kernels of the first factor; by default out_channels. `matched_mid_channels`
            gives the width with which the factorized kinds have the parameters of the 3-D one.
        spectral_norm: divide each weight by its spectral norm, with one power iteration per forward in training.
        norm: end with batch norm and ReLU.
    Raises:
        ValueError: for an unknown kind, or mid_channels together with "3d".
    """
    _check_kind(kind)
    if kind == "3d":
        if mid_channels is not None:
            raise ValueError(
                f"mid_channels={mid_channels} was given, but a 3d convolution has no middle: leave it None"
            )
        (kt, st, pt), (ks, ss, ps) = temporal, spatial
        conv = nn.ConvTranspose3d(in_channels, out_channels, (kt, ks, ks), (st, ss, ss), (pt, ps, ps))
        return conv_block(conv, spectral_norm=spectral_norm, norm=norm)
    mid = out_channels if mid_channels is None else mid_channels
    first: nn.ConvTranspose3d
    second: nn.ConvTranspose3d
    if kind == "1+2d":
        first = TemporalTransposedConv(in_channels, mid, temporal)
        second = SpatialTransposedConv(mid, out_channels, spatial)
    else:
        first = SpatialTransposedConv(in_channels, mid, spatial)
        second = TemporalTransposedConv(mid, out_channels, temporal)
    return nn.Sequential(
        *conv_block(first, spectral_norm=spectral_norm),
        *conv_block(second, spectral_norm=spectral_norm, norm=norm),
    )


def conv_block(conv: nn.ConvTranspose3d, *, spectral_norm: bool = True, norm: bool = True) -> nn.Sequential:
    """Follow a transposed convolution by batch norm and ReLU: one stage of a stream of G3AN (4.3.1, figure 4.2).

    Args:
        conv: the convolution; its weight becomes spectrally normalized in place when asked for.
        spectral_norm: divide the weight by its spectral norm, with one power iteration per forward in training.
        norm: append batch norm, with scales drawn from N(1, 0.02), and ReLU.
    """
    if spectral_norm:
        parametrizations.spectral_norm(conv)
    if not norm:
        return nn.Sequential(conv)
    batch_norm = nn.BatchNorm3d(conv.out_channels)
    nn.init.normal_(batch_norm.weight, 1.0, 0.02)
    return nn.Sequential(conv, batch_norm, nn.ReLU(inplace=True))


def matched_mid_channels(
    in_channels: int, out_channels: int, *, kind: ConvKind, temporal: Window, spatial: Window
) -> int | None:
    """Width M with which a factorized convolution has nearly the parameters of the 3-D one (table 3.12, table 4.4).

    The result is the `mid_channels` of `transposed_conv` with the same arguments; it is None for "3d", so that a
    comparison of the three kinds needs no case of its own. Weights, biases and batch norms are counted, and the two
    totals differ by less than half of what one more kernel costs.

    Raises:
        ValueError: for an unknown kind.
    """
    _check_kind(kind)
    if kind == "3d":
        return None
    kernels = [temporal.kernel, spatial.kernel**2]
    whole = (
        in_channels * out_channels * kernels[0] * kernels[1]
    )  # what follows the last convolution is the same in both
    first, second = kernels if kind == "1+2d" else reversed(kernels)
    per_kernel = in_channels * first + out_channels * second + 3  # 3: its bias, batch-norm scale and shift
    return max(1, round(whole / per_kernel))


def _check_kind(kind: str) -> None:
    if kind not in get_args(ConvKind):
        raise ValueError(f"kind={kind!r} is unknown; wanted one of {', '.join(get_args(ConvKind))}")
