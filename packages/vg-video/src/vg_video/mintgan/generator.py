"""MintGAN's generator: a clip is a walk in the latent space of an image generator (5.2.1, 5.2.2)."""

import torch
from torch import Tensor, nn
from vg_layers import MappingNetwork, MotionBank, motion_path

from vg_video.generator import VideoGenerator
from vg_video.mintgan.config import SYSTEM, GeneratorConfig
from vg_video.mintgan.synthesis import Synthesis


class Generator(VideoGenerator, library_name="vg-video", tags=["video-generation", "mintgan"]):
    """Appearance noise to the code of the first frame, motion noise to the way that the code goes from there.

    The steps can be taken one by one: `appearance` gives w_0, `magnitudes` A, `path` all w_t, `synthesize` the clip.
    """

    system = SYSTEM

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        layers, rate = config.mapping_layers, config.mapping_rate
        self.appearance_net = MappingNetwork(config.appearance_dim, config.style_dim, layers=layers, lr_multiplier=rate)
        self.gru = nn.GRUCell(config.motion_dim, config.appearance_dim)
        self.motion_net = MappingNetwork(
            config.appearance_dim, config.style_dim, layers=layers, out_features=config.directions, lr_multiplier=rate
        )
        self.bank = MotionBank(config.style_dim, config.directions, config.bank, config.order)
        self.synthesis = Synthesis(config)

    @property
    def frames(self) -> int:
        """Frames of a clip unless another length is asked for."""
        return self.config.frames

    @property
    def resolution(self) -> int:
        """Height and width of a frame in pixels."""
        return self.config.resolution

    def latents(self, frames: int, draw: torch.Generator) -> dict[str, Tensor]:
        """Draw z_a (appearance_dim,), z_m (frames - 1, motion_dim), and maps of noise (n,) if the generator has them.

        A longer clip from the same source begins with the frames of a shorter one.

        Raises:
            ValueError: for less than one frame.
        """
        if frames < 1:
            raise ValueError(f"frames={frames}, wanted 1, 2, 3, ... (nearest: 1)")
        drawn = {"appearance": torch.randn(self.config.appearance_dim, generator=draw)}
        if self.config.noise:
            drawn["noise"] = torch.randn(self.synthesis.noise_size, generator=draw)
        motion = torch.empty(frames - 1, self.config.motion_dim)
        for row in motion:  # one by one, so that what is drawn for a row does not depend on how many follow
            row.normal_(generator=draw)
        return drawn | {"motion": motion}

    def forward(
        self, appearance: Tensor, motion: Tensor, noise: Tensor | None = None, *, codes: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Generate clips.

        Args:
            appearance: z_a, standard normal, (b, appearance_dim).
            motion: z_m, standard normal, one for each transition, (b, t - 1, motion_dim), t being any number.
            noise: all maps of noise of a clip, one after another, (b, n), if the generator has them; None for none.
            codes: return w_t too.
        Returns:
            Video, (b, 3, t, resolution, resolution), and with `codes` also w_0 to w_(t-1), (b, t, style_dim), of which
            it was made. Colors lie in [-1, 1]; in training mode, where a limit would stop gradients, around it.
        Raises:
            ValueError: if a shape is not as above.
        """
        w = self.path(self.appearance(appearance), self.magnitudes(appearance, motion))
        video = self.synthesize(w, noise)
        video = video if self.training else video.clamp(-1, 1)
        return (video, w) if codes else video

    def appearance(self, appearance: Tensor) -> Tensor:
        """G_A: the code of the first frame, w_0, (b, style_dim), from z_a, (b, appearance_dim).

        Raises:
            ValueError: if z_a has another shape.
        """
        if appearance.shape != (len(appearance), self.config.appearance_dim):
            raise ValueError(
                f"appearance has shape {tuple(appearance.shape)}, wanted (b, {self.config.appearance_dim})"
            )
        return self.appearance_net(appearance)

    def magnitudes(self, appearance: Tensor, motion: Tensor) -> Tensor:
        """The GRU and G_M: how far each transition goes along each direction (eq. 5.2).

        Args:
            appearance: z_a, (b, appearance_dim), from which the GRU starts.
            motion: z_m, (b, t - 1, motion_dim).
        Returns:
            A, (b, t - 1, directions).
        Raises:
            ValueError: if z_m has another shape.
        """
        if motion.ndim != 3 or motion.shape[::2] != (len(appearance), self.config.motion_dim):
            raise ValueError(
                f"motion has shape {tuple(motion.shape)}, wanted ({len(appearance)}, t - 1, {self.config.motion_dim})"
            )
        states = [appearance]
        for z in motion.unbind(1):
            states.append(self.gru(z, states[-1]))
        return self.config.motion_gain * self.motion_net(torch.stack(states, dim=1)[:, 1:])

    def path(self, start: Tensor, magnitudes: Tensor) -> Tensor:
        """Walk from w_0 along the directions of the motion bank (eq. 5.4).

        Args:
            start: w_0, (b, style_dim).
            magnitudes: A, (b, t - 1, directions).
        Returns:
            w_0 to w_(t-1), (b, t, style_dim).
        Raises:
            ValueError: if a shape is not as above.
        """
        return motion_path(start, magnitudes, self.bank(), self.config.leak)

    def synthesize(self, w: Tensor, noise: Tensor | None = None) -> Tensor:
        """G_S: make each frame of its code (eq. 5.3).

        Args:
            w: (b, t, style_dim), from `path` or anywhere else.
            noise: all maps of noise of a clip, one after another, (b, n); None for none.
        Returns:
            Video around [-1, 1], (b, 3, t, resolution, resolution).
        Raises:
            ValueError: if noise is given that has another shape, or that the generator has no use for.
        """
        b, t, _ = w.shape
        if noise is not None and noise.shape != (b, self.synthesis.noise_size):
            raise ValueError(f"noise has shape {tuple(noise.shape)}, wanted ({b}, {self.synthesis.noise_size})")
        noise = None if noise is None else noise.repeat_interleave(t, dim=0)
        return self.synthesis(w.flatten(0, 1), noise).unflatten(0, (b, t)).transpose(1, 2)
