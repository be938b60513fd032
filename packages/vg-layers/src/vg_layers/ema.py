"""Moving average of a network's weights."""

import copy

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of the weights of a module, for sampling.

    After n updates the decay is min(decay, (n + 1) / (n + ramp_up)), so that the first updates forget the random
    initialization quickly. Buffers, such as the statistics of batch norm, are copied.

    Args:
        module: the network to follow; it is copied, not kept.
        decay: weight of the old average in one update once the ramp is over, 0 to 1.
        ramp_up: length of the ramp, in updates, at least 1; 1 means none.
    Attributes:
        module: the averaged network, in eval mode and without gradients.
        updates: how many updates it has seen.
    Raises:
        ValueError: if decay or ramp_up is outside its range.
    """

    def __init__(self, module: nn.Module, decay: float = 0.999, ramp_up: float = 10.0) -> None:
        if not 0 <= decay <= 1:
            raise ValueError(f"decay={decay} is outside 0 to 1")
        if ramp_up < 1:
            raise ValueError(f"ramp_up={ramp_up} is below 1, which means no ramp")
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        self.ramp_up = ramp_up
        self.updates = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the weights of `module`, the network given at construction or a wrapper of it."""
        decay = min(self.decay, (self.updates + 1) / (self.updates + self.ramp_up))
        for average, weight in zip(self.module.parameters(), module.parameters(), strict=True):
            average.lerp_(weight.to(average), 1 - decay)
        for copied, buffer in zip(self.module.buffers(), module.buffers(), strict=True):
            copied.copy_(buffer)
        self.updates += 1

    def state_dict(self) -> dict[str, Tensor]:
        """Return the averaged weights, with keys `module.*`, and the number of updates."""
        weights = {f"module.{key}": value for key, value in self.module.state_dict().items()}
        return {"updates": torch.tensor(self.updates), **weights}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        weights = {key.removeprefix("module."): value for key, value in state.items() if key != "updates"}
        self.module.load_state_dict(weights)
        self.updates = int(state["updates"])
