"""The training procedure of VGAN."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from torch import Tensor, nn
from vg_layers import Step

from vg_video.first_frame import first_frame_loss
from vg_video.temporal_pyramid import pyramid_critics
from vg_video.training import Critic, Generated, Part, Procedure, run
from vg_video.vgan.config import VGANConfig
from vg_video.vgan.losses import mask_loss
from vg_video.vgan.state import TrainState

if TYPE_CHECKING:
    from vg_video.data.clips import Batch


def train(state: TrainState, batches: Iterable["Batch"]) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    A step generates clips, with an image as input clips that go on from the first frames of the real ones, and improves
    generator and discriminator on them. All draws are functions of (seed, step, clip).

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        batches: batches of clips from the state's step on: video (b, 3, 32, 64, 64) in [-1, 1], and the label (b,)
            when the config has classes.
    Yields:
        The step's index and losses: the discriminator's, or those of each speed's, the generator's by them, and those
        of the mask and of the first frame, weighted, where they have a weight.
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if a batch is of another step, its labels are missing, or its clips have another shape.
    """
    return run(state, batches, _VGAN(state.config))


class _VGAN(Procedure):
    def __init__(self, config: VGANConfig) -> None:
        self.config = config

    def generate(self, generator: nn.Module, part: Part) -> Generated:
        """Generate from noise, or from the first frames of the real clips."""
        streams = generator(**part.latents, **part.conditions, streams=True)
        return Generated(streams.video, {"mask": streams.mask})

    def critics(self, part: Part, real: Tensor, fake: Tensor) -> list[Critic]:
        """D sees clips and labels; a generated clip has the label of a real one."""
        video = Critic(name="video_discriminator", real=real, fake=fake, label=part.label, fake_label=part.label)
        return pyramid_critics(self.config.pyramid, video) if self.config.pyramid else [video]

    def generator_terms(self, part: Part, generated: Generated) -> dict[str, Tensor]:
        """The losses of the mask and of the first frame, weighted."""
        terms = {}
        if self.config.mask_weight:
            terms["mask"] = self.config.mask_weight * mask_loss(generated.extra["mask"])
        if self.config.first_frame_weight:
            terms["first_frame"] = self.config.first_frame_weight * first_frame_loss(
                generated.video, part.video[:, :, 0]
            )
        return terms
