"""Operations with a PyTorch reference and a Triton kernel of the same signature."""

from vg_layers.ops.bias_act import bias_act
from vg_layers.ops.factorized_attention import factorized_attention
from vg_layers.ops.fuse_streams import fuse_streams
from vg_layers.ops.sampled_nce import sampled_nce
from vg_layers.ops.temporal_deconv import temporal_deconv
from vg_layers.ops.upfirdn2d import upfirdn2d

__all__ = [
    "bias_act",
    "factorized_attention",
    "fuse_streams",
    "sampled_nce",
    "temporal_deconv",
    "upfirdn2d",
]
