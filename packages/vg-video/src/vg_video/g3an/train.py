"""The training procedure of G3AN (4.3.3, 4.4.1)."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from torch import Tensor
from vg_layers import Step

from vg_video.g3an.config import G3ANConfig
from vg_video.g3an.state import TrainState
from vg_video.labels import wrong_labels
from vg_video.temporal_pyramid import pyramid_critics
from vg_video.training import Critic, Part, Procedure, run

if TYPE_CHECKING:
    from vg_video.data.clips import Batch


def train(state: TrainState, batches: Iterable["Batch"]) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    A step improves both discriminators on real and generated clips (eq. 4.6), then the generator through the improved
    discriminators on the same clips (eq. 4.5). All draws are functions of (seed, step, clip).

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        batches: batches of clips from the state's step on: video (b, 3, t, 64, 64) in [-1, 1], t = 16, 20, 24, ...,
            and the label (b,) when the config has classes.
    Yields:
        The step's index and losses: both discriminators', the generator's two, and the penalties when there are any.
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if a batch is of another step, its labels are missing, or its clips have another shape.
    """
    return run(state, batches, _G3AN(state.config))


class _G3AN(Procedure):
    def __init__(self, config: G3ANConfig) -> None:
        self.pyramid, self.frames_per_clip = config.pyramid, config.frames_per_clip
        self.auxiliary = config.tells_labels
        self.classes = len(config.generator.classes) if config.wrong_labels and not self.auxiliary else 0

    def critics(self, part: Part, real: Tensor, fake: Tensor) -> list[Critic]:
        """D_V judges clips and tells labels, D_I frames (4.3.2); a generated clip has the label of a real one."""
        frames = [part.frames(clips, self.frames_per_clip) for clips in (real, fake)]
        video = Critic(
            name="video_discriminator",
            real=real,
            fake=fake,
            label=part.label,
            fake_label=part.label,
            wrong_label=self._wrong_label(part),
            auxiliary=self.auxiliary,
        )
        image = Critic(name="image_discriminator", real=frames[0], fake=frames[1])
        return [*(pyramid_critics(self.pyramid, video) if self.pyramid else [video]), image]

    def _wrong_label(self, part: Part) -> Tensor | None:
        """Labels that are not those of the clips, where there are others."""
        if part.label is None or self.classes < 2:
            return None
        return part.each(part.label, lambda label, draw: wrong_labels(label, self.classes, draw))
