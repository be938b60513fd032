"""The commands of `python -m vg_reid`: embed, index, search, evaluate."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tyro.conf import OmitArgPrefixes, Positional, arg

from vg_reid import official
from vg_reid.data.layouts import Person, parse_market_name
from vg_reid.data.people import People, read_people
from vg_reid.embedder import Embedder
from vg_reid.encoder import BackboneName, EncoderConfig, random_encoder
from vg_reid.evaluate import evaluate as score
from vg_reid.features import Features, load_features, save_features
from vg_reid.files import atomic, require_suffix
from vg_reid.gallery import Gallery
from vg_reid.index import IndexKind
from vg_reid.picture import stack_pictures
from vg_reid.search import rank_photo


@dataclass(frozen=True)
class EncoderChoice:
    """Which encoder: a model folder, a public checkpoint, or, with neither, random weights (told as such)."""

    model: Path | None = None
    """Model folder with config.json and model.safetensors."""
    weights: Path | None = None
    """Checkpoint of a ResNet-50 with ImageNet, JVTC or GCL keys."""
    backbone: BackboneName = "resnet50"
    """Backbone of the encoder with random weights."""
    seed: int = 0
    """Seed of the random weights."""
    device: str = "cpu"
    """Where the encoder runs: cpu, cuda, cuda:1."""
    batch_size: int = 64
    """Images per pass."""

    def embedder(self) -> Embedder:
        """Build it; the choice of both a model and weights is an error."""
        if self.model is not None and self.weights is not None:
            raise ValueError("--model and --weights are both given, wanted one of them")
        if self.model is not None:
            return Embedder.from_folder(self.model, device=self.device, batch_size=self.batch_size)
        if self.weights is not None:
            encoder = official.load(self.weights)
        else:
            encoder = random_encoder(EncoderConfig(backbone=self.backbone), self.seed)
        return Embedder(encoder, device=self.device, batch_size=self.batch_size)


Choice = OmitArgPrefixes[EncoderChoice]
Out = Annotated[Path, arg(aliases=("-o",))]


def embed(
    images: Positional[tuple[Path, ...]],
    /,
    out: Out,
    encoder: Choice = EncoderChoice(),
    skip_corrupt: bool = False,
) -> None:
    """Turn photos into vectors of length 1 and write them to a .npz file.

    The file holds `vectors` (n, d), `pids`, `camids`, `metadata` (JSON lines with each path) and `source`: enough for
    an index of your own, or for `index`.

    Args:
        images: Photos, or folders of them.
        out: The .npz file to write.
        skip_corrupt: Leave unreadable images out and name them, instead of stopping.
    """
    if not images:
        raise ValueError("no images are given, wanted photos or folders of them")
    require_suffix(out, ".npz")
    persons: list[Person] = []
    names: dict[int, str] = {}
    for path in images:
        if path.is_dir():
            people = read_people(path)
            _say(*people.describe())
            persons += people.images
            names |= people.names
        else:
            persons.append(parse_market_name(path) or Person(path, -1, -1))
    features = _embed(persons, names, encoder.embedder(), skip_corrupt)
    save_features(out, features)
    _say(f"{len(features.pids)} vectors of length {features.vectors.shape[1]} by {features.source} in {out}")


def index(
    data: Positional[Path],
    /,
    out: Out,
    part: Literal["train", "query", "gallery", "all"] | None = None,
    save_model: Path | None = None,
    encoder: Choice = EncoderChoice(),
    skip_corrupt: bool = False,
) -> None:
    """Make a gallery file to search in, from a folder of photos or from a file of `embed`.

    Args:
        data: A folder (Market-1501, one folder a person, or photos without labels), or a .npz file of `embed`.
        out: The gallery file to write.
        part: Images of the folder to take; by default its gallery where it comes with a split, else all of them.
        save_model: Folder for the encoder as well, to search with: `search --model`, `vg-serve --reid`.
        skip_corrupt: Leave unreadable images out and name them, instead of stopping.
    """
    if data.is_dir():
        people = read_people(data)
        _say(*people.describe())
        part = part or ("gallery" if people.official_split else "all")
        embedder = encoder.embedder()
        features = _embed(_part(people, part), people.names, embedder, skip_corrupt)
        if save_model is not None:
            embedder.encoder.save_pretrained(save_model)
    elif save_model is not None:
        raise ValueError(f"--save-model with {data}: the vectors are made already, wanted a folder of photos")
    else:
        features = load_features(data)
    gallery = Gallery(features.vectors.shape[1], source=features.source)
    gallery.add(features.vectors, features.pids, features.camids, features.metadata)
    gallery.save(out)
    _say(f"{len(gallery)} persons by {gallery.source} in {out}")


def search(
    gallery: Positional[Path],
    photos: Positional[tuple[Path, ...]],
    /,
    k: Annotated[int, arg(aliases=("-k",))] = 10,
    index: IndexKind = "exact",
    cross_camera: bool = False,
    picture: Path | None = Path("ranking.png"),
    encoder: Choice = EncoderChoice(),
) -> None:
    """Find who looks most like the person in each photo: a table, and a picture with right and wrong matches framed.

    Right and wrong are known where the photo tells its identity: by a Market-1501 file name, or by lying in a folder
    named as one of the gallery's persons. Grey frames: nobody knows.

    Args:
        gallery: A file of `index`.
        photos: Photos to search for; the very same file in the gallery is left out of its own ranking.
        k: Matches to show.
        index: exact (PyTorch alone), or flat, ivf, hnsw (FAISS).
        cross_camera: Leave out the same person under the same camera, as evaluation does.
        picture: The PNG to write; None for none.
    """
    if not photos:
        raise ValueError("no photos are given, wanted at least one to search for")
    if picture is not None:
        require_suffix(picture, ".png")
    store = Gallery.load(gallery)
    embedder = encoder.embedder()
    if store.source and store.source != embedder.name:
        raise ValueError(f"{gallery} was made by {store.source}, but this is {embedder.name}: wanted the same encoder")
    rankings = []
    for photo, vector in zip(photos, embedder.embed(photos), strict=True):
        rankings.append(rank_photo(store, photo, vector, k, index=index, cross_camera=cross_camera))
        _say(str(photo), *rankings[-1].table())
    _say(f"by {embedder.name}")
    if picture is not None:
        with atomic(picture) as staged:
            stack_pictures([ranking.picture() for ranking in rankings]).save(staged)
        _say(f"picture in {picture}")


def evaluate(
    data: Positional[Path],
    /,
    encoder: Choice = EncoderChoice(),
    split_seed: int = 0,
    json_out: Annotated[Path | None, arg(name="json")] = None,
    skip_corrupt: bool = False,
) -> None:
    """Score an encoder: mAP, rank-1, rank-5, rank-10 and mINP over the queries of a folder.

    Matches of the same person under the same camera are left out, and queries without any other match are named and in
    no mean. Needs the extra vg-reid[evaluate].

    Args:
        data: A labelled folder: Market-1501, or one folder a person.
        split_seed: Chooses the queries where the folder has no split.
        json_out: File for the scores as JSON.
        skip_corrupt: Leave unreadable images out and name them, instead of stopping.
    """
    people = read_people(data, seed=split_seed)
    _say(*people.describe())
    embedder = encoder.embedder()
    with _progress("embedding", len(people.query) + len(people.gallery)) as advance:
        result = score(people, embedder, skip_corrupt=skip_corrupt, progress=advance)
    _say(*result.describe())
    if json_out is not None:
        with atomic(json_out) as staged:
            staged.write_text(json.dumps(asdict(result), indent=2) + "\n")


def _part(people: People, part: str) -> list[Person]:
    persons = {"train": people.train, "query": people.query, "gallery": people.gallery, "all": people.images}[part]
    if not persons:
        raise ValueError(f"{people.root} has no {part} images: {'; '.join(people.describe())}")
    return persons


def _embed(persons: list[Person], names: dict[int, str], embedder: Embedder, skip_corrupt: bool) -> Features:
    paths = [person.path for person in persons]
    with _progress("embedding", len(paths)) as advance:
        vectors, kept, skipped = embedder.embed_images(paths, skip_corrupt=skip_corrupt, progress=advance)
    if skipped:
        _say(f"{len(skipped)} unreadable images skipped:", *(f"  {line}" for line in skipped))
    persons = [persons[position] for position in kept]
    metadata: list[Mapping[str, Any]] = [
        {"path": str(person.path.resolve())} | ({"name": names[person.pid]} if person.pid in names else {})
        for person in persons
    ]
    return Features(vectors, [p.pid for p in persons], [p.camid for p in persons], metadata, embedder.name)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on stderr with the remaining time, where stderr is a terminal."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
