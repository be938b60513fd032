"""Checkpoints of the released code (sergeytulyakov/mocogan) as nets of this package."""

from functools import partial
from typing import Literal

from torch import nn

from vg_video.mocogan.config import GeneratorConfig, ImageDiscriminatorConfig, VideoDiscriminatorConfig
from vg_video.mocogan.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.mocogan.generator import Generator
from vg_video.official import Builders, Source, State, load_part, size

Part = Literal["generator", "video_discriminator", "image_discriminator"]

# Our name of a piece of a key, and the released code's.
GENERATOR = (("image_generator.", "main."),)
DISCRIMINATOR = (("net.", "main."),)


def load(source: Source, part: Part, *, content_dim: int = 50) -> nn.Module:
    """Build a net from a checkpoint of the released code; its sizes are read off the shapes.

    The released code saves a whole pickled module, which nothing here opens: with that code at hand, save its
    `state_dict()`. Classes are named "0", "1", ...: a checkpoint knows their number only.

    Args:
        source: a .pth, .pt, .npz or .safetensors file, or a mapping of official keys to arrays or tensors; keys may
            begin with `module.`, as nn.DataParallel writes them.
        part: what the checkpoint holds. All released discriminators can be read: with or without patches, D_V with or
            without categories.
        content_dim: numbers of a frame's vector that are content; no shape tells content from categories.
    Returns:
        The module in eval mode.
    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; it names the key.
    """
    builders: Builders = {
        "generator": (partial(_generator, content_dim=content_dim), GENERATOR),
        "video_discriminator": (_video_discriminator, DISCRIMINATOR),
        "image_discriminator": (_image_discriminator, DISCRIMINATOR),
    }
    return load_part(source, part, builders)


def _generator(state: State, content_dim: int) -> Generator:
    motion = size(state, "recurrent.weight_hh")[1]
    vector = size(state, "main.0.weight")[0]
    classes = vector - motion - content_dim
    if classes < 0:
        raise ValueError(
            f"content_dim={content_dim}, wanted at most {vector - motion}: main.0.weight takes {vector} numbers, "
            f"{motion} of them motion"
        )
    first, second, third, fourth = (size(state, f"main.{layer}.weight")[1] for layer in (0, 3, 6, 9))
    config = GeneratorConfig(
        content_dim=content_dim,
        motion_dim=motion,
        widths=(first, second, third, fourth),
        classes=tuple(str(index) for index in range(classes)),
    )
    return Generator(config)


def _video_discriminator(state: State) -> VideoDiscriminator:
    patch = _is_patch(state)
    outputs = size(state, "main.11.weight" if patch else "main.15.weight")[0]
    width = size(state, "main.1.weight")[0]
    return VideoDiscriminator(VideoDiscriminatorConfig(width=width, classes=outputs - 1, patch=patch))


def _image_discriminator(state: State) -> ImageDiscriminator:
    config = ImageDiscriminatorConfig(width=size(state, "main.1.weight")[0], patch=_is_patch(state))
    return ImageDiscriminator(config)


def _is_patch(state: State) -> bool:
    """Whether the fourth batch norm, which patch nets do without, is missing."""
    return "main.13.weight" not in state
