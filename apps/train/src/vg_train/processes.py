"""Several processes, by Lightning Fabric; a file of its own, since importing Lightning takes seconds."""

import os
from contextlib import AbstractContextManager
from typing import Any

import torch
from lightning.fabric import Fabric


class Bf16Fabric(Fabric):
    """Fabric in float32 under autocast to bfloat16.

    Fabric's own bf16-mixed refuses `torch.autograd.grad` through a module, which R1 needs, and does nothing more.
    """

    def autocast(self) -> AbstractContextManager[Any]:
        """Run what is inside in bfloat16 where that is safe."""
        return torch.autocast(self.device.type, torch.bfloat16)


def start_processes(accelerator: str, devices: int, *, bf16: bool) -> Fabric:
    """Start the other processes of this node, or join those that torchrun started, with DDP over all of them."""
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", "1"))  # set by torchrun
    kind = Bf16Fabric if bf16 else Fabric
    fabric = kind(accelerator=accelerator, devices=devices, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    return fabric
