"""A supervised model of a labeled source set: where unsupervised domain adaptation starts from (table 6.1).

Labels of the source set are used in this stage of the training alone (6.4.3).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers import Step
from vg_layers.configs import check_at_least

from vg_reid.data.images import PersonImages
from vg_reid.seeds import seeded
from vg_reid.warmup.config import WarmupConfig
from vg_reid.warmup.procedure import VIEWS, Losses, Procedure, run, update
from vg_reid.warmup.state import TrainState as AnyTrainState
from vg_reid.warmup.views import number


@dataclass(frozen=True, kw_only=True)
class SourceConfig(WarmupConfig):
    """A run on a source set; rates and batches are those of JVTC's source branch."""

    classes: int  # identities of the source set
    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 0.01
    new_rate: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(self, 2, "classes")


class TrainState(AnyTrainState[SourceConfig]):
    """E_id, the classifier, and their optimizer."""

    system = "vg-reid/source"

    def build(self, config: SourceConfig) -> dict[str, nn.Module]:
        """Make E_id and a classifier of the identities."""
        return super().build(config) | {"classifier": classifier(config.encoder.embedding_dim, config.classes)}


class SourceSet:
    """Labeled images of another dataset than the target.

    Args:
        images: with their augmentation; identities are numbered anew, from 0.
    Raises:
        ValueError: if an image has no identity.
    """

    def __init__(self, images: PersonImages) -> None:
        if int(images.pids.min()) < 0:
            raise ValueError(f"found a source image without identity among {len(images)}, wanted labels for all")
        self.images = images
        values, self.labels = images.pids.unique(return_inverse=True)
        self.identities = len(values)

    def batch(self, size: int, key: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Draw distinct images, at most all there are: (b, 3, h, w) and labels (b,), functions of the key."""
        indices = torch.randperm(len(self.images), generator=seeded(*key))[:size]
        return self.images.batch(indices.tolist(), seed=number(*key)), self.labels[indices]


def classifier(embedding_dim: int, classes: int) -> nn.Linear:
    """A classifier of rectified embeddings, near 0 at the start."""
    layer = nn.Linear(embedding_dim, classes)
    nn.init.normal_(layer.weight, std=0.001)
    nn.init.zeros_(layer.bias)
    return layer


def train(state: TrainState, images: PersonImages) -> Iterator[Step]:
    """Train until `config.epochs` are done, one step at each turn.

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        images: labeled images with their augmentation.
    Yields:
        The step's index and its loss, "source".
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if an image has no identity, or there are not `config.classes`.
    """
    source = SourceSet(images)
    if source.identities != state.config.classes:
        raise ValueError(f"classes={state.config.classes}, but the images are of {source.identities} identities")
    return run(_Source(state, source))


class _Source(Procedure[TrainState]):
    def __init__(self, state: TrainState, source: SourceSet) -> None:
        super().__init__(state, source.images)
        self.labels = source.labels

    def step(self, indices: list[int]) -> Losses:
        """Tell the identity of each image."""
        state = self.state
        images = self.images.batch(indices, seed=number(state.seed, VIEWS, state.step)).to(state.engine.device)
        with state.engine.autocast():
            scores = state.nets["classifier"](state.encoder(images).embedding.relu())
            loss = F.cross_entropy(scores, self.labels[indices].to(scores.device))
        return update(state, {"source": loss})
