"""The layers of StyleGAN2, from which MintGAN takes its networks G_A, G_M and G_S (5.2.2).

Linear layers and convolutions have an equalized learning rate: their weights are stored with variance 1 and scaled when
used, so that under Adam all learn at the same speed whatever their width. The scale is the gain of the activation over
the square root of the number of inputs; the activations here commute with positive factors.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vg_layers.modulated import modulated_conv2d
from vg_layers.norm import pixel_norm
from vg_layers.ops.bias_act import bias_act, default_gain
from vg_layers.resample import FIR_TAPS, conv2d_resample, fir_filter, upsample2d


class EqualizedLinear(nn.Module):
    """Linear layer with an equalized learning rate, followed by an activation.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        bias: initial value of the biases.
        act: "linear", or "lrelu" for sqrt(2) * LeakyReLU with slope 0.2.
        lr_multiplier: learning rate relative to that of the optimizer.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: float = 0.0,
        act: Literal["linear", "lrelu"] = "linear",
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.act: Literal["linear", "lrelu"] = act
        self.lr_multiplier = lr_multiplier
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias / lr_multiplier))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in_features) to (..., out_features)."""
        gain = self.lr_multiplier * default_gain(self.act)
        y = F.linear(x, self.weight * (gain / math.sqrt(self.weight.shape[1])))
        return bias_act(y, self.bias * gain, dim=-1, act=self.act, gain=1.0)


class EqualizedConv2d(nn.Module):
    """Convolution with an equalized learning rate, followed by an activation.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: k, odd; the padding is k // 2.
        bias: whether there are biases, at first 0.
        act: "linear", or "lrelu" for sqrt(2) * LeakyReLU with slope 0.2.
        up: factor by which the images grow.
        down: factor by which they shrink; not together with `up`.
        gain: positive factor of the result.
        lr_multiplier: learning rate relative to that of the optimizer.
    """

    filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        bias: bool = True,
        act: Literal["linear", "lrelu"] = "linear",
        up: int = 1,
        down: int = 1,
        gain: float = 1.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.act: Literal["linear", "lrelu"] = act
        self.up, self.down, self.gain, self.lr_multiplier = up, down, gain, lr_multiplier
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel) / lr_multiplier)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.register_buffer("filter", fir_filter(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h * up // down, w * up // down)."""
        gain = self.gain * self.lr_multiplier * default_gain(self.act)
        weight = self.weight * (gain / math.sqrt(self.weight[0].numel()))
        y = conv2d_resample(
            x.contiguous(memory_format=torch.channels_last),  # in which a CPU is fastest
            weight,
            self.filter,
            up=self.up,
            down=self.down,
            padding=weight.shape[-1] // 2,
            flip_weight=self.up == 1,  # read as F.conv2d and F.conv_transpose2d read it
        )
        return bias_act(y, None if self.bias is None else self.bias * gain, act=self.act, gain=1.0)


class MappingNetwork(nn.Module):
    """Multi-layer perceptron of the generator: G_A, and G_M at each step, are two of these (5.2.2).

    The input is divided by its root mean square, and LeakyReLU follows every layer, the last included.

    Args:
        in_features: width of the input.
        features: width of all layers.
        layers: their number, 8 in 5.2.2.
        out_features: width of the last layer; `features` unless given.
        lr_multiplier: learning rate relative to that of the optimizer.
    """

    def __init__(
        self,
        in_features: int = 512,
        features: int = 512,
        *,
        layers: int = 8,
        out_features: int | None = None,
        lr_multiplier: float = 0.01,
    ) -> None:
        super().__init__()
        widths = [in_features] + [features] * (layers - 1) + [features if out_features is None else out_features]
        self.layers = nn.Sequential(
            *(EqualizedLinear(a, b, act="lrelu", lr_multiplier=lr_multiplier) for a, b in pairwise(widths))
        )

    def forward(self, z: Tensor) -> Tensor:
        """Map (..., in_features) to (..., out_features); each vector by itself."""
        return self.layers(pixel_norm(z, dim=-1))


class StyledConv(nn.Module):
    """Convolution modulated by w_t, with bias and LeakyReLU: one layer of G_S (5.2.2).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        style_dim: width of w.
        up: factor by which the images grow.
        noise: learn a strength for noise that is added to the maps; the thesis has none.
        taps: low-pass filter of the up-sampling; (1, 1) repeats each pixel.
    """

    filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        style_dim: int,
        *,
        up: int = 1,
        noise: bool = False,
        taps: Sequence[float] = FIR_TAPS,
    ) -> None:
        super().__init__()
        self.up = up
        self.style = EqualizedLinear(style_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros(())) if noise else None
        self.register_buffer("filter", fir_filter(taps), persistent=False)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None = None) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h * up, w * up).

        Args:
            x: maps.
            w: style codes (b, style_dim).
            noise: (b or 1, 1, h * up, w * up), or None for none.
        Raises:
            ValueError: if noise comes to a layer without a strength for it.
        """
        y = modulated_conv2d(
            x, self.weight, self.style(w), up=self.up, padding=1, filter=self.filter, flip_weight=self.up == 1
        )
        if noise is not None:
            if self.noise_strength is None:
                raise ValueError("this layer was built with noise=False and got noise")
            y = y + noise * self.noise_strength
        return bias_act(y, self.bias, act="lrelu")


class ToRGB(nn.Module):
    """1x1 convolution modulated by w_t, without demodulation, to the channels of an image (5.2.2).

    Args:
        in_channels: channels of the maps.
        style_dim: width of w.
        image_channels: channels of the image.
    """

    def __init__(self, in_channels: int, style_dim: int, image_channels: int = 3) -> None:
        super().__init__()
        self.style = EqualizedLinear(style_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(image_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(image_channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Map maps (b, in_channels, h, w) and style codes (b, style_dim) to (b, image_channels, h, w)."""
        styles = self.style(w) / math.sqrt(x.shape[1])
        return bias_act(modulated_conv2d(x, self.weight, styles, demodulate=False), self.bias)


class SynthesisBlock(nn.Module):
    """One resolution of G_S (5.2.2): styled convolutions, of which the first up-samples, and their part of the image.

    The image of a generator is the sum of the parts of all resolutions.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        style_dim: width of w.
        up: double the size; without it, for the block that starts from the learned constant, there is one convolution.
        image_channels: channels of the image.
        noise: learn strengths for noise that is added to the maps; the thesis has none.
        taps: low-pass filter of the up-sampling of maps and images; (1, 1) repeats each pixel.
    """

    filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        style_dim: int,
        *,
        up: bool = True,
        image_channels: int = 3,
        noise: bool = False,
        taps: Sequence[float] = FIR_TAPS,
    ) -> None:
        super().__init__()
        first = StyledConv(in_channels, out_channels, style_dim, up=2 if up else 1, noise=noise, taps=taps)
        self.convs = nn.ModuleList([first])
        if up:
            self.convs.append(StyledConv(out_channels, out_channels, style_dim, noise=noise))
        self.to_rgb = ToRGB(out_channels, style_dim, image_channels)
        self.register_buffer("filter", fir_filter(taps), persistent=False)

    def forward(
        self, x: Tensor, w: Tensor, image: Tensor | None = None, noises: Sequence[Tensor | None] = (None, None)
    ) -> tuple[Tensor, Tensor]:
        """Compute the maps and the image at the resolution of this block.

        Args:
            x: maps (b, in_channels, h, w).
            w: style codes (b, style_dim).
            image: that of the block before, at the resolution of x; None in the first block.
            noises: one for each convolution.
        Returns:
            Maps (b, out_channels, h', w') and image (b, image_channels, h', w').
        """
        for conv, noise in zip(self.convs, noises, strict=False):
            x = conv(x, w, noise)
        part = self.to_rgb(x, w)
        return x, part if image is None else upsample2d(image, self.filter) + part
