"""JVTC: a local one-hot loss over views of an image, a global one over clusters in a memory (Li and Zhang, ECCV 2020).

The baseline of most rows of tables 6.1 to 6.3. Numbers are those of the released code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers import Step
from vg_layers.configs import check_at_least, check_positive

from vg_reid.data.images import PersonImages
from vg_reid.epochs import epoch_batches
from vg_reid.rerank import rerank_blocks, squared_distances
from vg_reid.seeds import seeded
from vg_reid.warmup.clusters import Rows, dbscan, smallest_pairs
from vg_reid.warmup.config import WarmupConfig
from vg_reid.warmup.joint import Sightings, joint_rows, time_histogram
from vg_reid.warmup.procedure import BANK, SOURCE, VIEWS, Losses, Procedure, run, update
from vg_reid.warmup.source import SourceSet, classifier
from vg_reid.warmup.state import TrainState as AnyTrainState
from vg_reid.warmup.times import Times
from vg_reid.warmup.views import Styles, draw_views


@dataclass(frozen=True, kw_only=True)
class JVTCConfig(WarmupConfig):
    """A run of JVTC. Epochs are counted from 1 in the settings that name one."""

    epochs: int = 100
    batch_size: int = 32  # images of which `views` are drawn
    views: int = 4
    learning_rate: float = 0.01
    new_rate: float = 10.0
    source_classes: int = 0  # identities of the labeled source set; 0: fully unsupervised
    source_batch: int = 128
    local_temperature: float = 0.1
    global_temperature: float = 0.05
    global_weight: float = 0.2
    global_from: int = 10  # epoch of the first clusters and of the global loss
    joint_from: int | None = 30  # epoch from which clusters are by the joint distance; None: never
    relabel_every: int = 5  # epochs
    memory_slope: float = 0.01  # what the memory keeps of its old value grows by this an epoch,
    memory_most: float = 0.8  # up to this
    unit_memory: bool = False  # entries get length 1 after each update, as in the released code for MSMT17
    k1: int = 20  # of the re-ranking
    k2: int = 6
    visual_share: float = 0.3  # of the squared distance in the re-ranked one
    joint_share: float = 0.5  # likewise of the joint distance
    eps_share: float = 1.6e-3  # of the smallest distances, whose mean is the radius of DBSCAN
    joint_eps_share: float = 1.6e-3  # likewise in the epochs of the joint distance
    eps_scale: float = 1.0  # times the radius; less without a source set

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "views", "source_batch", "relabel_every", "k1", "k2")
        check_positive(self, "eps_share", "joint_eps_share", "eps_scale")
        check_at_least(self, 0, "source_classes", "memory_slope", "memory_most", "global_weight")
        if self.global_from % self.relabel_every:
            raise ValueError(f"global_from={self.global_from}, wanted a multiple of relabel_every={self.relabel_every}")
        if self.eps_scale > 1:
            raise ValueError(f"eps_scale={self.eps_scale}, wanted at most 1")


class TrainState(AnyTrainState[JVTCConfig]):
    """Nets, optimizer, memory bank (n, d) and pseudo labels of a run."""

    system = "vg-reid/jvtc"

    def build(self, config: JVTCConfig) -> dict[str, nn.Module]:
        """Make E_id, and with a source set a classifier of its identities."""
        nets = super().build(config)
        if config.source_classes:
            nets["classifier"] = classifier(config.encoder.embedding_dim, config.source_classes)
        return nets


def train(
    state: TrainState,
    images: PersonImages,
    *,
    styles: Styles | None = None,
    times: Times | None = None,
    source: SourceSet | None = None,
) -> Iterator[Step]:
    """Train until `config.epochs` are done, one step at each turn.

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        images: unlabeled target images with flipping and erasing, from which views are drawn.
        styles: their transfers to the styles of the cameras; without them views are augmentations alone.
        times: of the images, for the joint distance.
        source: labeled images of another dataset, for unsupervised domain adaptation. Only this stage sees them.
    Yields:
        The step's index and losses: "local", "global" from its epoch on, and "source".
    Raises:
        DivergenceError: if a loss or a gradient is not finite.
        ValueError: if `config` and what is given do not agree.
    """
    config = state.config
    if (source.identities if source else 0) != config.source_classes:
        found = f"{source.identities} identities" if source else "none"
        raise ValueError(f"source_classes={config.source_classes}, but the source set has {found}")
    if times is None and config.joint_from is not None and config.joint_from <= config.epochs:
        raise ValueError(f"joint_from={config.joint_from} needs the times of the images, wanted None or times")
    return run(_JVTC(state, images, styles, times, source))


def local_loss(embeddings: Tensor, temperature: float = 0.1) -> Tensor:
    """Tell for each view of which image of the batch it is, by its cosine with the mean of the views.

    Args:
        embeddings: (b, views, d), of any length.
        temperature: of the softmax.
    """
    centers = F.normalize(embeddings.mean(1))
    logits = F.normalize(embeddings, dim=2).flatten(0, 1) @ centers.T / temperature
    own = torch.arange(len(embeddings), device=logits.device).repeat_interleave(embeddings.shape[1])
    return F.cross_entropy(logits, own)


def global_loss(embeddings: Tensor, bank: Tensor, labels: Tensor, own: Tensor, temperature: float = 0.05) -> Tensor:
    """Tell for each view which entries of the memory are of its cluster, all of them as likely.

    Args:
        embeddings: (b, views, d), of any length.
        bank: memory, (n, d).
        labels: clusters of its entries, (n,).
        own: clusters of the b images, (b,).
        temperature: of the softmax over the memory.
    """
    same = (own[:, None] == labels).to(bank.dtype)
    target = (same / same.sum(1, keepdim=True)).repeat_interleave(embeddings.shape[1], 0)
    logits = F.normalize(embeddings, dim=2).flatten(0, 1) @ bank.T / temperature
    return F.cross_entropy(logits, target)


def renewed(entries: Tensor, embeddings: Tensor, momentum: float, *, unit: bool = False) -> Tensor:
    """Move entries of the memory (b, d) towards the normalized mean of their views (b, views, d)."""
    moved = momentum * entries + (1 - momentum) * F.normalize(embeddings.detach().mean(1))
    return F.normalize(moved) if unit else moved


class _JVTC(Procedure[TrainState]):
    def __init__(
        self,
        state: TrainState,
        images: PersonImages,
        styles: Styles | None,
        times: Times | None,
        source: SourceSet | None,
    ) -> None:
        super().__init__(state, images)
        self.styles, self.times, self.source = styles, times, source
        if not state.memory:
            size = (len(images), state.config.encoder.embedding_dim)
            bank = torch.rand(size, generator=seeded(state.seed, BANK))
            state.memory = {"bank": bank.to(state.engine.device), "labels": torch.arange(len(images))}

    @property
    def epoch(self) -> int:
        """This epoch, counted from 1."""
        return self.state.epoch + 1

    def begin_epoch(self) -> None:
        """Cluster the memory, every few epochs."""
        config = self.state.config
        if self.epoch >= config.global_from and self.epoch % config.relabel_every == 0:
            bank = self.state.memory["bank"].cpu()
            joint = config.joint_from is not None and self.epoch >= config.joint_from
            labels, eps = self._joint_clusters(bank) if joint else self._visual_clusters(bank, config.eps_share)
            self.state.memory["labels"] = labels
            self.state.report(labels, eps)

    def batches(self) -> list[list[int]]:
        """Target batches; with a source set as many as it has batches, going round the target images."""
        if self.source is None:
            return super().batches()
        state, config = self.state, self.state.config
        steps = config.epoch_steps or max(1, len(self.source.images) // config.source_batch)
        everything = torch.arange(len(self.images))
        first, per_round = state.epoch * steps, max(1, len(everything) // config.batch_size)
        rounds = range(first // per_round, (first + steps - 1) // per_round + 1)
        parts = (epoch_batches(everything, config.batch_size, seed=state.seed, epoch=number) for number in rounds)
        return list(chain.from_iterable(parts))[first % per_round :][:steps]

    def step(self, indices: list[int]) -> Losses:
        """Sum the losses of views and of source images, update, then renew the memory."""
        state, config, device = self.state, self.state.config, self.state.engine.device
        views = draw_views(self.images, indices, config.views, (state.seed, VIEWS, state.step), self.styles).to(device)
        terms: Losses = {}
        with state.engine.autocast():
            if self.source is not None:
                images, labels = self.source.batch(config.source_batch, (state.seed, SOURCE, state.step))
                scores = state.nets["classifier"](state.encoder(images.to(device)).embedding.relu())
                terms["source"] = F.cross_entropy(scores, labels.to(device))
            embeddings = state.encoder(views.flatten(0, 1)).embedding.unflatten(0, views.shape[:2])
            terms["local"] = local_loss(embeddings, config.local_temperature)
            bank, labels = state.memory["bank"], state.labels.to(device)
            if self.epoch >= config.global_from:
                loss = global_loss(embeddings, bank, labels, labels[indices], config.global_temperature)
                terms["global"] = config.global_weight * loss
        losses = update(state, terms)
        momentum = min(config.memory_slope * self.epoch, config.memory_most)
        bank[indices] = renewed(bank[indices], embeddings.to(bank.dtype), momentum, unit=config.unit_memory)
        return losses

    def _joint_clusters(self, bank: Tensor) -> tuple[Tensor, float]:
        """Cluster by sight, learn the times that persons take from camera to camera, and cluster by both.

        Slots that cannot be compared in time, such as days, are clustered on their own; the radius is their mean.
        """
        config, times, camids = self.state.config, cast(Times, self.times), self.images.camids
        cameras = int(camids.max()) + 1
        labels, radii, taken = torch.empty(len(bank), dtype=torch.int64), [], 0
        for slot in times.slots.unique():
            inside = (times.slots == slot).nonzero().flatten()
            own = Times(times.frames[inside], times.slots[inside], times.bin_width)
            seen, n = Sightings(bank[inside], camids[inside], own), len(inside)
            found = torch.zeros(n, dtype=torch.int64)
            if n > 1:
                visual, _ = self._visual_clusters(seen.features, config.joint_eps_share)
                rows = joint_rows(seen, time_histogram(visual, seen.camids, own, cameras=cameras))
                found, eps = self._clusters(_from_nearest(rows), n, config.joint_share, config.joint_eps_share)
                radii.append(eps)
            labels[inside] = taken + found
            taken += int(found.max()) + 1
        return labels, sum(radii) / max(1, len(radii))

    def _visual_clusters(self, features: Tensor, eps_share: float) -> tuple[Tensor, float]:
        return self._clusters(squared_distances(features), len(features), self.state.config.visual_share, eps_share)

    def _clusters(self, rows: Rows, n: int, share: float, eps_share: float) -> tuple[Tensor, float]:
        """Labels of n images by re-ranked distances, and the radius."""
        config = self.state.config
        blocks = rerank_blocks(rows, n, k1=config.k1, k2=config.k2, lambda_value=share)
        pairs, eps = smallest_pairs(blocks, n, eps_share)
        eps *= config.eps_scale
        return dbscan(pairs, n, eps), eps


def _from_nearest(rows: Rows) -> Rows:
    """Distances less the smallest one of their row."""

    def moved(part: slice) -> Tensor:
        found = rows(part)
        return found - found.amin(1, keepdim=True)

    return moved
