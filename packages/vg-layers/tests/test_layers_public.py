"""The public list of vg_layers."""

import subprocess
import sys
from types import ModuleType

import vg_layers

PUBLIC = [
    "AdversarialLoss",
    "BEGAN",
    "BankMode",
    "BankOrder",
    "ConvBlock",
    "ConvKind",
    "DRAGAN",
    "DRAGANPenalty",
    "Ema",
    "Engine",
    "EqualizedConv2d",
    "EqualizedLinear",
    "FactorizedAttention",
    "FrameConv",
    "HingeGAN",
    "InstanceNorm",
    "LSGAN",
    "LossKind",
    "MMGAN",
    "MappingNetwork",
    "MotionBank",
    "NSGAN",
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
    "WGAN",
    "WGANGP",
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


def test_public_list_is_complete():
    assert set(vg_layers.__all__) == {
        name
        for name, value in vars(vg_layers).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert sorted(vg_layers.__all__) == PUBLIC  # a name that comes or goes is a change for users: change it here too


def test_import_brings_torch_and_einops_and_no_system_or_framework():
    code = "import sys, vg_layers; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert {"torch", "einops"} <= loaded
    assert not loaded & {"vg_video", "vg_reid", "vg_metrics", "lightning", "triton", "faiss", "av", "PIL", "scipy"}
