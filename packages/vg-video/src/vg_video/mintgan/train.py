"""The training procedure of MintGAN (5.2.4)."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn
from vg_layers import PathLengthPenalty, Step

from vg_video.mintgan.state import PATH_LENGTH, TrainState
from vg_video.temporal_pyramid import pyramid_critics
from vg_video.training import Critic, Generated, Part, Procedure, run

if TYPE_CHECKING:
    from vg_video.data.clips import Batch


def train(state: TrainState, batches: Iterable["Batch"]) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    A step improves each discriminator by its own loss, then the generator by lambda times the sum of those of the
    pyramid plus that of D_I, on the same clips (eq. 5.5). All draws are functions of (seed, step, clip).

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        batches: batches of clips from the state's step on: video (b, 3, t, h, w) in [-1, 1], of the length and size
            that the config says.
    Yields:
        The step's index and losses: each discriminator's, the generator's by each of them, weighted, and the penalties
        when they are due.
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if a batch is of another step, or its clips have another shape.
    """
    return run(state, batches, _MintGAN(state))


class _MintGAN(Procedure):
    def __init__(self, state: TrainState) -> None:
        self.state, self.config = state, state.config

    def critics(self, part: Part, real: Tensor, fake: Tensor) -> list[Critic]:
        """The pyramid sees clips at all speeds, D_I frames (5.2.3)."""
        config = self.config
        video = Critic(name="video_discriminator", real=real, fake=fake, weight=config.pyramid_weight)
        frames = [part.frames(clips, config.frames_per_clip) for clips in (real, fake)]
        image = Critic(name="image_discriminator", real=frames[0], fake=frames[1])
        return [*pyramid_critics(config.video_discriminator, video), image]

    def generate(self, generator: nn.Module, part: Part) -> Generated:
        """Clips, and their codes when the path length penalty is due."""
        if not self.config.path_length_weight or self.state.step % self.config.path_length_every:
            return super().generate(generator, part)
        video, codes = generator(**part.latents, codes=True)
        return Generated(video, {"codes": codes})

    def generator_terms(self, part: Part, generated: Generated) -> dict[str, Tensor]:
        """The path length penalty, when it is due; its running mean is that of all processes."""
        if "codes" not in generated.extra:
            return {}
        penalty = cast(PathLengthPenalty, self.state.losses[PATH_LENGTH])
        term = penalty(generated.video, generated.extra["codes"], part.draws[0])
        penalty.mean.copy_(self.state.engine.all_reduce(penalty.mean, reduce_op="mean"))
        return {PATH_LENGTH: term}
