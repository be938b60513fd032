"""The training procedure of ImaGINator (3.3.5, algorithm 1)."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor
from vg_layers import Step

from vg_video.imaginator.config import ImaGINatorConfig
from vg_video.imaginator.losses import reconstruction_loss
from vg_video.imaginator.state import TrainState
from vg_video.labels import wrong_labels
from vg_video.training import Critic, Generated, Part, Procedure, run

if TYPE_CHECKING:
    from vg_video.data.clips import Batch


def train(state: TrainState, batches: Iterable["Batch"]) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    A step generates clips that go on from the first frames of the real ones, improves the discriminators, then the
    generator through the improved discriminators, on the same clips. All draws are functions of (seed, step, clip).

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        batches: batches of clips from the state's step on: video (b, 3, 32, 64, 64) in [-1, 1], and the label (b,)
            when the config has classes.
    Yields:
        The step's index and losses: those of the discriminators, the generator's by each of them, and its weighted
        reconstruction loss.
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if a batch is of another step, its labels are missing, or its clips have another shape.
    """
    return run(state, batches, _ImaGINator(state.config))


class _ImaGINator(Procedure):
    def __init__(self, config: ImaGINatorConfig) -> None:
        self.config = config

    def critics(self, part: Part, real: Tensor, fake: Tensor) -> list[Critic]:
        """Show D_V clips and their labels, and D_I N frames of each."""
        config, critics = self.config, []
        if config.judges in ("both", "video"):
            critics.append(
                Critic(
                    name="video_discriminator",
                    real=real,
                    fake=fake,
                    label=part.label,
                    fake_label=part.label,
                    wrong_label=self._wrong_label(part),
                    auxiliary=config.tells_labels,
                )
            )
        if config.judges in ("both", "image"):
            frames = partial(part.frames, count=config.frames_per_clip)
            critics.append(Critic(name="image_discriminator", real=frames(real), fake=frames(fake)))
        return critics

    def generator_terms(self, part: Part, generated: Generated) -> dict[str, Tensor]:
        """The reconstruction loss, times lambda (eq. 3.1)."""
        if not self.config.reconstruction_weight:
            return {}
        loss = reconstruction_loss(generated.video, part.video)
        return {"reconstruction": self.config.reconstruction_weight * loss}

    def _wrong_label(self, part: Part) -> Tensor | None:
        """Labels that are not those of the clips, where there are others and D_V is told labels."""
        config, classes = self.config, len(self.config.generator.classes)
        if part.label is None or classes < 2 or config.tells_labels or not config.wrong_labels:
            return None
        return part.each(part.label, lambda label, draw: wrong_labels(label, classes, draw))
