"""Checkpoints of the released code (wyhsirius/g3an-project @74764fd) as nets of this package."""

from typing import Literal, cast

from torch import nn
from vg_layers import FactorizedAttention

from vg_video.g3an.config import GeneratorConfig, ImageDiscriminatorConfig, VideoDiscriminatorConfig
from vg_video.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.g3an.generator import Generator
from vg_video.official import SPECTRAL_NORM, Builders, Source, State, load_part, size

Part = Literal["generator", "video_discriminator", "image_discriminator", "attention"]

# Our name of a piece of a key, and the released code's.
ATTENTION = [(".query.", ".q_conv."), (".key.", ".k_conv."), (".value.", ".v_conv."), *SPECTRAL_NORM]
GENERATOR = [
    *((f"levels.{level}.", f"block{level + 1}.") for level in range(5)),
    (".video.", ".conv_v."),
    (".spatial.", ".conv_s."),
    (".temporal.", ".conv_t."),
    ("attention.", "fsa."),
    ("to_rgb.", "to_rgb.0."),
    *ATTENTION,
]
VIDEO_DISCRIMINATOR = [
    *((f"first.{index}.", f"net.{index}.") for index in (0, 2)),
    *((f"rest.{index}.", f"net.{index + 4}.") for index in range(0, 16, 2)),
    *SPECTRAL_NORM,
]


def load(source: Source, part: Part) -> nn.Module:
    """Build a net from a checkpoint of the released code; its sizes are read off the shapes.

    Args:
        source: a .pth, .pt, .npz or .safetensors file, or a mapping of official keys to arrays or tensors; keys may
            begin with `module.`, as nn.DataParallel writes them.
        part: what the checkpoint holds: "generator", "video_discriminator", "image_discriminator", or "attention"
            (F-SA, keys `tsa.*` and `ssa.*`).
    Returns:
        The module in eval mode, with F-SA in the released code's reshape order.
    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; it names the key.
    """
    builders: Builders = {
        "generator": (_generator, GENERATOR),
        "video_discriminator": (_video_discriminator, VIDEO_DISCRIMINATOR),
        "image_discriminator": (_image_discriminator, SPECTRAL_NORM),
        "attention": (_attention, ATTENTION),
    }
    return load_part(source, part, builders)


def _generator(state: State) -> Generator:
    widths = [size(state, f"block{level}.conv_s.0.weight_orig")[1] for level in range(1, 6)]
    along_time, *along_space = (k > 1 for k in size(state, "block1.conv_v.0.weight_orig")[2:])
    attention = any(key.startswith("fsa.") for key in state)
    config = GeneratorConfig(
        appearance_dim=size(state, "block1.conv_s.0.weight_orig")[0],
        motion_dim=size(state, "block1.conv_t.0.weight_orig")[0],
        widths=cast(tuple[int, int, int, int, int], tuple(widths)),
        convolution="3d" if along_time and any(along_space) else "1+2d" if along_time else "2+1d",
        attention_after=3 if attention else None,
        official_reshape=attention,
    )
    return Generator(config)


def _video_discriminator(state: State) -> VideoDiscriminator:
    width = size(state, "net.0.weight_orig")[0]
    return VideoDiscriminator(VideoDiscriminatorConfig(kind="2+1d", norm="spectral", width=width))


def _image_discriminator(state: State) -> ImageDiscriminator:
    return ImageDiscriminator(ImageDiscriminatorConfig(width=size(state, "net.0.weight_orig")[0]))


def _attention(state: State) -> FactorizedAttention:
    reduced, channels = size(state, "tsa.q_conv.weight_orig")[:2]
    return FactorizedAttention(channels, channels // reduced, spectral_norm=True, official_reshape=True)
