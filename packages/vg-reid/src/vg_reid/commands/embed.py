"""`python -m vg_reid embed` and `index`: from photos to a file of vectors, and to a gallery."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from vg_reid.commands.common import RANDOM_WEIGHTS, Choice, Out, describe, embed_in_parts, parts_of, say
from vg_reid.data.layouts import Person, parse_market_name
from vg_reid.data.people import People, read_people
from vg_reid.features import Features, load_features, save_features
from vg_reid.files import require_suffix
from vg_reid.gallery import Gallery
from vg_reid.index import choose_index


def embed(
    images: Annotated[Positional[tuple[Path, ...]], arg(metavar="PHOTOS")],
    /,
    out: Out,
    encoder: Choice = RANDOM_WEIGHTS,
    skip_corrupt: bool = False,
) -> None:
    """Turn photos into vectors of length 1 and write them to a .npz file.

    The file holds `vectors` (n, d), `pids`, `camids`, `metadata` (JSON lines with each path) and `source`: enough for
    an index of your own, or for `index`.

    Under torchrun the processes share the photos, on one machine or on several with a common disk, and the first one
    writes the file. After a kill the same command goes on where it was.

    Args:
        images: Photos, or folders of them.
        out: The .npz file to write.
        skip_corrupt: Leave unreadable images out and name them, instead of stopping.
    """
    if not images:
        raise ValueError("no images are given, wanted photos or folders of them")
    require_suffix(out, ".npz")
    persons, names = _read_all(images)
    embedder = encoder.embedder()
    features = embed_in_parts(out, persons, names, embedder, skip_corrupt=skip_corrupt)
    if features is not None:
        save_features(out, features)
        parts_of(out, persons, embedder, skip_corrupt=skip_corrupt).remove()
        say(f"{len(features.pids)} vectors of length {features.vectors.shape[1]} by {features.source} in {out}")


def index(
    data: Annotated[Positional[Path], arg(metavar="DATA")],
    /,
    out: Out,
    part: Literal["train", "query", "gallery", "all"] | None = None,
    save_model: Path | None = None,
    encoder: Choice = RANDOM_WEIGHTS,
    skip_corrupt: bool = False,
) -> None:
    """Make a gallery file to search in, from a folder of photos or from a file of `embed`.

    Photos are embedded as by `embed`: by several processes under torchrun, and on from where it was after a kill.

    Args:
        data: A folder (Market-1501, one folder a person, or photos without labels), or a .npz file of `embed`.
        out: The gallery file to write.
        part: Images of the folder to take; by default its gallery where it comes with a split, else all of them.
        save_model: Folder for the encoder as well, to search with: `search --model`, `vg-serve --reid`.
        skip_corrupt: Leave unreadable images out and name them, instead of stopping.
    """
    if not data.is_dir():
        if data.suffix != ".npz":
            raise ValueError(f"{data} is no folder and no .npz file, wanted photos or what `embed` made of them")
        if save_model is not None:
            raise ValueError(f"--save-model with {data}: the vectors are made already, wanted a folder of photos")
        _write(out, load_features(data))
        return
    people = read_people(data)
    describe(people)
    persons = _part(people, part or ("gallery" if people.official_split else "all"))
    embedder = encoder.embedder()
    features = embed_in_parts(out, persons, people.names, embedder, skip_corrupt=skip_corrupt)
    if features is not None:
        if save_model is not None:
            embedder.encoder.save_pretrained(save_model)
        _write(out, features)
        parts_of(out, persons, embedder, skip_corrupt=skip_corrupt).remove()


def _read_all(images: Sequence[Path]) -> tuple[list[Person], dict[int, str]]:
    """Read photos and folders of them, each photo once; a number stands for one person in all of them."""
    persons: list[Person] = []
    names: dict[int, str] = {}
    for path in images:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist, wanted photos or folders of them")
        found, called = [parse_market_name(path) or Person(path, -1, -1)], {}
        if path.is_dir():
            people = read_people(path)
            describe(people)
            found, called = people.images, people.names
        shared = {person.pid for person in persons} & {person.pid for person in found} - {-1}
        if mixed := sorted(pid for pid in shared if names.get(pid) != called.get(pid)):
            one, other = (who.get(mixed[0], mixed[0]) for who in (names, called))
            raise ValueError(f"{path}: {other!r} would count as {one!r} of the photos before, wanted a file for each")
        persons += found
        names |= called
    if twice := [path for path, count in Counter(person.path.resolve() for person in persons).items() if count > 1]:
        raise ValueError(f"{len(twice)} photos are given twice, wanted each once; the first: {twice[0]}")
    return persons, names


def _write(out: Path, features: Features) -> None:
    gallery = Gallery(features.vectors.shape[1], source=features.source)
    gallery.add(features.vectors, features.pids, features.camids, features.metadata)
    gallery.save(out)
    say(f"{len(gallery)} images by {gallery.source} in {out}", choose_index(len(gallery))[1])


def _part(people: People, part: str) -> list[Person]:
    persons = {"train": people.train, "query": people.query, "gallery": people.gallery, "all": people.images}[part]
    if not persons:
        raise ValueError(f"{people.root} has no {part} images: {'; '.join(people.describe())}")
    return persons
