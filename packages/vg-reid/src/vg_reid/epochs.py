"""Which images each step of an epoch sees."""

import torch
from torch import Tensor

from vg_reid.seeds import seeded

ORDER = 1  # what the draw is for, the first number after the seed


def epoch_batches(members: Tensor, size: int, *, seed: int, epoch: int, most: int = 0) -> list[list[int]]:
    """Cut the images of an epoch into batches, in a new order each epoch; what is left over is not seen.

    Args:
        members: positions of the images that take part, (n,).
        size: images in a batch; fewer images make one batch of all of them.
        seed: of the run.
        epoch: counted from 0.
        most: batches at most; 0 for all.
    """
    order = members[torch.randperm(len(members), generator=seeded(seed, ORDER, epoch))].tolist()
    batches = [order[start : start + size] for start in range(0, len(order) - size + 1, size)] or [order]
    return batches[:most] if most else batches
