"""Clips to feature vectors: the preprocessing of the released evaluation around the 3-D ResNeXt-101 (3.4.2, 4.4.3)."""

import hashlib
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vg_metrics.features import resnext3d

FRAMES, SIDE = 16, 112
MEAN = (114.7748, 107.7354, 99.4750)  # RGB, of 0..255, subtracted; the deviation is not divided by
RANDOM_LABEL = "random features, comparable only within this run"

Layer = Literal["pool", "logits"]


def video_features(
    features: str | Path = "random", *, layer: Layer = "pool", seed: int = 0, device: torch.device | str = "cpu"
) -> "VideoFeatures":
    """The 3-D ResNeXt-101 with its preprocessing, ready to be called on clips.

    Args:
        features: path of the weights (resnext-101-kinetics.pth), never downloaded, or "random".
        layer: "pool" is the 2048 values after the average pool (chapters 3 and 4 as released), "logits" the class
            logits ("outputs from last fully connected layer", chapter 5).
        seed: of the random weights.
        device: where the network runs.
    Raises:
        ValueError: if the file is no such checkpoint or the layer is unknown.
        FileNotFoundError: if there is no such file.
    """
    if layer not in get_args(Layer):
        raise ValueError(f"layer is {layer!r}, wanted 'pool' or 'logits'")
    if features == "random":
        network, label = resnext3d.random_weights(seed), RANDOM_LABEL
        checksum = _digest(bytes(p.detach().numpy().data) for p in network.parameters())
    else:
        path = Path(features)
        network, label = resnext3d.load(path), f"3-D ResNeXt-101, {layer}, {path.name}"
        checksum = file_digest(path)
    return VideoFeatures(network, layer=layer, label=label, checksum=checksum, device=device)


class VideoFeatures:
    """A network with its preprocessing; called on clips it gives one feature vector each.

    Attributes:
        name: network and layer, such as "resnext3d-101/pool".
        label: how to print a score that was made with it.
        checksum: sha256 of the weights: of the file, or of the random values.
        width: length of a feature vector.
    """

    def __init__(
        self,
        network: resnext3d.ResNeXt3D,
        *,
        layer: Layer,
        label: str,
        checksum: str,
        device: torch.device | str = "cpu",
    ) -> None:
        self.network = network.to(device).eval()
        self.layer = layer
        self.name = f"resnext3d-101/{layer}"
        self.label = label
        self.checksum = checksum
        self.device = torch.device(device)
        self.width = resnext3d.POOL_WIDTH if layer == "pool" else network.fc.out_features

    @torch.no_grad()
    def __call__(self, video: Tensor) -> Tensor:
        """Features (b, width), float32 on the CPU, of video (b, 3, t, h, w); see `prepare` for what it may hold."""
        return self._run(prepare(video))

    @torch.no_grad()
    def extract(self, clips: Iterable[Tensor], *, batch_size: int = 8) -> Tensor:
        """Features (n, width) of single clips (3, t, h, w), which may differ in size and length.

        Raises:
            ValueError: if there is no clip, or one is as `prepare` cannot use it.
        """
        prepared = (prepare(clip[None]) for clip in clips)
        rows = []
        while batch := list(islice(prepared, batch_size)):
            rows.append(self._run(torch.cat(batch)))
        if not rows:
            raise ValueError("there are no clips, wanted at least one")
        return torch.cat(rows)

    def _run(self, prepared: Tensor) -> Tensor:
        prepared = prepared.to(self.device)
        return (self.network.pool(prepared) if self.layer == "pool" else self.network(prepared)).cpu()


def prepare(video: Tensor) -> Tensor:
    """The released preprocessing: 16 central frames, bilinear to 112x112 as Pillow does it, 0..255 minus the mean.

    Args:
        video: (b, 3, t, h, w) RGB, bytes, or floats in [-1, 1] (rounded to bytes first); at least 16 frames.
    Returns:
        (b, 3, 16, 112, 112), float32, on the CPU; the aspect ratio is not kept.
    Raises:
        ValueError: if shape, length or range are others.
    """
    frames = central_frames(video)
    if frames.is_floating_point():
        if not frames.abs().max() <= 1.01:
            raise ValueError(f"video holds {frames.abs().max():.3g}, wanted floats in [-1, 1], or bytes")
        frames = ((frames + 1) * 127.5).round().clamp(0, 255).byte()
    elif frames.dtype != torch.uint8:
        raise ValueError(f"video is {frames.dtype}, wanted bytes, or floats in [-1, 1]")
    clips = [torch.stack([_resize(frame) for frame in clip]) for clip in frames.cpu().permute(0, 2, 3, 4, 1)]
    return torch.stack(clips).permute(0, 4, 1, 2, 3) - torch.tensor(MEAN).view(3, 1, 1, 1)


def _resize(frame: Tensor) -> Tensor:
    """By Pillow itself: torch's kernel rounds some bytes otherwise, by up to 2."""
    picture = Image.fromarray(frame.numpy()).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture, dtype=np.float32))


def central_frames(video: Tensor, count: int = FRAMES) -> Tensor:
    """The `count` consecutive frames around the middle of video (b, 3, t, h, w); ValueError if there are fewer."""
    if video.ndim != 5 or video.shape[1] != 3:
        raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, t, h, w)")
    length = video.shape[2]
    if length < count:
        raise ValueError(f"video has {length} frames, wanted at least {count}")
    start = length // 2 - count // 2
    return video[:, :, start : start + count]


def file_digest(path: Path) -> str:
    """Sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
