"""`python -m vg_reid search` and `compare`: who looks like this, and do these two."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from vg_reid.commands.common import RANDOM_WEIGHTS, Choice, say
from vg_reid.compare import place
from vg_reid.embedder import Embedder
from vg_reid.files import atomic, require_suffix
from vg_reid.gallery import Gallery
from vg_reid.index import IndexChoice, choose_index
from vg_reid.index_cache import user_cache
from vg_reid.picture import stack_pictures
from vg_reid.search import rank_photo


def search(
    gallery: Annotated[Positional[Path], arg(metavar="GALLERY")],
    photos: Annotated[Positional[tuple[Path, ...]], arg(metavar="PHOTOS")],
    /,
    k: Annotated[int, arg(aliases=("-k",))] = 10,
    index: IndexChoice = "auto",
    index_cache: Path | None = None,
    rerank: int = 0,
    cross_camera: bool = False,
    picture: Path | None = Path("ranking.png"),
    encoder: Choice = RANDOM_WEIGHTS,
) -> None:
    """Find who looks most like the person in each photo: a table, and a picture with right and wrong matches framed.

    Right and wrong are known where the photo tells its identity: by a Market-1501 file name, or by lying in a folder
    named as one of the gallery's persons. Grey frames: nobody knows.

    Args:
        gallery: A file of `index`.
        photos: Photos to search for; the very same file in the gallery is left out of its own ranking.
        k: Matches to show.
        index: exact (PyTorch alone); flat, ivf, hnsw, pq, ivfpq (FAISS); auto chooses by size and says how.
        index_cache: Folder of yours alone that keeps FAISS indexes for the next search; by default ~/.cache/vg-reid.
        rerank: Re-rank so many of the best by their mutual neighbors; 0 for not at all.
        cross_camera: Leave out the same person under the same camera, as evaluation does.
        picture: The PNG to write; None for none.
    """
    if not photos:
        raise ValueError("no photos are given, wanted at least one to search for")
    if picture is not None:
        require_suffix(picture, ".png")
    store = Gallery.load(gallery, index_cache=index_cache or user_cache())
    embedder = encoder.embedder()
    _require_same_encoder(gallery, store, embedder)
    if index == "auto":
        say(choose_index(len(store))[1])
    rankings = []
    for photo, vector in zip(photos, embedder.embed(photos), strict=True):
        rankings.append(rank_photo(store, photo, vector, k, index=index, rerank=rerank, cross_camera=cross_camera))
        say(str(photo), *rankings[-1].table())
    say(f"by {embedder.name}")
    if picture is not None:
        with atomic(picture) as staged:
            stack_pictures([ranking.picture() for ranking in rankings]).save(staged)
        say(f"picture in {picture}")


def compare(
    first: Annotated[Positional[Path], arg(metavar="PHOTO")],
    second: Annotated[Positional[Path], arg(metavar="OTHER")],
    /,
    gallery: Path | None = None,
    encoder: Choice = RANDOM_WEIGHTS,
) -> None:
    """Tell how alike the persons in two photos look, and, beside a gallery of known persons, what that means.

    A likeness is no proof: two persons in like clothes may look more alike to an encoder than one person twice.

    Args:
        first: A photo.
        second: Another one.
        gallery: A file of `index` with known persons, whose pairs show how much the same and other persons look alike.
    """
    embedder = encoder.embedder()
    store = None if gallery is None else Gallery.load(gallery)
    if gallery is not None and store is not None:
        _require_same_encoder(gallery, store, embedder)
    one, other = embedder.embed([first, second])
    similarity = float(one @ other)
    say(f"similarity {similarity:.4f} (cosine: 1 for equal images, about 0 for nothing in common), by {embedder.name}")
    if store is None:
        say("what it means depends on encoder and cameras: --gallery with known persons shows where it lies")
    else:
        say(*place(store, similarity).describe())


def _require_same_encoder(path: Path, gallery: Gallery, embedder: Embedder) -> None:
    if gallery.source and gallery.source != embedder.name:
        raise ValueError(f"{path} was made by {gallery.source}, but this is {embedder.name}: wanted the same encoder")
    if gallery.dim != embedder.dim:
        raise ValueError(f"{path} has vectors of length {gallery.dim}, but {embedder.name} makes {embedder.dim}")
