"""Training settings and checkpoints of the released code (wyhsirius/ImaGINator @259c6a2)."""

from collections.abc import Sequence
from typing import Literal

from torch import nn

from vg_video.imaginator.config import (
    FRAMES,
    RESOLUTION,
    GeneratorConfig,
    ImageDiscriminatorConfig,
    ImaGINatorConfig,
    VideoDiscriminatorConfig,
)
from vg_video.imaginator.discriminators import ImageDiscriminator, VideoDiscriminator
from vg_video.imaginator.generator import Generator
from vg_video.official import SPECTRAL_NORM, Builders, Source, State, load_part, size

Part = Literal["generator", "video_discriminator", "image_discriminator"]

# Our name of a piece of a key, and the released code's.
GENERATOR = (
    *((f"encoder.{level}.", f"enc.b{level + 1}.") for level in range(5)),
    *((f"decoder.{level}.", f"dec.block{level + 1}.conv.") for level in range(4)),
    ("decoder.4.", "dec.to_rgb.conv."),
)
VIDEO_DISCRIMINATOR = (("first.", "net1."), ("rest.", "net2."), *SPECTRAL_NORM)


def imaginator_official(classes: Sequence[str] = ()) -> ImaGINatorConfig:
    """The settings with which the released code trains.

    The generator has its update first, and its lambda is 100 on the mean of the absolute differences; D_I sees one
    frame of a clip; no real clip has a wrong label; all nets have one learning rate; Conv5 has no batch norm. What
    differs yet is in docs/decisions/imaginator.md.
    """
    return ImaGINatorConfig(
        generator=GeneratorConfig(appearance_norm=False),
        discriminator_learning_rate=None,
        generator_first=True,
        frames_per_clip=1,
        reconstruction_weight=100 / (3 * FRAMES * RESOLUTION**2),
        wrong_labels=False,
    ).with_classes(classes)


def load(source: Source, part: Part) -> nn.Module:
    """Build a net from a checkpoint of the released code; its sizes are read off the shapes.

    Classes are named "0", "1", ...: a checkpoint knows their number only.

    Args:
        source: a .pth, .pt, .npz or .safetensors file, or a mapping of official keys to arrays or tensors; keys may
            begin with `module.`, as nn.DataParallel writes them.
        part: what the checkpoint holds: "generator", "video_discriminator" or "image_discriminator".
    Returns:
        The module in eval mode, the generator without batch norm after Conv5.
    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file cannot be read, or a key is missing, unknown or of another shape; it names the key.
    """
    builders: Builders = {
        "generator": (_generator, GENERATOR),
        "video_discriminator": (_video_discriminator, VIDEO_DISCRIMINATOR),
        "image_discriminator": (_image_discriminator, SPECTRAL_NORM),
    }
    return load_part(source, part, builders)


def _generator(state: State) -> Generator:
    encoder = [size(state, f"enc.b{level}.0.weight")[0] for level in range(1, 6)]
    blocks = [*(f"dec.block{level}" for level in range(1, 5)), "dec.to_rgb"]
    mid = [size(state, f"{block}.conv.0.weight")[1] for block in blocks]
    out = [size(state, f"{block}.conv.3.weight")[1] for block in blocks]
    latent, second = (size(state, f"dec.block{level}.conv.0.weight")[0] for level in (1, 2))
    classes = second - out[0] - encoder[3]
    sizes = GeneratorConfig(
        encoder_widths=(encoder[0], encoder[1], encoder[2], encoder[3]),
        appearance_dim=encoder[4],
        noise_dim=latent - classes - encoder[4],
        decoder_widths=(out[0], out[1], out[2], out[3]),
        mid_widths=(mid[0], mid[1], mid[2], mid[3], mid[4]),
        classes=tuple(str(index) for index in range(classes)),
        appearance_norm=False,
    )
    return Generator(sizes)


def _video_discriminator(state: State) -> VideoDiscriminator:
    width = size(state, "net1.0.weight_orig")[0]
    classes = size(state, "net2.0.weight_orig")[1] - width
    return VideoDiscriminator(VideoDiscriminatorConfig(width=width, classes=classes))


def _image_discriminator(state: State) -> ImageDiscriminator:
    return ImageDiscriminator(ImageDiscriminatorConfig(width=size(state, "net.0.weight_orig")[0]))
