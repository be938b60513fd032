"""A folder as one side of a comparison: its samples as a protocol takes them, their features and their motion."""

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from vg_metrics.codec import ShortClipError
from vg_metrics.definition import TENSORFLOW_RESIZE, Protocol
from vg_metrics.features import (
    FeatureNetwork,
    c3d_features,
    i3d_features,
    inception_features,
    video_features,
)
from vg_metrics.features.preprocess import pillow_bilinear
from vg_metrics.folders import Clips, Source, fingerprint
from vg_metrics.functional import motion_energy, motion_map
from vg_metrics.statistics import Features, Origin, Statistics

SEED = 0  # of the order of samples, and of random positions in clips
MOTION_SIDE = 64  # pixels at which motion is measured, whatever the network sees

Side = Literal["real", "fake"]
Watch = Callable[[Iterable[Any], str, int], Iterable[Any]]  # shows progress: (items, description, total) -> the items


def unwatched(items: Iterable[Any], description: str, total: int) -> Iterable[Any]:
    """The items, without showing anything."""
    return items


def check_device(device: str) -> str:
    """The device; ValueError if torch cannot use it here."""
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        raise ValueError(f"device {device} cannot be used ({str(error).splitlines()[0]})") from error
    return device


class Samples:
    """The samples of a folder as a protocol takes them, each read when its turn comes; iterate once.

    They come in a random order that is always the same, so that some of them stand for all, as do parts of them.

    Args:
        clips: the folder.
        protocol: which frames to take of each clip, and their size.
        side: "real" or "fake"; only real clips are taken in steps and several times.
        most: samples to take at most; None for all.
        skip_corrupt: pass over damaged files, rather than raise.

    Attributes:
        names: of the samples that were read, in their order.
        contents: digest of the files by name.
        skipped: what was left out, with the reason.
        lossless: whether all files that were read keep every pixel.
    """

    def __init__(
        self, clips: Clips, protocol: Protocol, side: Side, *, most: int | None = None, skip_corrupt: bool = False
    ) -> None:
        self.clips, self.protocol, self.skip_corrupt = clips, protocol, skip_corrupt
        self.step, self.draws = (protocol.step, protocol.draws) if side == "real" else (1, 1)
        self.most = min(most or len(clips) * self.draws, len(clips) * self.draws)
        self.names: list[str] = []
        self.contents: dict[str, str] = {}
        self.skipped = [f"{path.relative_to(clips.root)}: {reason}" for path, reason in clips.skipped]
        self.lossless = True

    def __len__(self) -> int:
        return self.most

    def __iter__(self) -> Iterator[Tensor]:
        """Clips (3, t, h, w), or pictures (3, h, w), bytes; ValueError for damaged ones, or if none can be used."""
        for source in random.Random(SEED).sample(self.clips.sources, len(self.clips)):
            for clip in self._cut(source):
                self.names.append(source.name)
                yield clip
                if len(self.names) == self.most:
                    return
        if not self.names:
            raise ValueError(f"{self.clips.root}: nothing in it can be used, first {self.skipped[0]}")

    def name(self, index: int) -> str:
        """Name of a sample that was read."""
        return f"{self.clips.root}/{self.names[index]}"

    def _cut(self, source: Source) -> Iterator[Tensor]:
        """The samples of one clip; none if it is too short, or damaged and that is passed over."""
        for draw in range(self.draws):
            chance = random.Random(f"{SEED}/{source.name}/{draw}").random()
            try:
                clip = source.read(partial(self._window, chance))
            except ShortClipError as error:
                wanted = (self.protocol.frames - 1) * self.step + 1
                self.skipped.append(f"{source.name}: {error.frames} frames, wanted at least {wanted}")
                return
            except ValueError as error:
                if not self.skip_corrupt:
                    raise
                self.skipped.append(str(error))
                return
            if source.name not in self.contents:
                self.contents[source.name] = source.digest()
                self.lossless &= source.lossless
            fitted = fit(clip, self.protocol)
            yield fitted if self.protocol.frames > 1 else fitted[:, 0]

    def _window(self, chance: float, length: int) -> range | None:
        start = self.protocol.start(length, self.step, chance)
        if start is None:
            return None
        return range(start, start + (self.protocol.frames - 1) * self.step + 1, self.step)


def fit(clip: Tensor, protocol: Protocol) -> Tensor:
    """A clip (3, t, h, w), bytes, brought to the protocol's resolution: cropped or squeezed to a square, resized."""
    side, (height, width) = protocol.resolution, clip.shape[2:]
    if side is None or (height, width) == (side, side):
        return clip
    if protocol.fit == "crop":
        square = min(height, width)
        top, left = (height - square) // 2, (width - square) // 2
        clip = clip[..., top : top + square, left : left + square]
    return pillow_bilinear(clip.transpose(0, 1), side).byte().transpose(0, 1)


def measure(samples: Samples, network: FeatureNetwork, *, batch_size: int = 8, watch: Watch = unwatched) -> Statistics:
    """Features of the samples, which are read and prepared while the network runs, and motion if they are clips.

    Raises:
        ValueError: as iterating the samples and `FeatureNetwork.extract`, or if a feature is not finite.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, wanted at least 1")
    maps, energies = [], []

    def observed() -> Iterator[Tensor]:
        for sample in watch(samples, f"features of {samples.clips.root}", len(samples)):
            if sample.ndim == 4:
                small = pillow_bilinear(sample.transpose(0, 1), MOTION_SIDE).byte().transpose(0, 1)[None]
                maps.append(motion_map(small))
                energies.append(motion_energy(small))
            yield sample

    features = network.extract(observed(), batch_size=batch_size, name=samples.name)
    origin = Origin(
        protocol=samples.protocol.settings(),
        network=network.name,
        label=network.label,
        checksum=network.checksum,
        preprocessing=network.preprocessing,
        fingerprint=fingerprint(samples.contents),
        lossless=samples.lossless,
        skipped=tuple(samples.skipped),
    )
    try:
        return Statistics(
            features=Features(features),
            motion=Features(torch.cat(maps)) if maps else None,
            energy=torch.cat(energies).mean().item() if maps else None,
            origin=origin,
        )
    except ValueError as error:
        raise ValueError(f"{samples.clips.root}: {error}") from error


def open_network(
    protocol: Protocol, features: str, *, mean: Path | None = None, seed: int = 0, device: str = "cpu"
) -> FeatureNetwork:
    """The feature network of a protocol.

    Args:
        protocol: names network and layer.
        features: path of the weights, or "random".
        mean: path of the mean clip, which C3D's weights want.
        seed: of random weights.
        device: where it runs.
    Raises:
        ValueError: if a file holds something else, or the device cannot be used.
        FileNotFoundError: if there is no such file.
    """
    check_device(device)
    layer: Any = protocol.layer  # each network checks its own
    if protocol.network == "resnext3d-101":
        return video_features(features, layer=layer, frames=protocol.frames, seed=seed, device=device)
    if protocol.network == "c3d":
        return c3d_features(features, mean, layer=layer, seed=seed, device=device)
    if protocol.network == "i3d":
        return i3d_features(features, frames=protocol.frames, seed=seed, device=device)
    resize: Any = "tensorflow" if protocol.resize == TENSORFLOW_RESIZE else "clean"
    return inception_features(features, layer=layer, resize=resize, seed=seed, device=device)
