"""Building blocks of the networks of the thesis *Learning to Generate Human Videos*, in plain PyTorch."""

from vg_layers.adversarial import (
    BEGAN,
    DRAGAN,
    LSGAN,
    MMGAN,
    NSGAN,
    WGAN,
    WGANGP,
    AdversarialLoss,
    HingeGAN,
    LossKind,
    adversarial_loss,
    discriminator_loss,
    generator_loss,
    reconstruction_error,
)
from vg_layers.attention import FactorizedAttention, SpatialAttention, TemporalAttention
from vg_layers.augment import consistent_augment
from vg_layers.conv import (
    ConvBlock,
    ConvKind,
    FrameConv,
    SpatialTransposedConv,
    TemporalTransposedConv,
    TransposedConv,
    Window,
    conv_block,
    matched_mid_channels,
    transposed_conv,
)
from vg_layers.ema import Ema
from vg_layers.engine import Engine, SingleDevice, Step
from vg_layers.fold import fold_for_inference
from vg_layers.frames import sample_frames
from vg_layers.fusion import spatio_temporal_fusion
from vg_layers.motion import BankMode, BankOrder, MotionBank, motion_path
from vg_layers.norm import InstanceNorm, SampleLayerNorm, adaptive_instance_norm, pixel_norm
from vg_layers.ops import bias_act, factorized_attention, fuse_streams, sampled_nce, temporal_deconv, upfirdn2d
from vg_layers.penalties import DRAGANPenalty, PathLengthPenalty, Penalty, R1Penalty, WGANGPPenalty, r1_penalty
from vg_layers.resample import conv2d_resample, fir_filter, upsample2d
from vg_layers.residual import ResidualDiscriminator, ResidualDownBlock, minibatch_std
from vg_layers.spectral import clip_singular_values_, spectral_norm
from vg_layers.style import (
    EqualizedConv2d,
    EqualizedLinear,
    MappingNetwork,
    StyledConv,
    SynthesisBlock,
    ToRGB,
    modulated_conv2d,
)

__all__ = [
    "BEGAN",
    "DRAGAN",
    "LSGAN",
    "MMGAN",
    "NSGAN",
    "WGAN",
    "WGANGP",
    "AdversarialLoss",
    "BankMode",
    "BankOrder",
    "ConvBlock",
    "ConvKind",
    "DRAGANPenalty",
    "Ema",
    "Engine",
    "EqualizedConv2d",
    "EqualizedLinear",
    "FactorizedAttention",
    "FrameConv",
    "HingeGAN",
    "InstanceNorm",
    "LossKind",
    "MappingNetwork",
    "MotionBank",
    "PathLengthPenalty",
    "Penalty",
    "R1Penalty",
    "ResidualDiscriminator",
    "ResidualDownBlock",
    "SampleLayerNorm",
    "SingleDevice",
    "SpatialAttention",
    "SpatialTransposedConv",
    "Step",
    "StyledConv",
    "SynthesisBlock",
    "TemporalAttention",
    "TemporalTransposedConv",
    "ToRGB",
    "TransposedConv",
    "WGANGPPenalty",
    "Window",
    "adaptive_instance_norm",
    "adversarial_loss",
    "bias_act",
    "clip_singular_values_",
    "consistent_augment",
    "conv2d_resample",
    "conv_block",
    "discriminator_loss",
    "factorized_attention",
    "fir_filter",
    "fold_for_inference",
    "fuse_streams",
    "generator_loss",
    "matched_mid_channels",
    "minibatch_std",
    "modulated_conv2d",
    "motion_path",
    "pixel_norm",
    "r1_penalty",
    "reconstruction_error",
    "sample_frames",
    "sampled_nce",
    "spatio_temporal_fusion",
    "spectral_norm",
    "temporal_deconv",
    "transposed_conv",
    "upfirdn2d",
    "upsample2d",
]
