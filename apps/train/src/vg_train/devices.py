"""Where a training runs: one device with plain PyTorch, or several processes with Lightning Fabric."""

import ctypes
import sys
from typing import Literal

import torch
from vg_layers import Engine, SingleDevice

Accelerator = Literal["auto", "cpu", "cuda"]
Precision = Literal["32-true", "bf16-mixed"]


def start_engine(accelerator: Accelerator, devices: int, precision: Precision) -> Engine:
    """Start what the training runs on; with several devices this process starts the others.

    Args:
        accelerator: auto takes CUDA where there is any.
        devices: processes, one a device; on the CPU they talk through gloo. Under torchrun give the number per node.
        precision: bf16-mixed computes in bfloat16 what can be, and keeps the weights in float32.
    Raises:
        ValueError: if the devices are not there.
    """
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if devices < 1:
        raise ValueError(f"devices={devices}, wanted at least 1")
    if accelerator == "cuda" and torch.cuda.device_count() < devices:
        raise ValueError(f"devices={devices} on cuda, but there are {torch.cuda.device_count()}")
    if accelerator == "cpu":
        torch.set_flush_denormal(True)  # before threads start: a trained GAN is full of such numbers, slow on x86
        _keep_freed_memory()
    bf16 = precision == "bf16-mixed"
    if devices == 1 and not torch.distributed.is_torchelastic_launched():
        return SingleDevice(accelerator, torch.bfloat16 if bf16 else torch.float32)
    from vg_train.processes import start_processes

    return start_processes(accelerator, devices, bf16=bf16)


def _keep_freed_memory() -> None:
    """Let the allocator of Linux (glibc) hand freed tensors out again instead of returning them to the system.

    Else each large tensor of each step comes as fresh pages, which the kernel clears one by one: a tenth of a step.
    """
    if sys.platform != "linux" or not hasattr(libc := ctypes.CDLL(None), "mallopt"):
        return
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # names of the parameters in malloc.h
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 2**31 - 1)
    libc.mallopt(top_pad, 2**26)
