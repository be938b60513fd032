"""How an op chooses between its PyTorch reference and its Triton kernel."""

import os
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

Impl = Literal["auto", "torch", "triton"]

COMPILED_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
INTERPRETED_DTYPES = (torch.float64, torch.float32, torch.float16)  # products of bfloat16 come out wrong there


def why_no_kernel(*tensors: Tensor) -> str | None:
    """Say why a Triton kernel cannot run on these tensors, or None when it can.

    It can on CUDA tensors, and on CPU tensors when Triton interprets its programs (`TRITON_INTERPRET=1`).
    """
    if find_spec("triton") is None:
        return "triton is not installed"
    devices = sorted({str(tensor.device) for tensor in tensors})
    if len(devices) > 1:
        return f"the tensors are on {', '.join(devices)}"
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if tensors[0].device.type != ("cpu" if interpreted else "cuda"):
        return f"the tensors are on {devices[0]}, which Triton does not reach"
    dtypes = INTERPRETED_DTYPES if interpreted else COMPILED_DTYPES
    if wrong := sorted({str(tensor.dtype) for tensor in tensors if tensor.dtype not in dtypes}):
        return f"the kernel does not take {', '.join(wrong)}"
    return None


def use_kernel(impl: Impl, why_not: str | None, *, faster: bool) -> bool:
    """Decide whether to run the kernel.

    Args:
        impl: what the caller wants.
        why_not: why the kernel cannot run, or None.
        faster: whether "auto" takes the kernel where it can run: measured, and written down beside each op.
    Raises:
        RuntimeError: if "triton" is wanted and cannot be had; it says why.
        ValueError: for another value of impl.
    """
    if impl not in ("auto", "torch", "triton"):
        raise ValueError(f"impl={impl!r}, wanted 'auto', 'torch' or 'triton'")
    if impl == "triton" and why_not:
        raise RuntimeError(f"impl='triton' was asked for, but {why_not}")
    return impl == "triton" or (impl == "auto" and faster and why_not is None)
