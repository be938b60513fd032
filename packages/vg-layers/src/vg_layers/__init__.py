"""Building blocks of the networks of the thesis *Learning to Generate Human Videos*, in plain PyTorch."""

from vg_layers.adversarial import discriminator_loss, generator_loss, r1_penalty
from vg_layers.attention import FactorizedAttention, SpatialAttention, TemporalAttention
from vg_layers.augment import consistent_augment
from vg_layers.conv import (
    ConvKind,
    SpatialTransposedConv,
    TemporalTransposedConv,
    Window,
    conv_block,
    matched_mid_channels,
    transposed_conv,
)
from vg_layers.ema import Ema
from vg_layers.engine import Engine, SingleDevice, Step
from vg_layers.frames import sample_frames
from vg_layers.fusion import fuse_streams

__all__ = [
    "ConvKind",
    "Ema",
    "Engine",
    "FactorizedAttention",
    "SingleDevice",
    "SpatialAttention",
    "SpatialTransposedConv",
    "Step",
    "TemporalAttention",
    "TemporalTransposedConv",
    "Window",
    "consistent_augment",
    "conv_block",
    "discriminator_loss",
    "fuse_streams",
    "generator_loss",
    "matched_mid_channels",
    "r1_penalty",
    "sample_frames",
    "transposed_conv",
]
