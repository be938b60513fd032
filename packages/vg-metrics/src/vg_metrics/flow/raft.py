"""RAFT (Teed and Deng 2020) as torchvision has it, with weights from a file; the extra `vg-metrics[flow]`."""

import math
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vg_metrics.features.base import file_digest
from vg_metrics.features.weights import fit, read_weights, rows
from vg_metrics.flow.base import OpticalFlow

SMALLEST = 128  # pixels that its pyramid of correlations needs
MULTIPLE = 8
STEM = "feature_encoder.convnormrelu.0.weight"  # has 64 rows in the large network, 32 in the small one


class Raft(OpticalFlow):
    """Torchvision's RAFT, large or small, whichever the file holds.

    Frames below 128 pixels are enlarged by a whole number first and the flow is averaged and divided by it after;
    others are continued at the border up to a multiple of 8.

    Args:
        weights: such as raft_large_C_T_SKHT_V2-ff5fadd5.pth; never downloaded.
        updates: of the flow, as many as torchvision evaluates with.
        device: where the network runs.
    Raises:
        ValueError: if the file holds no such network or torchvision is not installed.
        FileNotFoundError: if there is no such file.
    """

    def __init__(self, weights: str | Path, *, updates: int = 12, device: torch.device | str = "cpu") -> None:
        path = Path(weights)
        self.network, size = _load(path)
        self.network.to(device)
        self.updates = updates
        checksum = file_digest(path)
        label = f"torchvision RAFT {size}, {updates} updates, {path.name} (sha256 {checksum[:8]})"
        super().__init__(f"raft-{size}", label, checksum, device=device)

    def estimate(self, first: Tensor, second: Tensor) -> Tensor:
        """As `OpticalFlow.estimate`."""
        height, width = first.shape[2:]
        factor = math.ceil(SMALLEST / min(height, width))
        flow = self.network(_prepare(first, factor), _prepare(second, factor), num_flow_updates=self.updates)[-1]
        return F.avg_pool2d(flow[..., : factor * height, : factor * width], factor) / factor


def _prepare(frames: Tensor, factor: int) -> Tensor:
    """To [-1, 1], enlarged and continued to what the network takes."""
    frames = frames / 127.5 - 1
    if factor > 1:
        frames = F.interpolate(frames, scale_factor=factor, mode="bilinear", align_corners=False)
    height, width = frames.shape[2:]
    return F.pad(frames, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")


def _load(path: Path) -> tuple[nn.Module, str]:
    """The network of a file, in eval mode, and its size."""
    try:
        from torchvision.models.optical_flow import raft_large, raft_small
    except ImportError:
        raise ValueError('RAFT needs torchvision: pip install "vg-metrics[flow]"') from None
    state = read_weights(path)
    build, size = (raft_small, "small") if rows(state, STEM, 64) == 32 else (raft_large, "large")
    return fit(partial(build, weights=None), state, path, f"torchvision RAFT {size}"), size
