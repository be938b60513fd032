"""Folders of videos as the commands use them: opened with a progress bar, and drawn from for scores."""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from rich.progress import Progress
from torch import Tensor
from vg_video.data.clips import ClipConfig, ClipDataset
from vg_video.data.transforms import to_float
from vg_video.seeds import seeded


def open_folder(root: Path, clips: ClipConfig, *, cache: Path | None = None, skip_corrupt: bool = False) -> ClipDataset:
    """Open a folder of videos, with a progress bar, and say on stderr what was left out and why.

    Raises:
        OSError, ValueError: as `ClipDataset`.
    """
    with Progress(transient=True) as progress:
        task = progress.add_task(f"reading {root}", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        dataset = ClipDataset(root, clips, cache=cache, skip_corrupt=skip_corrupt, progress=show)
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


def draw_clips(dataset: ClipDataset, count: int, *, seed: int, batch_size: int = 16) -> Iterator[Tensor]:
    """Draw real clips, a function of the seed: of each video one, in random order, before any gives a second.

    Yields:
        Video in [-1, 1], (b, 3, t, h, w), `count` clips in all.
    """
    order = torch.randperm(len(dataset), generator=seeded(seed)).tolist()
    for first in range(0, count, batch_size):
        numbers = range(first, min(first + batch_size, count))
        clips = [dataset.clip(order[i % len(order)], seeded(seed, i))[0] for i in numbers]
        yield to_float(torch.stack(clips))
