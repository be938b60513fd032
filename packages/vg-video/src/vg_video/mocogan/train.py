"""The training procedure of MoCoGAN."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from vg_layers import Step

from vg_video.first_frame import first_frame_loss
from vg_video.mocogan.layers import draw_noise_from
from vg_video.mocogan.state import TrainState
from vg_video.temporal_pyramid import pyramid_critics
from vg_video.training import Critic, Generated, Part, Procedure, run

if TYPE_CHECKING:
    from vg_video.data.clips import Batch


def train(state: TrainState, batches: Iterable["Batch"]) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    A step improves both discriminators on real and generated clips, then the generator on clips that it makes anew.
    D_V also learns the labels of the real clips, and the generator to make clips whose labels D_V can tell, the mutual
    information of InfoGAN. All draws are functions of (seed, step, clip).

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        batches: batches of clips from the state's step on: video (b, 3, t, 64, 64) in [-1, 1], t >= 16, and the label
            (b,) when the config has classes.
    Yields:
        The step's index and losses: both discriminators', the generator's by each of them, the cross-entropies of the
        labels, and those of the first frame and the penalties where there are any.
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if a batch is of another step, its labels are missing, or its clips have another shape.
    """
    return run(state, batches, _MoCoGAN(state))


class _MoCoGAN(Procedure):
    fresh = True  # as released

    def __init__(self, state: TrainState) -> None:
        self.config = state.config
        self.discriminators = [state.nets[name] for name in state.discriminators]

    def critics(self, part: Part, real: Tensor, fake: Tensor) -> list[Critic]:
        """D_V sees clips and tells their labels, D_I sees frames; a generated clip has the label of a real one."""
        config, count = self.config, self.config.frames_per_clip
        self._draw_noise(part)
        video = Critic(
            name="video_discriminator",
            real=real,
            fake=fake,
            label=part.label,
            fake_label=part.label,
            auxiliary=config.tells_labels,
        )
        image = Critic(name="image_discriminator", real=part.frames(real, count), fake=part.frames(fake, count))
        return [*(pyramid_critics(config.pyramid, video) if config.pyramid else [video]), image]

    def generator_terms(self, part: Part, generated: Generated) -> dict[str, Tensor]:
        """The loss of the first frame, weighted."""
        weight = self.config.first_frame_weight
        if part.image is None or not weight:
            return {}
        return {"first_frame": weight * first_frame_loss(generated.video, part.image)}

    def _draw_noise(self, part: Part) -> None:
        """Let the instance noise of this update come from the part's own draws."""
        if self.config.video_discriminator.noise or self.config.image_discriminator.noise:
            seed = int(torch.randint(2**62, (), generator=part.draws[0]))
            source = torch.Generator(part.video.device).manual_seed(seed)
            for net in self.discriminators:
                draw_noise_from(source, net)
