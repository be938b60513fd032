"""The training procedure of GCL: stage 2 warms up the View Generator, stage 3 trains all of it jointly (6.3.3)."""

from collections.abc import Iterator
from dataclasses import asdict

import torch
from vg_layers import Step

from vg_reid.data.images import PersonImages
from vg_reid.data.layouts import digest
from vg_reid.epochs import epoch_batches
from vg_reid.gcl.batches import Structures, read_batch
from vg_reid.gcl.state import TrainState
from vg_reid.gcl.step import update
from vg_reid.pseudo import ClustersReport, cluster
from vg_reid.warmup.procedure import embed_all


def train(state: TrainState, images: PersonImages, structures: Structures | None = None) -> Iterator[Step]:
    """Train until both stages are done, one step at each turn.

    Stage 2 sees all images. Stage 3 starts each epoch with pseudo labels for the memory bank, which `state.reports`
    tells of, and sees the images that have one; without view-invariant losses it sees all images and clusters nothing.

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        images: the unlabeled training images, of the size that the nets are for.
        structures: projections of their bodies, in the same order; None without generation.
    Yields:
        The step's index, counted over both stages, and its losses, weighted as in eq. 6.4 and eq. 6.9.
    Raises:
        ValueError: if images or projections are not those of the run, nothing clusters, or a loss is not finite.
    """
    _check(state, images, structures)
    schedule = state.config.schedule
    while not state.done:
        if state.contrasting and state.batch == 0:
            _renew_labels(state, images)
        members = torch.arange(len(images)) if state.labels is None else (state.labels >= 0).nonzero()[:, 0]
        batches = epoch_batches(
            members, schedule.batch_size, seed=state.seed, epoch=state.epoch, most=schedule.epoch_steps
        )
        for indices in batches[state.batch :]:
            state.set_rates()
            batch = read_batch(state, images, structures, indices)
            losses = update(state, batch)
            index = state.step
            state.advance(len(batches))
            yield Step(index, losses)


def _renew_labels(state: TrainState, images: PersonImages) -> None:
    """Cluster the memory bank, which starts with the embeddings of all images (6.3.2)."""
    bank = state.bank or state.start_bank(embed_all(state.encoder, images))

    def tell(report: ClustersReport) -> None:
        state.reports.append({"epoch": state.epoch} | asdict(report))

    labels = cluster(bank.vectors.cpu(), **asdict(state.config.clusters), report=tell)
    state.labels = torch.from_numpy(labels)


def _check(state: TrainState, images: PersonImages, structures: Structures | None) -> None:
    """Refuse images and projections that do not belong to the run."""
    config = state.config.encoder
    if (images.height, images.width) != (config.height, config.width):
        raise ValueError(f"images are {images.height}x{images.width}, wanted {config.height}x{config.width} as E_id")
    if len(images) < 2:
        raise ValueError(f"found {len(images)} image, wanted at least 2: batch norm has nothing to compare")
    if state.config.contrast.terms and state.config.schedule.joint_epochs and len(images) < state.config.clusters.k1:
        raise ValueError(f"found {len(images)} images, wanted at least clusters.k1={state.config.clusters.k1}")
    if state.config.generation and structures is None:
        raise ValueError("found no projections, wanted those of all images: generation needs them")
    if state.config.generation and images.augment and (images.augment.flip or images.augment.crop):
        raise ValueError("images are flipped or cropped, wanted neither: they would not fit their projections")
    own = digest(images.persons)
    if state.images not in (None, own):
        raise ValueError(f"the memory bank is of other images than these {len(images)}: wanted those of the run")
    state.images = own
