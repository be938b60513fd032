"""Random draws that depend on named numbers only, not on what was drawn before."""

import numpy as np
import torch


def seeded(*key: int) -> torch.Generator:
    """A CPU generator that is a function of the key alone, such as (seed, step, rank).

    Raises:
        ValueError: if a number of the key is negative.
    """
    if min(key) < 0:
        raise ValueError(f"seed {key} has a negative number, wanted 0 or more")
    return torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]))
