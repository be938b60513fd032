"""MMCL: labels by similarity in a memory, a multi-label classification loss (Wang and Zhang, CVPR 2020).

A baseline of table 6.1. Numbers are those of the released code. Its embedding is the pooled map of the backbone after
batch norm, without a linear layer (`EncoderConfig(linear=False)`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F
from vg_layers import Step
from vg_layers.configs import check_at_least, check_positive

from vg_reid.data.images import PersonImages
from vg_reid.encoder import EncoderConfig
from vg_reid.warmup.config import WarmupConfig
from vg_reid.warmup.procedure import VIEWS, Losses, Procedure, run, update
from vg_reid.warmup.state import TrainState as AnyTrainState
from vg_reid.warmup.views import Styles, draw_views

FEWEST = 10  # candidates that are looked at, however dissimilar


@dataclass(frozen=True, kw_only=True)
class MMCLConfig(WarmupConfig):
    """A run of MMCL."""

    encoder: EncoderConfig = field(default_factory=lambda: EncoderConfig(linear=False, embedding_dim=2048))
    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 0.01
    new_rate: float = 10.0
    single_epochs: int = 6  # in which each image is a class of its own
    similarity: float = 0.6  # of candidates
    positive_weight: float = 5.0  # delta
    hard_share: float = 0.01  # of the negatives, r
    memory_most: float = 0.5  # what the memory keeps of its old value grows to this over the epochs

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(self, 0, "single_epochs", "memory_most", "positive_weight")
        check_positive(self, "hard_share")


class TrainState(AnyTrainState[MMCLConfig]):
    """E_id, optimizer, and memory (n, d) of a run."""

    system = "vg-reid/mmcl"


def train(state: TrainState, images: PersonImages, *, styles: Styles | None = None) -> Iterator[Step]:
    """Train until `config.epochs` are done, one step at each turn.

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        images: unlabeled images with their augmentation.
        styles: their transfers to the styles of the cameras, of which one is drawn; without them the photo itself.
    Yields:
        The step's index and losses: "single" at first, then "multi".
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if the state is of another number of images.
    """
    return run(_MMCL(state, images, styles))


def predict_labels(bank: Tensor, own: Tensor, *, similarity: float = 0.6) -> Tensor:
    """Predict which entries of the memory are of the person of an image (MPLP).

    Candidates are the entries that are more similar than `similarity`, the most similar first, and at least 10. They
    are gone through as long as the image is among the most similar of the candidate, as many as there are candidates.
    The entries up to the last one that was gone through, two at least, are of the person if they are similar enough;
    the image's own is in any case.

    Args:
        bank: memory, (n, d), entries of length 1.
        own: indices of the b images in it, (b,).
        similarity: least cosine.
    Returns:
        (b, n), 1 for an entry of the person, else 0.
    """
    n = len(bank)
    order = (bank[own] @ bank.T).sort(1, descending=True)
    result = torch.zeros_like(order.values)
    for row, (ranked, found) in enumerate(zip(order.indices, (order.values > similarity).sum(1).tolist(), strict=True)):
        looked = min(max(found, FEWEST), n)
        similar = bank[ranked[:looked]] @ bank.T
        rank = (similar > similar[:, ranked[:1]]).sum(1)  # of the image, by each candidate
        failed = (rank > looked).nonzero()
        passed = int(failed[0]) if len(failed) else looked
        result[row, ranked[: min(max(passed - 1, 1) + 1, found)]] = 1
    result[torch.arange(len(own)), own] = 1
    return result


def multi_label_loss(
    logits: Tensor, labels: Tensor, *, positive_weight: float = 5.0, hard_share: float = 0.01
) -> Tensor:
    """Draw positives to a cosine of 1 and the hardest negatives to -1.

    Args:
        logits: cosines with the memory, (b, n).
        labels: 1 for positives, else 0, (b, n).
        positive_weight: delta, of the positives' mean square.
        hard_share: of the negatives of an image, rounded down, the most similar first.
    """
    positive = labels > 0.5
    drawn = ((1 - logits).square() * positive).sum(1) / positive.sum(1)
    hard = logits.masked_fill(positive, -1).sort(1, descending=True).values
    count = (hard_share * (~positive).sum(1).double()).long()
    taken = torch.arange(logits.shape[1], device=logits.device) < count[:, None]
    pushed = (1 + hard).square().masked_fill(~taken, 0).sum(1) / count.clamp(min=1)
    return (positive_weight * drawn + pushed).mean()


class _MMCL(Procedure[TrainState]):
    def __init__(self, state: TrainState, images: PersonImages, styles: Styles | None) -> None:
        super().__init__(state, images)
        self.styles = styles
        if not state.memory:
            bank = torch.zeros(len(images), state.config.encoder.embedding_dim, device=state.engine.device)
            state.memory = {"bank": bank, "labels": torch.arange(len(images))}

    def step(self, indices: list[int]) -> Losses:
        """Compare with the memory, update, then move the images' own entries."""
        state, config, bank = self.state, self.state.config, self.state.memory["bank"]
        views = draw_views(self.images, indices, 1, (state.seed, VIEWS, state.step), self.styles).squeeze(1)
        own = torch.tensor(indices, device=bank.device)
        single = state.epoch < config.single_epochs
        labels = F.one_hot(own, len(bank)) if single else predict_labels(bank, own, similarity=config.similarity)
        with state.engine.autocast():
            unit = state.encoder(views.to(bank.device)).unit
            loss = multi_label_loss(
                unit @ bank.T, labels, positive_weight=config.positive_weight, hard_share=config.hard_share
            )
        losses = update(state, {"single" if single else "multi": loss})
        kept = config.memory_most * state.epoch / config.epochs
        bank[own] = F.normalize(kept * bank[own] + (1 - kept) * unit.detach().to(bank.dtype))
        return losses
