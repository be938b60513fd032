"""MoCoGAN's generator: a recurrent net walks through motions, and an image generator draws each frame by itself."""

from itertools import pairwise

import torch
from einops import rearrange
from torch import Tensor, nn
from vg_layers.deconv2d import deconv2d

from vg_video.generator import VideoGenerator
from vg_video.labels import one_hot
from vg_video.mocogan.config import RESOLUTION, SYSTEM, GeneratorConfig
from vg_video.mocogan.layers import judging_layers


class Generator(VideoGenerator, library_name="vg-video", tags=["video-generation", "mocogan"]):
    """Content, label and a walk of motions to clips of any length (2.4.1, figure 2.12).

    Frame t is drawn from the vector [z_C, label, z_M(t)]. The content z_C and the label are the same in all frames. The
    motions z_M are the states of a GRU, which takes new noise for each frame. An image-conditioned generator (3.4.3)
    reads z_C and the motion of the first frame from an image, and the GRU goes on from there.
    """

    system = SYSTEM
    resolution = RESOLUTION

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        content, motion = config.content_dim, config.motion_dim
        if config.image_conditioned:
            self.encoder = nn.Sequential(*judging_layers(2, config.widths[::-1], content + motion), nn.Flatten())
        self.recurrent = nn.GRUCell(motion, motion)
        self.image_generator = _image_generator(content + len(config.classes) + motion, config.widths)

    @property
    def frames(self) -> int:
        """Frames of a clip unless another length is asked for."""
        return self.config.frames

    @property
    def takes_image(self) -> bool:
        """Whether it goes on from an image."""
        return self.config.image_conditioned

    def latents(self, frames: int, draw: torch.Generator) -> dict[str, Tensor]:
        """Draw the noise of one clip, standard normal; a longer clip from the same source begins as a shorter one.

        Returns:
            `content` (content_dim,), `start` (motion_dim,) and `motion` (frames, motion_dim); for a generator that goes
            on from an image `motion` (frames - 1, motion_dim) alone.
        Raises:
            ValueError: if frames is below 1.
        """
        if frames < 1:
            raise ValueError(f"frames={frames}, wanted 1, 2, 3, ... (nearest: 1)")
        config, still = self.config, {}
        if not config.image_conditioned:
            still["content"] = torch.randn(config.content_dim, generator=draw)
            still["start"] = torch.randn(config.motion_dim, generator=draw)
        motion = torch.stack([torch.randn(config.motion_dim, generator=draw) for _ in range(frames)])
        return {**still, "motion": motion[1:] if config.image_conditioned else motion}

    def forward(
        self,
        motion: Tensor,
        content: Tensor | None = None,
        start: Tensor | None = None,
        *,
        image: Tensor | None = None,
        label: Tensor | None = None,
    ) -> Tensor:
        """Generate clips.

        Args:
            motion: noise that moves the GRU from frame to frame, (b, t, motion_dim); (b, t - 1, motion_dim) for a
                generator that goes on from an image, which then stands for content and start.
            content: z_C, (b, content_dim).
            start: the state of the GRU before the first frame, (b, motion_dim).
            image: where to go on from, in [-1, 1], (b, 3, 64, 64).
            label: class indices, (b,), when the model has classes.
        Returns:
            Video in [-1, 1], (b, 3, t, 64, 64).
        Raises:
            ValueError: if a shape is not as above, or something is missing, or given and not wanted.
        """
        config, b = self.config, len(motion)
        _checked("motion", motion, (b, motion.shape[1] if motion.ndim > 1 else 0, config.motion_dim))
        content, start = self._beginning(b, content, start, image)
        states = [start]
        for noise in motion.unbind(1):
            states.append(self.recurrent(noise, states[-1]))
        walk = torch.stack(states if config.image_conditioned else states[1:], dim=1)
        still = torch.cat([content, self._labels(label, content)], dim=1).unsqueeze(1).expand(-1, walk.shape[1], -1)
        frames = self.image_generator(rearrange(torch.cat([still, walk], dim=2), "b t d -> (b t) d 1 1"))
        return rearrange(frames, "(b t) c h w -> b c t h w", b=b)

    def _beginning(
        self, b: int, content: Tensor | None, start: Tensor | None, image: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Content and first state of the GRU, as given or as read from the image."""
        dims = [self.config.content_dim, self.config.motion_dim]
        if not self.config.image_conditioned:
            _unwanted("image", image)
            return _checked("content", content, (b, dims[0])), _checked("start", start, (b, dims[1]))
        _unwanted("content", content)
        _unwanted("start", start)
        image = _checked("image", image, (b, 3, RESOLUTION, RESOLUTION))
        content, start = self.encoder(image).split(dims, dim=1)
        return content, start

    def _labels(self, label: Tensor | None, like: Tensor) -> Tensor:
        """One-hot labels, (b, classes)."""
        if self.config.classes:
            return one_hot(label, len(self.config.classes)).to(like)
        if label is not None:
            raise ValueError(f"label={label.tolist()}, but the model was trained without labels: leave it out")
        return like.new_zeros(len(like), 0)


class _Deconv(nn.ConvTranspose2d):
    """Transposed convolution in the form that is fastest on a CPU."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        (stride, _), padding = self.stride, int(self.padding[0])
        return deconv2d(x, self.weight, self.bias, (stride, stride), (padding, padding))


def _image_generator(dim: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Layers from vectors (n, dim, 1, 1) to images (n, 3, 64, 64)."""
    layers: list[nn.Module] = [_Deconv(dim, widths[0], 4, bias=False)]
    for before, after in pairwise((*widths, 3)):
        layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True), _Deconv(before, after, 4, 2, 1, bias=False)]
    return nn.Sequential(*layers, nn.Tanh())


def _checked(name: str, value: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """The value, if it is there and has the shape."""
    if value is None or value.shape != shape:
        raise ValueError(
            f"{name} {'is missing' if value is None else f'has shape {tuple(value.shape)}'}, wanted {shape}"
        )
    return value


def _unwanted(name: str, value: Tensor | None) -> None:
    """Refuse what the generator has no use for."""
    if value is not None:
        raise ValueError(f"{name} of shape {tuple(value.shape)} was given, but this generator takes none: leave it out")
