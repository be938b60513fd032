"""What every estimator of optical flow is: pairs of frames in, pixels to the right and down out."""

import hashlib
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from vg_metrics.features.preprocess import to_bytes

PAIRS = 32  # that are in memory at a time


class OpticalFlow(ABC):
    """An estimator of optical flow; called on clips it gives the flow from each frame to the next.

    Floats are rounded to bytes first, so that a clip and its lossless file have the same flow.

    Attributes:
        name: of the method.
        label: how to print a score that was made with it; two estimators with one label give the same flow.
        checksum: sha256 of the weights, or of the label where there are none.
        device: where it runs.
    """

    def __init__(
        self, name: str, label: str, checksum: str | None = None, *, device: torch.device | str = "cpu"
    ) -> None:
        self.name = name
        self.label = label
        self.checksum = checksum or hashlib.sha256(label.encode()).hexdigest()
        self.device = torch.device(device)

    def __call__(self, video: Tensor) -> Tensor:
        """Flow from each frame to the next.

        Args:
            video: (b, 3, t, h, w) RGB, bytes, or floats in [-1, 1]; at least two frames.
        Returns:
            Pixels to the right and down, float32 on the CPU, (b, t - 1, 2, h, w): a point at (x, y) of frame t is at
            (x + flow[:, t, 0], y + flow[:, t, 1]) of frame t + 1.
        Raises:
            ValueError: if shape or range are others.
        """
        if video.ndim != 5 or video.shape[1] != 3 or video.shape[2] < 2:
            raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, t, h, w) with at least 2 frames")
        first, second = (frames.transpose(1, 2).flatten(0, 1) for frames in (video[:, :, :-1], video[:, :, 1:]))
        return self.between(first, second).unflatten(0, (len(video), -1))

    @torch.no_grad()
    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Flow from frames to others.

        Args:
            first: (n, 3, h, w) RGB, bytes, or floats in [-1, 1].
            second: frames of the same shape.
        Returns:
            Pixels to the right and down, float32 on the CPU, (n, 2, h, w).
        Raises:
            ValueError: if shapes or range are others, or differ.
        """
        if first.shape != second.shape or first.ndim != 4 or first.shape[1] != 3 or not len(first):
            shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
            raise ValueError(f"frames have shapes {shapes}, wanted (n, 3, h, w) of both")
        frames = to_bytes(first).split(PAIRS), to_bytes(second).split(PAIRS)
        flows = [
            self.estimate(a.to(self.device).float(), b.to(self.device).float()).cpu()
            for a, b in zip(*frames, strict=True)
        ]
        return torch.cat(flows)

    @abstractmethod
    def estimate(self, first: Tensor, second: Tensor) -> Tensor:
        """Flow (n, 2, h, w) between frames (n, 3, h, w): whole numbers of 0..255 as float32, on the device."""


def to_gray(frames: Tensor) -> Tensor:
    """Luminance (n, 1, h, w) of frames (n, 3, h, w) (ITU-R BT.601)."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=frames.device).view(1, 3, 1, 1)
    return (frames * weights).sum(1, keepdim=True)
