"""The training procedure of TGAN."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from torch import Tensor
from vg_layers import Step

from vg_video.temporal_pyramid import pyramid_critics
from vg_video.tgan.config import TGANConfig
from vg_video.tgan.state import TrainState
from vg_video.training import Critic, Part, Procedure, run

if TYPE_CHECKING:
    from vg_video.data.clips import Batch


def train(state: TrainState, batches: Iterable["Batch"]) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    A step generates clips and improves generator and discriminator on them; after every `clip_every`-th the singular
    values of the discriminator's weights are clipped to 1 (2.4.1). All draws are functions of (seed, step, clip).

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        batches: batches of clips from the state's step on: video (b, 3, t, 64, 64) in [-1, 1] with the t of
            `config.generator.frames`, and the label (b,) when the config has classes.
    Yields:
        The step's index and losses: the discriminator's, or those of each speed's, and the generator's by them.
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if a batch is of another step, its labels are missing, or its clips have another shape.
    """
    return run(state, batches, _TGAN(state.config))


class _TGAN(Procedure):
    def __init__(self, config: TGANConfig) -> None:
        self.config = config

    def critics(self, part: Part, real: Tensor, fake: Tensor) -> list[Critic]:
        """D sees clips and labels; a generated clip has the label of a real one."""
        video = Critic(name="video_discriminator", real=real, fake=fake, label=part.label, fake_label=part.label)
        return pyramid_critics(self.config.pyramid, video) if self.config.pyramid else [video]
