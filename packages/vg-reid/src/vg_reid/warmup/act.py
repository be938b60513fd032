"""ACT: two models that teach each other from clean and from noisy pseudo labels (Yang et al., AAAI 2020).

A baseline of unsupervised domain adaptation in table 6.1: it starts from a model of the source set, whose images also
help in clustering, without their labels. Numbers are those of the released code.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from vg_layers import Step
from vg_layers.configs import check_at_least, check_positive

from vg_reid.data.images import PersonImages
from vg_reid.encoder import Encoder, IdentityCodes
from vg_reid.rerank import ROWS_PER_BLOCK, rerank_blocks, squared_distances
from vg_reid.warmup.clusters import dbscan, pairs_within, smallest_pairs
from vg_reid.warmup.config import WarmupConfig
from vg_reid.warmup.identities import identity_batches, triplet_losses
from vg_reid.warmup.procedure import SOURCE, VIEWS, Losses, Procedure, embed_all, run, update
from vg_reid.warmup.state import ENCODER
from vg_reid.warmup.state import TrainState as AnyTrainState
from vg_reid.warmup.views import number

PARTNER = "partner"


@dataclass(frozen=True, kw_only=True)
class ACTConfig(WarmupConfig):
    """A run of ACT."""

    epochs: int = 300
    relabel_every: int = 30  # epochs of an iteration
    batch_size: int = 64
    instances: int = 4  # images of an identity in a batch
    learning_rate: float = 6e-5
    weight_decay: float = 0.0
    decay: float = 1.0
    margin: float = 0.5
    first_share: float = 0.2  # of a batch's images, with the smallest losses; grows to 1 over the iterations
    k1: int = 20
    k2: int = 6
    source_share: float = 0.1  # of the distance to the source set in that between two images
    eps_share: float = 1.6e-3  # of the smallest distances of the first iteration, whose mean is the radius of all
    min_samples: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "relabel_every", "instances", "margin", "k1", "k2", "eps_share", "min_samples")
        check_at_least(self, 0, "first_share", "source_share")
        if self.epochs % self.relabel_every:
            raise ValueError(f"epochs={self.epochs}, wanted a multiple of relabel_every={self.relabel_every}")

    def share(self, epoch: int) -> float:
        """Share of a batch that is trusted in an epoch, counted from 0."""
        done = (epoch // self.relabel_every + 1) / (self.epochs // self.relabel_every)
        return self.first_share + (1 - self.first_share) * done


class TrainState(AnyTrainState[ACTConfig]):
    """E_id, the partner that it learns from, an optimizer of each, and pseudo labels."""

    system = "vg-reid/act"

    def build(self, config: ACTConfig) -> dict[str, nn.Module]:
        """Make E_id and its partner; given an encoder to start from, both get its weights."""
        return super().build(config) | {PARTNER: Encoder(replace(config.encoder, weights="trained"))}

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for each net."""
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return {
            name: Adam([{"params": list(net.parameters()), "initial_lr": rate}], rate, weight_decay=decay)
            for name, net in self.nets.items()
        }


def train(state: TrainState, images: PersonImages, source: PersonImages) -> Iterator[Step]:
    """Train until `config.epochs` are done, one step at each turn.

    In even steps E_id tells which images of a clean batch its partner is to learn from; in odd ones the
    partner tells which of a noisy batch E_id is to learn from beside a clean one. Images that are in no cluster are
    noisy: they have the label of the nearest one that is.

    Args:
        state: the run, from weights of the source set; it is updated before each step is yielded.
        images: unlabeled target images with flipping and erasing.
        source: images of the source set, for the distance to it; their labels are not used.
    Yields:
        The step's index and its loss, "partner" or "encoder".
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if fewer than two clusters are found.
    """
    return run(_ACT(state, images, source))


def pooled(codes: IdentityCodes, parts: int) -> Tensor:
    """The last map averaged over all of it, (b, channels), from the part code of as many parts of one height."""
    return codes.part_code.unflatten(1, (-1, parts)).mean(2)


def source_distances(features: Tensor, source: Tensor) -> Tensor:
    """How far an image is from the source set, 1 - exp(-d) of the squared distance to the nearest one, up to about 1.

    Args:
        features: (n, d).
        source: (m, d).
    Returns:
        (n,).
    """
    near = [torch.cdist(part, source).square().amin(1) for part in features.split(ROWS_PER_BLOCK)]
    far = 1 - torch.exp(-torch.cat(near).clamp(min=1e-5))
    return far / (far.max() + 1e-3)


class _ACT(Procedure[TrainState]):
    def __init__(self, state: TrainState, images: PersonImages, source: PersonImages) -> None:
        super().__init__(state, images)
        self.source = source

    def begin_epoch(self) -> None:
        """Cluster E_id's features at the start of an iteration."""
        if self.state.epoch % self.state.config.relabel_every == 0:
            self._relabel()

    def batches(self) -> list[list[int]]:
        """Clean images, a few of each cluster."""
        state, config = self.state, self.state.config
        clean = state.labels.masked_fill(state.memory["noisy"], -1)
        key = (state.seed, VIEWS, state.epoch)
        found = identity_batches(clean, batch_size=config.batch_size, instances=config.instances, key=key)
        return found[: config.epoch_steps or None]

    def step(self, indices: list[int]) -> Losses:
        """Let one net choose for the other."""
        state = self.state
        if state.step % 2 == 0:
            chosen = self._easiest(ENCODER, *self._batch(indices))
            return update(state, {PARTNER: self._losses(PARTNER, *chosen).mean()}, PARTNER)
        images, labels = self._batch(indices)
        if noisy := self._noisy_batch():
            more, theirs = self._easiest(PARTNER, *self._batch(noisy))
            images, labels = torch.cat([images, more]), torch.cat([labels, theirs])
        return update(state, {ENCODER: self._losses(ENCODER, images, labels).mean()}, ENCODER)

    def _batch(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        state, device = self.state, self.state.engine.device
        images = self.images.batch(indices, seed=number(state.seed, VIEWS, state.step))
        return images.to(device), state.labels[indices].to(device)

    def _noisy_batch(self) -> list[int]:
        """Noisy images of at least two clusters, or none."""
        state, config = self.state, self.state.config
        noisy = state.labels.masked_fill(~state.memory["noisy"], -1)
        if len(noisy[noisy >= 0].unique()) < 2:
            return []
        key = (state.seed, SOURCE, state.step)
        return identity_batches(noisy, batch_size=config.batch_size, instances=config.instances, key=key)[0]

    def _losses(self, name: str, images: Tensor, labels: Tensor) -> Tensor:
        """Losses of each image, by both features of a net."""
        with self.state.engine.autocast():
            codes, config = self.state.nets[name](images), self.state.config
            features = pooled(codes, config.encoder.parts), codes.embedding.relu()
            first, second = (triplet_losses(feature, labels, config.margin) for feature in features)
            return first + second

    @torch.no_grad()
    def _easiest(self, name: str, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The images with the smallest losses of a net."""
        count = max(2, int(self.state.config.share(self.state.epoch) * len(images)))
        order = self._losses(name, images, labels).argsort(stable=True)[:count]
        return images[order], labels[order]

    def _embedded(self, images: PersonImages) -> Tensor:
        """Pooled features of all images, (n, channels), of length 1."""
        parts = self.state.config.encoder.parts
        return embed_all(self.state.encoder, images, code=lambda codes: F.normalize(pooled(codes, parts)))

    def _relabel(self) -> None:
        """Cluster by what images have for neighbors and by how far they are from the source set."""
        state, config = self.state, self.state.config
        features = self._embedded(self.images)
        n, share, far = len(features), config.source_share, source_distances(features, self._embedded(self.source))
        jaccard = rerank_blocks(squared_distances(features), n, k1=config.k1, k2=config.k2, lambda_value=0)
        parts = zip(jaccard, far.split(ROWS_PER_BLOCK), strict=True)
        blocks = ((1 - share) * block + share * (own[:, None] + far) for block, own in parts)
        if "eps" in state.memory:
            eps = float(state.memory["eps"])
            pairs = pairs_within(blocks, eps)
        else:
            pairs, eps = smallest_pairs(blocks, n, config.eps_share)
        labels = dbscan(pairs, n, eps, config.min_samples)
        if (found := int(labels.max()) + 1) < 2:
            raise ValueError(f"found {found} clusters of {n} images at eps {eps:.3f}, wanted at least 2")
        state.report(labels, eps)
        noisy = labels < 0
        clean = features[~noisy].T
        nearest = [(part @ clean).argmax(1) for part in features[noisy].split(ROWS_PER_BLOCK)]
        labels[noisy] = labels[~noisy][torch.cat(nearest)]
        state.memory = {"labels": labels, "noisy": noisy, "eps": torch.tensor(eps, dtype=torch.float64)}
