"""The three-stream generator of G3AN: five G3 modules and F-SA (4.3.1)."""

from collections.abc import Iterable
from typing import cast

import torch
from einops import repeat
from torch import Tensor, nn
from vg_layers import FactorizedAttention
from vg_layers.conv import (
    FrameConv,
    SpatialTransposedConv,
    TemporalTransposedConv,
    Window,
    conv_block,
    matched_mid_channels,
    transposed_conv,
)
from vg_layers.ops.fuse_streams import add_motion, fuse_streams

from vg_video.g3an.config import MIN_FRAMES, RESOLUTION, SYSTEM, GeneratorConfig, motion_length
from vg_video.generator import VideoGenerator
from vg_video.labels import one_hot

# Windows of the five modules: along time 1 -> 4 -> 8 -> 16 -> 16 -> 16 frames, along space 1 -> 4 -> ... -> 64 pixels.
DOUBLE = Window(4, 2, 1)
TEMPORAL = (Window(4), DOUBLE, DOUBLE, Window(1), Window(1))
SPATIAL = (Window(4), DOUBLE, DOUBLE, DOUBLE, DOUBLE)


class G3Module(nn.Module):
    """One level of the generator: three streams, and their fusion (4.3.1, figures 4.2 and 4.4).

    A stream that is left out (table 4.3) leaves its map out of the fusion, and nothing takes its place.

    Args:
        config: switches and convolution kind.
        level: which of the five modules, from 0.
        appearance: channels of F_S from the module before (z_a for the first).
        motion: channels of F_T from the module before (z_m, and the label, for the first).
        video: channels of F_V from the module before (z_a and z_m for the first).
    """

    def __init__(self, config: GeneratorConfig, level: int, appearance: int, motion: int, video: int) -> None:
        super().__init__()
        width, temporal, spatial = config.widths[level], TEMPORAL[level], SPATIAL[level]
        mid = None
        if config.equal_parameters:
            mid = matched_mid_channels(video, width, kind=config.convolution, temporal=temporal, spatial=spatial)
        self.video = transposed_conv(
            video,
            width,
            kind=config.convolution,
            temporal=temporal,
            spatial=spatial,
            mid_channels=mid,
            spectral_norm=config.spectral_norm,
        )
        self.spatial = self.temporal = None
        if config.spatial_stream:
            self.spatial = conv_block(
                SpatialTransposedConv(appearance, width, spatial), spectral_norm=config.spectral_norm
            )
        if config.temporal_stream:
            self.temporal = conv_block(
                TemporalTransposedConv(motion, width, temporal), spectral_norm=config.spectral_norm
            )

    def forward(self, appearance: Tensor, motion: Tensor, *video: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take F_S and F_T of the module before, and F_V as one map or as the `parts` it consists of.

        Returns:
            F_S (b, c_s, 1, h, w), F_T (b, c, t, 1, 1) and F_V' (b, c, t, h, w) of this level, not fused yet.
        """
        if self.spatial:
            appearance = self.spatial(appearance)
        if self.temporal:
            motion = self.temporal(motion)
        return appearance, motion, self.video(*video)

    def parts(self, appearance: Tensor, motion: Tensor, video: Tensor) -> tuple[Tensor, ...]:
        """Fuse the streams of this level but for the joining along channels, which a convolution does without."""
        if self.temporal:
            video = add_motion(video, motion)
        return (appearance, video) if self.spatial else (video,)

    def fuse(self, appearance: Tensor, motion: Tensor, video: Tensor) -> Tensor:
        """Fuse the streams of this level to F_V, (b, c_s + c, t, h, w)."""
        if self.spatial and self.temporal:
            return fuse_streams(video, appearance, motion)
        parts = self.parts(appearance, motion, video)
        return torch.cat([part.expand(-1, -1, video.shape[2], -1, -1) for part in parts], dim=1)


class Generator(VideoGenerator, library_name="vg-video", tags=["video-generation", "g3an"]):
    """Appearance and motion noise to video, with separate streams for both (4.3.1).

    `save_pretrained` writes a model folder, `vg_video.models.load_generator` reads it.
    """

    system = SYSTEM
    frames = MIN_FRAMES
    resolution = RESOLUTION

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config: GeneratorConfig = config
        appearance, motion = config.appearance_dim, config.motion_dim + len(config.classes)
        video = config.appearance_dim + config.motion_dim
        levels: list[nn.Module] = []
        for level, width in enumerate(config.widths):
            levels.append(G3Module(config, level, appearance, motion, video))
            appearance = motion = width
            video = 2 * width if config.spatial_stream else width
            if level == config.attention_after:
                self.attention = FactorizedAttention(
                    video, spectral_norm=config.spectral_norm, official_reshape=config.official_reshape
                )
        self.levels = nn.ModuleList(levels)
        self.to_rgb = FrameConv(video, 3, Window(3, padding=1))
        nn.init.normal_(self.to_rgb.weight, 0.0, 0.02)

    def forward(self, appearance: Tensor, motion: Tensor, label: Tensor | None = None) -> Tensor:
        """Generate clips.

        Args:
            appearance: z_a, standard normal, (b, appearance_dim).
            motion: z_m, standard normal, (b, l, motion_dim); l = 1 gives 16 frames, each further vector 4 more.
            label: class indices, (b,), when the model has classes; they reach the temporal stream alone (4.4.5).
        Returns:
            Video in [-1, 1], (b, 3, 4 (l + 3), 64, 64).
        Raises:
            ValueError: if a shape is not as above, or the label is missing, or given to a model without classes.
        """
        self._check(appearance, motion, label)
        classes, length = len(self.config.classes), motion.shape[1]
        f_s, f_t = appearance[:, :, None, None, None], motion.mT[..., None, None]
        f_v: tuple[Tensor, ...] = (f_s, f_t)  # maps that stand beside each other; F_S has one frame for all times
        if classes:
            labels = repeat(one_hot(label, classes).to(motion), "b k -> b k l 1 1", l=length)
            f_t = torch.cat([labels, f_t], dim=1)
        for level, module in enumerate(cast(Iterable[G3Module], self.levels)):
            f_s, f_t, video = module(f_s, f_t, *f_v)
            if level == self.config.attention_after:
                f_v = (self.attention(module.fuse(f_s, f_t, video)),)
            else:
                f_v = module.parts(f_s, f_t, video)
        return self.to_rgb(*f_v).tanh()

    def latents(self, frames: int, draw: torch.Generator) -> dict[str, Tensor]:
        """Draw z_a and z_m of one clip, in this order: the appearance is the same for any number of frames.

        Raises:
            ValueError: for a number that is not 16, 20, 24, ...
        """
        appearance = torch.randn(self.config.appearance_dim, generator=draw)
        motion = torch.randn(motion_length(frames), self.config.motion_dim, generator=draw)
        return {"appearance": appearance, "motion": motion}

    def _check(self, appearance: Tensor, motion: Tensor, label: Tensor | None) -> None:
        """Refuse inputs of other shapes."""
        b, config = len(appearance), self.config
        if appearance.shape != (b, config.appearance_dim):
            raise ValueError(f"appearance has shape {tuple(appearance.shape)}, wanted (b, {config.appearance_dim})")
        if motion.ndim != 3 or motion.shape != (b, motion.shape[1], config.motion_dim) or motion.shape[1] < 1:
            raise ValueError(f"motion has shape {tuple(motion.shape)}, wanted ({b}, l >= 1, {config.motion_dim})")
        if label is not None and not config.classes:
            raise ValueError(f"label={label.tolist()}, but the model was trained without labels: leave it out")
