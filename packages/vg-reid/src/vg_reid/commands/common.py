"""What the commands share: the choice of the encoder, embedding in parts, progress and printing."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tyro.conf import OmitArgPrefixes, arg

from vg_reid import official
from vg_reid.data.people import People, Person
from vg_reid.embedder import Embedder
from vg_reid.encoder import BackboneName, EncoderConfig, random_encoder
from vg_reid.features import Features, load_features, save_features
from vg_reid.parts import Parts, Process

PART = 256  # images that are embedded again at most after a kill


@dataclass(frozen=True)
class EncoderChoice:
    """Which encoder: a model folder, a public checkpoint, or, with neither, random weights (told as such)."""

    model: Path | None = None
    """Model folder with config.json and model.safetensors."""
    weights: Path | None = None
    """Checkpoint of a ResNet-50 with ImageNet, JVTC, MMCL, ACT or GCL keys."""
    backbone: BackboneName = "resnet50"
    """Backbone of the encoder with random weights."""
    seed: int = 0
    """Seed of the random weights."""
    device: str = "cpu"
    """Where the encoder runs: cpu, cuda, cuda:1. Under torchrun cuda is another GPU for each process."""
    batch_size: int = 64
    """Images per pass."""

    def embedder(self) -> Embedder:
        """Build it; the choice of both a model and weights is an error."""
        device = Process.from_environment().device(self.device)
        if self.model is not None and self.weights is not None:
            raise ValueError("--model and --weights are both given, wanted one of them")
        if self.model is not None:
            return Embedder.from_folder(self.model, device=device, batch_size=self.batch_size)
        if self.weights is not None:
            encoder = official.load(self.weights)
        else:
            encoder = random_encoder(EncoderConfig(backbone=self.backbone), self.seed)
        return Embedder(encoder, device=device, batch_size=self.batch_size)


RANDOM_WEIGHTS = EncoderChoice()
Choice = OmitArgPrefixes[EncoderChoice]
Out = Annotated[Path, arg(aliases=("-o",))]


def embed_in_parts(
    out: Path, persons: list[Person], names: Mapping[int, str], embedder: Embedder, *, skip_corrupt: bool
) -> Features | None:
    """Embed this process' share of the images, in parts beside `out`; the first process gets all of them.

    Parts that are there from a run that was killed are taken up. They are to be removed by `parts_of(...).remove()`
    once `out` is written.
    """
    process, parts = Process.from_environment(), parts_of(out, persons, embedder, skip_corrupt=skip_corrupt)
    todo = list(parts.missing(process))
    with progress("embedding", sum(share.stop - share.start for _, share in todo)) as advance:
        for file, share in todo:
            save_features(file, _embed(persons[share], names, embedder, skip_corrupt, advance))
    if process.rank:
        return None
    parts.wait()
    found = [load_features(file) for file in parts.files]
    if not any(part.pids for part in found):
        raise ValueError(f"none of {len(persons)} images is readable; the first: {persons[0].path}")
    vectors, *lists, _ = zip(*found, strict=True)
    pids, camids, metadata = (list(chain.from_iterable(parts)) for parts in lists)
    return Features(torch.cat(vectors), pids, camids, metadata, embedder.name)


def parts_of(out: Path, persons: list[Person], embedder: Embedder, *, skip_corrupt: bool) -> Parts:
    """Describe the job of embedding these images, as they are now, by this encoder."""
    seen = (person.path.stat() for person in persons)
    images = [f"{person} {state.st_size} {state.st_mtime_ns}" for person, state in zip(persons, seen, strict=True)]
    return Parts.of(out, [embedder.name, str(skip_corrupt), *images], len(persons), size=PART, suffix=".npz")


def describe(people: People) -> None:
    """Say what was read, once for all processes."""
    if Process.from_environment().rank == 0:
        say(*people.describe())


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on stderr with the remaining time, where stderr is a terminal."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def say(*lines: str) -> None:
    """Print lines at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _embed(
    persons: list[Person],
    names: Mapping[int, str],
    embedder: Embedder,
    skip_corrupt: bool,
    advance: Callable[[int], object],
) -> Features:
    paths = [person.path for person in persons]
    vectors, kept, skipped = embedder.embed_images(paths, skip_corrupt=skip_corrupt, progress=advance)
    if skipped:
        say(f"{len(skipped)} unreadable images skipped:", *(f"  {line}" for line in skipped))
    persons = [persons[position] for position in kept]
    metadata: list[Mapping[str, Any]] = [
        {"path": str(person.path.resolve())} | ({"name": names[person.pid]} if person.pid in names else {})
        for person in persons
    ]
    return Features(vectors, [p.pid for p in persons], [p.camid for p in persons], metadata, embedder.name)
