"""VGAN's generator: a moving foreground over a still background (2.4.1)."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from vg_layers.conv import ConvBlock, TransposedConv, Window, conv_block

from vg_video.generator import VideoGenerator
from vg_video.labels import one_hot
from vg_video.vgan.config import FRAMES, RESOLUTION, SYSTEM, GeneratorConfig

KEEP, DOUBLE = Window(1), Window(4, 2, 1)
ENCODER_EPS = 1e-3  # of the encoder's batch norms, as released


class Streams(NamedTuple):
    """What a video is made of: mask * foreground + (1 - mask) * background."""

    video: Tensor  # in [-1, 1], (b, 3, 32, 64, 64)
    foreground: Tensor  # likewise
    mask: Tensor  # in [0, 1], (b, 1, 32, 64, 64)
    background: Tensor  # in [-1, 1], one frame for all times, (b, 3, 1, 64, 64)


class Generator(VideoGenerator, library_name="vg-video", tags=["video-generation", "vgan"]):
    """Noise, and where it is asked for an image and a label, to video.

    A 2D stream makes the background. A 3D one makes the foreground, and a mask that says where it covers the background
    (2.4.1). An image is encoded to a map of 4 x 4 pixels, from which both streams go on (3.4.3).
    """

    system = SYSTEM
    frames = FRAMES
    resolution = RESOLUTION

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        first, *rest = config.widths
        code = config.noise_dim + len(config.classes)
        still: list[nn.Module] = []
        if config.image_conditioned:
            self.encoder = _encoder(config.widths)
            code += first
            up = (code, *rest)  # the code has 4 x 4 pixels already
        else:
            still.append(_stage(code, first, KEEP, Window(4)))
            up = config.widths
        still += [_stage(*channels, KEEP, DOUBLE) for channels in pairwise(up)]
        self.background = nn.Sequential(*still, _conv(rest[-1], 3, KEEP, DOUBLE), nn.Tanh())
        self.moving = nn.Sequential(
            _stage(code, first, Window(2), KEEP if config.image_conditioned else Window(4)),
            *(_stage(*channels, DOUBLE, DOUBLE) for channels in pairwise(config.widths)),
        )
        self.foreground_and_mask = _conv(rest[-1], 3 + 1, DOUBLE, DOUBLE)  # two layers in one

    @property
    def takes_image(self) -> bool:
        """Whether it goes on from an image (3.4.3)."""
        return self.config.image_conditioned

    def forward(
        self, noise: Tensor, *, image: Tensor | None = None, label: Tensor | None = None, streams: bool = False
    ) -> Tensor | Streams:
        """Generate clips.

        Args:
            noise: z, standard normal, (b, noise_dim).
            image: in [-1, 1], (b, 3, 64, 64), when the model takes one.
            label: class indices, (b,), when the model has classes.
            streams: return what the video is made of, too.
        Returns:
            Video in [-1, 1], (b, 3, 32, 64, 64), or `Streams`.
        Raises:
            ValueError: if a shape is not as above, or an image or label is missing or not wanted.
        """
        code = self._code(noise, image, label)
        background = self.background(code)
        foreground, mask = self.foreground_and_mask(self.moving(code)).split((3, 1), dim=1)
        foreground, mask = foreground.tanh(), mask.sigmoid()
        made = Streams(torch.lerp(background, foreground, mask), foreground, mask, background)
        return made if streams else made.video

    def latents(self, frames: int, draw: torch.Generator) -> dict[str, Tensor]:
        """Draw z of one clip, (noise_dim,).

        Raises:
            ValueError: for another length than 32 frames, the only one that the 3D stream makes.
        """
        if frames != FRAMES:
            raise ValueError(f"frames={frames}, wanted {FRAMES}: clips of VGAN have no other length")
        return {"noise": torch.randn(self.config.noise_dim, generator=draw)}

    def _code(self, noise: Tensor, image: Tensor | None, label: Tensor | None) -> Tensor:
        """What both streams start from: noise, label and encoded image, (b, c, 1, h, w) with h = w = 1 or 4."""
        b, config = len(noise), self.config
        if noise.shape != (b, config.noise_dim):
            raise ValueError(f"noise has shape {tuple(noise.shape)}, wanted (b, {config.noise_dim})")
        parts = [noise]
        if config.classes:
            parts.append(one_hot(label, len(config.classes)).to(noise))
        elif label is not None:
            raise ValueError(f"label={label.tolist()}, but the model was trained without labels: leave it out")
        code = torch.cat(parts, dim=1)[:, :, None, None, None]
        if not config.image_conditioned:
            if image is not None:
                raise ValueError("an image was given, but the model makes videos from noise alone: leave it out")
            return code
        if image is None or image.shape != (b, 3, RESOLUTION, RESOLUTION):
            found = None if image is None else tuple(image.shape)
            raise ValueError(f"image has shape {found}, wanted ({b}, 3, {RESOLUTION}, {RESOLUTION})")
        maps = self.encoder(image.contiguous(memory_format=torch.channels_last)).unsqueeze(2)
        return torch.cat([code.expand(-1, -1, *maps.shape[2:]), maps], dim=1)


def _encoder(widths: tuple[int, ...]) -> nn.Sequential:
    """An image to a map of 4 x 4 pixels, through the generator's widths backwards."""
    layers: list[nn.Module] = []
    for before, after in pairwise((3, *reversed(widths))):
        conv = nn.Conv2d(before, after, *DOUBLE)
        nn.init.normal_(conv.weight, 0.0, 0.01)
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        layers.append(conv)
        if before != 3:
            norm = nn.BatchNorm2d(after, eps=ENCODER_EPS)
            nn.init.normal_(norm.weight, 1.0, 0.02)
            layers.append(norm)
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _stage(before: int, after: int, temporal: Window, spatial: Window) -> ConvBlock:
    """A transposed convolution with batch norm and ReLU."""
    return conv_block(_conv(before, after, temporal, spatial), spectral_norm=False)


def _conv(before: int, after: int, temporal: Window, spatial: Window) -> TransposedConv:
    """A transposed convolution with weights from N(0, 0.01), as released."""
    conv = TransposedConv(before, after, temporal, spatial)
    nn.init.normal_(conv.weight, 0.0, 0.01)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
