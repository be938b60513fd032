"""Optical flow of clips, by what is installed or on disk; each estimator tells its label, which belongs to a score."""

from pathlib import Path

import torch

from vg_metrics.flow.base import OpticalFlow
from vg_metrics.flow.dis import DenseInverseSearch
from vg_metrics.flow.lucas_kanade import LucasKanade
from vg_metrics.flow.raft import Raft

__all__ = ["DenseInverseSearch", "LucasKanade", "OpticalFlow", "Raft", "optical_flow"]


def optical_flow(flow: str | Path = "lucas-kanade", *, device: torch.device | str = "cpu") -> OpticalFlow:
    """An estimator of optical flow, which the thesis does not name; scores of different ones cannot be compared.

    Args:
        flow: "lucas-kanade" (PyTorch alone, any device), "dis" (OpenCV, on the CPU), or the path of the weights of
            torchvision's RAFT, large or small, never downloaded.
        device: where it runs.
    Returns:
        What gives flow (b, t - 1, 2, h, w) of video (b, 3, t, h, w).
    Raises:
        ValueError: if the file holds no RAFT, or a library is missing.
        FileNotFoundError: if there is no such file.
    """
    if flow == "lucas-kanade":
        return LucasKanade(device=device)
    if flow == "dis":
        return DenseInverseSearch()
    return Raft(flow, device=device)
