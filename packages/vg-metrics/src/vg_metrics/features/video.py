"""Clips to feature vectors: the preprocessing of the released evaluation around the 3-D ResNeXt-101 (3.4.2, 4.4.3)."""

from functools import partial
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from vg_metrics.features import resnext3d
from vg_metrics.features.base import FeatureNetwork, open_network
from vg_metrics.features.preprocess import central_frames, per_frame, pillow_bilinear, to_bytes

FRAMES, SIDE = 16, 112
MEAN = (114.7748, 107.7354, 99.4750)  # RGB, of 0..255, subtracted; the deviation is not divided by

Layer = Literal["pool", "logits"]


def video_features(
    features: str | Path = "random",
    *,
    layer: Layer = "pool",
    frames: int = FRAMES,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> FeatureNetwork:
    """The 3-D ResNeXt-101 with its preprocessing, ready to be called on clips (b, 3, t, h, w).

    Args:
        features: path of the weights (resnext-101-kinetics.pth), never downloaded, or "random".
        layer: "pool" is the 2048 values after the average pool (chapters 3 and 4 as released), "logits" the class
            logits ("outputs from last fully connected layer", chapter 5).
        frames: central frames that the network sees; it was trained on 16.
        seed: of the random weights.
        device: where the network runs.
    Raises:
        ValueError: if the file is no such checkpoint or the layer is unknown.
        FileNotFoundError: if there is no such file.
    """
    if layer not in get_args(Layer):
        raise ValueError(f"layer is {layer!r}, wanted 'pool' or 'logits'")
    network, label, checksum = open_network(
        features, resnext3d.load, lambda: resnext3d.random_weights(seed), f"3-D ResNeXt-101, {layer}"
    )
    return FeatureNetwork(
        network,
        network.pool if layer == "pool" else network,
        partial(prepare, frames=frames),
        name=f"resnext3d-101/{layer}",
        label=label,
        checksum=checksum,
        width=resnext3d.POOL_WIDTH if layer == "pool" else network.fc.out_features,
        preprocessing=f"{frames} central frames, Pillow bilinear to {SIDE}x{SIDE}, RGB of 0..255 minus {MEAN}",
        device=device,
    )


def prepare(video: Tensor, frames: int = FRAMES) -> Tensor:
    """The released preprocessing: central frames, bilinear to 112x112 as Pillow does it, 0..255 minus the mean.

    Args:
        video: (b, 3, t, h, w) RGB, bytes, or floats in [-1, 1] (rounded to bytes first).
        frames: central frames to take.
    Returns:
        (b, 3, frames, 112, 112), float32, on the CPU; the aspect ratio is not kept.
    Raises:
        ValueError: if shape, length or range are others.
    """
    clips = to_bytes(central_frames(video, frames))
    return per_frame(lambda frame: pillow_bilinear(frame, SIDE), clips) - torch.tensor(MEAN).view(3, 1, 1, 1)
