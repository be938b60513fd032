"""What a training loop asks of the machinery below it, and the plain one-device answer."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """What one training step yields: its index, counted from 0, and its losses as detached scalars."""

    index: int
    losses: dict[str, Tensor]


@runtime_checkable
class Engine(Protocol):
    """Device, precision and processes of a training loop; `lightning.Fabric` satisfies it as it is."""

    @property
    def device(self) -> torch.device: ...  # noqa: D102
    @property
    def global_rank(self) -> int: ...  # noqa: D102
    @property
    def world_size(self) -> int: ...  # noqa: D102
    def setup(self, module: nn.Module, *optimizers: torch.optim.Optimizer) -> Any: ...  # noqa: D102
    def backward(self, loss: Tensor, /) -> None: ...  # noqa: D102
    def autocast(self) -> AbstractContextManager[Any]: ...  # noqa: D102
    def all_reduce(self, tensor: Tensor, /, *, reduce_op: str = "mean") -> Any: ...  # noqa: D102


class SingleDevice:
    """One process on one device, in float32 or with autocast to `precision`, such as torch.bfloat16."""

    global_rank = 0
    world_size = 1

    def __init__(self, device: torch.device | str = "cpu", precision: torch.dtype = torch.float32) -> None:
        self.device = torch.device(device)
        self.precision = precision

    def setup(self, module: nn.Module, *optimizers: torch.optim.Optimizer) -> Any:
        """Move the module to the device; return it, or (module, *optimizers) when there are optimizers."""
        return (module.to(self.device), *optimizers) if optimizers else module.to(self.device)

    def backward(self, loss: Tensor, /) -> None:
        """Add the gradients of the loss to those of the weights."""
        loss.backward()

    def autocast(self) -> AbstractContextManager[Any]:
        """Run what is inside in the engine's precision."""
        return torch.autocast(self.device.type, dtype=self.precision, enabled=self.precision != torch.float32)

    def all_reduce(self, tensor: Tensor, /, *, reduce_op: str = "mean") -> Tensor:
        """Return the tensor: there is no other process."""
        return tensor
