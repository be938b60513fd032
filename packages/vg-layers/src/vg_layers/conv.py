"""Spatio-temporal convolutions: transposed, whole and factorized (3.3.1, 4.3.1), and of single frames.

All maps are (b, c, t, h, w). In `torch.channels_last_3d` memory a convolution along time alone is a 2-D convolution of
the view (b, c, t, h*w), and one along space alone is a 2-D convolution of the view (b*t, c, h, w). Neither copies
anything, and a CPU has far better programs for them; `vg_layers.deconv2d` says which one runs when. Weights keep the
shape of `nn.ConvTranspose3d`, (in, out, k_t, k_h, k_w), so the layers are drop-in replacements for it.

Each layer takes one map, or several that stand beside each other along channels: `conv(a, b)` is the convolution of
`torch.cat([a, b], dim=1)`. A map of one frame beside longer ones, (b, c, 1, h, w), stands for its repetition over all
times, like the appearance in 4.3.1 and the skip connections in 3.3.1. Since a convolution is linear, such a map is
convolved once, and what comes of it is added at all times.
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vg_layers.deconv2d import deconv2d, overlap
from vg_layers.ops.temporal_deconv import temporal_deconv
from vg_layers.spectral import spectral_norm as spectrally_normalized

ConvKind = Literal["1+2d", "2+1d", "3d"]


class Window(NamedTuple):
    """Kernel size, stride and zero padding of a convolution along time, or along both height and width."""

    kernel: int
    stride: int = 1
    padding: int = 0


class TransposedConv(nn.ConvTranspose3d):
    """Transposed convolution of maps that stand beside each other along channels, with the weight of the 3-D layer.

    Args:
        in_channels: channels of all maps together.
        out_channels: channels of the result.
        temporal: window along t.
        spatial: window along h and w.
    """

    def __init__(self, in_channels: int, out_channels: int, temporal: Window, spatial: Window) -> None:
        kernel, stride, padding = zip(temporal, spatial, spatial, strict=True)
        super().__init__(in_channels, out_channels, kernel, stride, padding)
        self.temporal, self.spatial = temporal, spatial

    def forward(self, *maps: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve maps (b, c_i, t, h, w), of which some may have one frame for all times.

        Returns:
            (b, out_channels, t', h', w') with t' = (t - 1) * stride - 2 * padding + kernel, and likewise h' and w', in
            channels_last_3d memory.
        Raises:
            ValueError: if the channels do not add up to in_channels, the frames do not fit, or nothing would be left.
        """
        weight = self.weight  # read once: each read is a power iteration of spectral norm
        (x, own), still = _moving_and_still(maps, weight, dim=0)
        windows = (self.temporal, self.spatial, self.spatial)
        size = [(n - 1) * stride - 2 * pad + k for n, (k, stride, pad) in zip(x.shape[2:], windows, strict=True)]
        if min(size) < 1:
            raise ValueError(f"a map of {tuple(x.shape[2:])} would become one of {tuple(size)}; wanted at least 1 each")
        y = self._convolve(x, own)
        return y if still is None else _add(y, self._at_all_times(*still, x.shape[2]))

    def _convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        _, stride, padding = self.temporal
        if self.spatial == Window(1):
            return temporal_deconv(x, weight.flatten(2), self.bias, stride=stride, padding=padding)
        if self.temporal == Window(1):
            return self._each_frame(x, weight.squeeze(2), self.bias)
        taps = self._taps(x, weight)
        y = overlap(taps.flatten(2, 3), stride, padding).unflatten(2, taps.shape[2:4]).movedim(-1, 1)
        return y if self.bias is None else y + self.bias[:, None, None, None].to(y)

    def _at_all_times(self, x: Tensor, weight: Tensor, frames: int) -> Tensor:
        """What x, (b, c, 1, h, w), adds to the result when it is repeated over so many frames.

        A frame of the result gets the sum of those taps of the temporal kernel that meet a frame of x: for kernel 4 and
        stride 2 there are four different sums, of the first, the even, the odd and the last frames.
        """
        met = _met_taps(frames, self.temporal)
        distinct = sorted(set(met))
        taps = self._taps(x, weight)[:, 0]
        sums = torch.einsum("nk, bhwko -> bnhwo", taps.new_tensor(distinct), taps)
        if len(distinct) > 1:
            sums = sums.index_select(1, torch.tensor([distinct.index(row) for row in met], device=x.device))
        return sums.movedim(-1, 1)

    def _taps(self, x: Tensor, weight: Tensor) -> Tensor:
        """What each frame of x adds to the result through each tap of the temporal kernel, (b, t, h', w', k_t, out)."""
        y = self._each_frame(x, weight.transpose(1, 2).flatten(1, 2), None)
        return y.movedim(1, -1).unflatten(-1, (self.temporal.kernel, self.out_channels))

    def _each_frame(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        _, stride, padding = self.spatial
        return _clip(deconv2d(_frames(x), weight, bias, (stride, stride), (padding, padding)), x.shape[2])


class TemporalTransposedConv(TransposedConv):
    """Transposed convolution along time, `nn.ConvTranspose3d` with kernel (k, 1, 1).

    It is the convolution of the temporal stream and the first factor of a (1+2)D one (4.3.1).
    """

    def __init__(self, in_channels: int, out_channels: int, window: Window) -> None:
        super().__init__(in_channels, out_channels, window, Window(1))


class SpatialTransposedConv(TransposedConv):
    """Transposed convolution of each frame, `nn.ConvTranspose3d` with kernel (1, k, k).

    It is the convolution of the spatial stream, where t = 1, and the second factor of a (1+2)D one (4.3.1).
    """

    def __init__(self, in_channels: int, out_channels: int, window: Window) -> None:
        super().__init__(in_channels, out_channels, Window(1), window)


class FrameConv(nn.Conv3d):
    """Convolution of each frame, `nn.Conv3d` with kernel (1, k, k), of maps that stand beside each other."""

    def __init__(self, in_channels: int, out_channels: int, window: Window) -> None:
        kernel, stride, padding = zip(Window(1), window, window, strict=True)
        super().__init__(in_channels, out_channels, kernel, stride, padding)

    def forward(self, *maps: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve maps (b, c_i, t, h, w), of which some may have one frame for all times.

        Returns:
            (b, out_channels, t, h', w') in channels_last_3d memory.
        Raises:
            ValueError: if the channels do not add up to in_channels, or the frames do not fit.
        """
        (x, own), still = _moving_and_still(maps, self.weight, dim=1)
        y = self._each_frame(x, own, self.bias)
        return y if still is None else _add(y, self._each_frame(*still, None))

    def _each_frame(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y = F.conv2d(_frames(x), weight.squeeze(2), bias, self.stride[1:], self.padding[1:])
        return _clip(y.contiguous(memory_format=torch.channels_last), x.shape[2])


class ConvBlock(nn.Sequential):
    """A convolution of this file and what follows it; like the convolution, it takes one or several maps."""

    def forward(self, *maps: Tensor) -> Tensor:  # type: ignore[override]
        """Call the layers one after another, the first with all the maps."""
        conv, *rest = self
        x = conv(*maps)
        for layer in rest:
            x = layer(x)
        return x


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
) -> ConvBlock:
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
            raise ValueError(f"mid_channels={mid_channels}, wanted None: a 3d convolution has no middle")
        conv = TransposedConv(in_channels, out_channels, temporal, spatial)
        return conv_block(conv, spectral_norm=spectral_norm, norm=norm)
    mid = out_channels if mid_channels is None else mid_channels
    first: TransposedConv
    second: TransposedConv
    if kind == "1+2d":
        first = TemporalTransposedConv(in_channels, mid, temporal)
        second = SpatialTransposedConv(mid, out_channels, spatial)
    else:
        first = SpatialTransposedConv(in_channels, mid, spatial)
        second = TemporalTransposedConv(mid, out_channels, temporal)
    return ConvBlock(
        *conv_block(first, spectral_norm=spectral_norm),
        *conv_block(second, spectral_norm=spectral_norm, norm=norm),
    )


def conv_block(conv: TransposedConv, *, spectral_norm: bool = True, norm: bool = True) -> ConvBlock:
    """Follow a transposed convolution by batch norm and ReLU: one stage of a stream of G3AN (4.3.1, figure 4.2).

    Args:
        conv: the convolution; its weight becomes spectrally normalized in place when asked for.
        spectral_norm: divide the weight by its spectral norm, with one power iteration per forward in training.
        norm: append batch norm, with scales drawn from N(1, 0.02), and ReLU.
    """
    if spectral_norm:
        spectrally_normalized(conv)
    if not norm:
        return ConvBlock(conv)
    batch_norm = nn.BatchNorm3d(conv.out_channels)
    nn.init.normal_(batch_norm.weight, 1.0, 0.02)
    return ConvBlock(conv, batch_norm, nn.ReLU(inplace=True))


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


def _moving_and_still(
    maps: tuple[Tensor, ...], weight: Tensor, dim: int
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor] | None]:
    """Join the maps of all frames, and those of one frame, each with its share of the weight's input channels."""
    channels = [x.shape[1] for x in maps]
    if sum(channels) != weight.shape[dim]:
        found = " + ".join(map(str, channels))
        raise ValueError(f"the maps have {found} channels; wanted {weight.shape[dim]} together")
    if len(maps) == 1:
        return (maps[0], weight), None
    frames = max(x.shape[2] for x in maps)
    places = {(x.shape[0], *x.shape[3:]) for x in maps}
    if len(places) > 1 or any(x.shape[2] not in (1, frames) for x in maps):
        found = ", ".join(str(tuple(x.shape)) for x in maps)
        raise ValueError(
            f"the maps have shapes {found}; wanted equal b, h and w, and {frames} frames or 1 for all times"
        )
    pairs = list(zip(maps, weight.split(channels, dim), strict=True))
    still = [pair for pair in pairs if pair[0].shape[2] < frames]
    moving = [pair for pair in pairs if pair[0].shape[2] == frames]
    return _joined(moving, dim), _joined(still, dim) if still else None


def _joined(pairs: list[tuple[Tensor, Tensor]], dim: int) -> tuple[Tensor, Tensor]:
    if len(pairs) == 1:
        return pairs[0]
    maps, shares = zip(*pairs, strict=True)
    return torch.cat(maps, 1), torch.cat(shares, dim)


def _add(x: Tensor, y: Tensor) -> Tensor:
    """Add maps with channels as the last axis.

    So the sum lies in channels_last_3d memory whichever is repeated, and the gradient of that one, a sum, is taken
    along rows of memory: in a thirtieth of the time.
    """
    return (x.movedim(1, -1) + y.movedim(1, -1)).movedim(-1, 1)


def _frames(x: Tensor) -> Tensor:
    """View (b, c, t, h, w) as images (b*t, c, h, w); a map outside of channels_last_3d memory is copied."""
    return x.contiguous(memory_format=torch.channels_last_3d).transpose(1, 2).flatten(0, 1)


def _clip(images: Tensor, frames: int) -> Tensor:
    """Undo `_frames`; viewed in this order, axes of size 1 get the strides of channels_last_3d memory too."""
    return images.movedim(1, -1).unflatten(0, (-1, frames)).movedim(-1, 1)


def _met_taps(frames: int, window: Window) -> list[tuple[bool, ...]]:
    """For each frame of the result, which taps of the temporal kernel meet a frame of the input."""
    kernel, stride, padding = window
    size = (frames - 1) * stride - 2 * padding + kernel
    met = range(0, frames * stride, stride)  # tap k of frame i reaches frame i * stride + k - padding of the result
    return [tuple(at + padding - tap in met for tap in range(kernel)) for at in range(size)]
