"""Cluster contrast: images against the centers of their clusters in a memory (Dai et al., ACCV 2022).

A baseline that the thesis does not have, for comparison. Numbers are those of the released code for Market-1501.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from vg_layers import Step
from vg_layers.configs import check_at_least, check_positive

from vg_reid.data.images import PersonImages
from vg_reid.warmup.config import WarmupConfig
from vg_reid.warmup.identities import identity_batches
from vg_reid.warmup.procedure import VIEWS, Losses, Procedure, embed_all, run, update
from vg_reid.warmup.state import ENCODER
from vg_reid.warmup.state import TrainState as AnyTrainState
from vg_reid.warmup.views import number


@dataclass(frozen=True, kw_only=True)
class ClusterContrastConfig(WarmupConfig):
    """A run of cluster contrast."""

    epochs: int = 50
    batch_size: int = 256
    instances: int = 16  # images of a cluster in a batch
    epoch_steps: int = 200
    learning_rate: float = 3.5e-4
    decay_every: int = 20
    temperature: float = 0.05
    memory_momentum: float = 0.1  # share of its old value that a center keeps
    eps: float = 0.6  # radius of DBSCAN
    min_samples: int = 4
    k1: int = 30
    k2: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "instances", "temperature", "eps", "min_samples", "k1", "k2", "epoch_steps")
        check_at_least(self, 0, "memory_momentum")


class TrainState(AnyTrainState[ClusterContrastConfig]):
    """E_id, optimizer, pseudo labels and centers of the clusters."""

    system = "vg-reid/cluster-contrast"

    def make_optimizers(self) -> dict[str, Optimizer]:
        """Adam, at one rate for all layers."""
        rate, decay = self.config.learning_rate, self.config.weight_decay
        groups = [{"params": list(self.encoder.parameters()), "initial_lr": rate}]
        return {ENCODER: Adam(groups, rate, weight_decay=decay)}


def train(state: TrainState, images: PersonImages) -> Iterator[Step]:
    """Train until `config.epochs` are done, one step at each turn.

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        images: unlabeled images with flipping, cropping and erasing.
    Yields:
        The step's index and its loss, "contrast".
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if no clusters are found, or one only.
    """
    return run(_ClusterContrast(state, images))


def cluster_centers(features: Tensor, labels: Tensor) -> Tensor:
    """Mean features (clusters, d) of each cluster, of length 1, from features (n, d) and labels (n,), -1 for none."""
    known = labels >= 0
    sums = torch.zeros(int(labels.max()) + 1, features.shape[1], dtype=features.dtype)
    return F.normalize(sums.index_add(0, labels[known], features[known]))


def move_centers(centers: Tensor, features: Tensor, labels: Tensor, momentum: float) -> None:
    """Move centers towards features of their clusters, one feature after another, in place.

    Args:
        centers: (clusters, d), of length 1; it stays so.
        features: (b, d), of length 1.
        labels: of the features, (b,).
        momentum: share of its old value that a center keeps at each feature.
    """
    for feature, label in zip(features, labels.tolist(), strict=True):
        centers[label] = F.normalize(momentum * centers[label] + (1 - momentum) * feature, dim=0)


class _ClusterContrast(Procedure[TrainState]):
    def begin_epoch(self) -> None:
        """Cluster all images anew."""
        from vg_reid.pseudo import cluster

        state, config = self.state, self.state.config
        features = embed_all(state.encoder, self.images)
        found = cluster(
            features, rule="fixed", eps=config.eps, min_samples=config.min_samples, k1=config.k1, k2=config.k2
        )
        labels = torch.from_numpy(found)
        state.report(labels, config.eps)
        centers = cluster_centers(features, labels)
        state.memory = {"labels": labels, "centers": centers.to(state.engine.device)}

    def batches(self) -> list[list[int]]:
        """Images of clusters, as many batches as an epoch has steps, going round the clusters."""
        state, config = self.state, self.state.config
        found: list[list[int]] = []
        while len(found) < config.epoch_steps:
            key = (state.seed, VIEWS, state.epoch, len(found))
            found += identity_batches(state.labels, batch_size=config.batch_size, instances=config.instances, key=key)
        return found[: config.epoch_steps]

    def step(self, indices: list[int]) -> Losses:
        """Tell the cluster of each image, update, then move the centers."""
        state, config, centers = self.state, self.state.config, self.state.memory["centers"]
        images = self.images.batch(indices, seed=number(state.seed, VIEWS, state.step)).to(centers.device)
        labels = state.labels[indices].to(centers.device)
        with state.engine.autocast():
            unit = state.encoder(images).unit
            loss = F.cross_entropy(unit @ centers.T / config.temperature, labels)
        losses = update(state, {"contrast": loss})
        move_centers(centers, unit.detach().to(centers.dtype), labels, config.memory_momentum)
        return losses
