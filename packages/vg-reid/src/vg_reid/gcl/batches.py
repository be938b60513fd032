"""What a step learns from: a function of (seed, step) and the pseudo labels, not of what was drawn before."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from vg_reid.contrastive import Pairs, draw_pairs
from vg_reid.data.images import PersonImages
from vg_reid.gcl.state import TrainState
from vg_reid.seeds import seeded
from vg_reid.warmup.views import number

VIEWS, AUGMENT, PAIRS = range(2, 5)  # what a draw is for, the first number after the seed; 1 is the order's


class Structures(Protocol):
    """Projections of the bodies of all images, such as `vg_reid.mesh.projections.Projections`."""

    def original(self, indices: Sequence[int]) -> Tensor:
        """s_ori, (b, 1, h, w) in [-1, 1]."""
        ...

    def rotated(self, indices: Sequence[int], azimuths: Sequence[int]) -> Tensor:
        """s_new, each body turned by its own angle in degrees, (b, 1, h, w) in [-1, 1]."""
        ...


class Batch(NamedTuple):
    """What a step learns from, on the device of the nets."""

    indices: Tensor
    """Positions of the images in the set, (b,)."""
    images: Tensor
    """x, (b, 3, h, w), ImageNet-normalized."""
    structures: Tensor | None
    """s_ori, then s_new of the same images, (2b, 1, h, w) in [-1, 1]; None without generation."""
    pairs: Pairs | None
    """What the images are contrasted with; None in stage 2 and without contrast."""


def read_batch(state: TrainState, images: PersonImages, structures: Structures | None, indices: Sequence[int]) -> Batch:
    """Fetch the images of a step, a new view-point for each (6.3.1), and what they are contrasted with (6.3.2).

    Args:
        state: the run, at the step; its labels are those of the epoch.
        images: the set.
        structures: projections of the bodies, None without generation.
        indices: which images.
    """
    seed, step, weight = state.seed, state.step, state.encoder.conv1.weight
    pixels = images.batch(indices, seed=number(seed, AUGMENT, step)).to(weight)
    projected, pairs, rows = None, None, torch.tensor(indices, device=weight.device)
    if structures is not None:
        azimuths = state.config.azimuths
        draw = torch.randint(len(azimuths), (len(indices),), generator=seeded(seed, VIEWS, step))
        turned = structures.rotated(indices, [azimuths[i] for i in draw.tolist()])
        projected = torch.cat([structures.original(indices), turned]).to(weight)
    if state.contrasting and state.labels is not None:
        pairs = draw_pairs(rows, state.labels, seeded(seed, PAIRS, step), state.config.contrast.negatives)
    return Batch(rows, pixels, projected, pairs)
