"""Folders of videos as the commands use them: opened with a progress bar, and drawn from for scores."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from rich.progress import Progress
from torch import Tensor
from vg_video.data.clips import Batch, ClipConfig, ClipDataset
from vg_video.data.layouts import LayoutName, Split, read_layout
from vg_video.data.transforms import to_float
from vg_video.generator import VideoGenerator
from vg_video.sampling import sample
from vg_video.seeds import seeded


@dataclass(frozen=True, kw_only=True)
class Videos:
    """Which videos of a folder."""

    layout: LayoutName | None = None
    """The dataset that the folder is a download of; by default any folder of videos."""
    split: Split | None = None
    """Of a dataset the training or the test part; by default all of it."""
    split_seed: int = 0
    """Of splits that are drawn by subject."""
    lists: Path | None = None
    """Folder of the dataset's own lists, where they do not lie beside the videos."""
    allow_missing: bool = False
    """Go on when videos of the dataset are missing."""
    skip_corrupt: bool = False
    """Leave damaged videos out instead of stopping at the first."""


def open_folder(root: Path, clips: ClipConfig, videos: Videos, *, cache: Path | None = None) -> ClipDataset:
    """Open a folder of videos, with a progress bar, and say on stderr what was left out and why.

    Raises:
        OSError, ValueError: as `ClipDataset`.
    """
    with Progress(transient=True) as progress:
        task = progress.add_task(f"reading {root}", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        scan = None
        if videos.layout:
            listing = read_layout(videos.layout, root, lists=videos.lists, seed=videos.split_seed)
            scan = listing.scan(videos.split, allow_missing=videos.allow_missing, skip_corrupt=videos.skip_corrupt)
        dataset = ClipDataset(root, clips, scan=scan, cache=cache, skip_corrupt=videos.skip_corrupt, progress=show)
    if dataset.skipped:
        path, reason = dataset.skipped[0]
        print(f"{root}: {len(dataset.skipped)} left out, the first: {path.name}: {reason}", file=sys.stderr)
    return dataset


def check_labels(dataset: ClipDataset, classes: tuple[str, ...]) -> None:
    """Refuse data whose labels are not the model's; data or a model without labels fits all.

    Raises:
        ValueError: with both lists.
    """
    if classes and dataset.classes and classes != dataset.classes:
        found, wanted = ", ".join(dataset.classes), ", ".join(classes)
        raise ValueError(
            f"the videos have {len(dataset.classes)} labels ({found}), but the model has {len(classes)} ({wanted})"
        )


def draw_clips(dataset: ClipDataset, count: int, *, seed: int, batch_size: int = 16) -> Iterator[Batch]:
    """Draw real clips, a function of the seed: of each video one, in random order, before any gives a second.

    Yields:
        Batches, of `count` clips in all.
    """
    order = torch.randperm(len(dataset), generator=seeded(seed)).tolist()
    for index, first in enumerate(range(0, count, batch_size)):
        numbers = range(first, min(first + batch_size, count))
        clips, labels = zip(*(dataset.clip(order[i % len(order)], seeded(seed, i)) for i in numbers), strict=True)
        yield Batch(index, to_float(torch.stack(clips)), torch.tensor(labels) if dataset.classes else None)


@dataclass(frozen=True)
class Examples:
    """Real clips that samples are held against, and go on from where the generator takes images."""

    video: Tensor  # (n, 3, t, h, w) in [-1, 1]
    label: Tensor | None  # (n,) class indices; None without labels

    @classmethod
    def draw(cls, dataset: ClipDataset, count: int, *, seed: int) -> Self:
        """Draw clips of the data, a function of the seed."""
        batches = list(draw_clips(dataset, count, seed=seed))
        labels = [batch.label for batch in batches if batch.label is not None]
        return cls(torch.cat([batch.video for batch in batches]), torch.cat(labels) if labels else None)

    def sample(self, generator: VideoGenerator, count: int, *, seed: int) -> Tensor:
        """Generate as long clips; from images, sample i goes on from clip i, and shows its label."""
        frames = self.video.shape[2]
        if not generator.takes_image:
            return sample(generator, count, seed=seed, frames=frames)
        numbers = torch.arange(count) % len(self.video)
        label = self.label[numbers].tolist() if generator.classes and self.label is not None else None
        return sample(generator, count, seed=seed, frames=frames, images=self.video[numbers, :, 0], label=label)
