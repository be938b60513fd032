"""POST /persons/search: rank a gallery by an uploaded photo; GET /persons/{key}/image: a photo of the gallery."""

import asyncio
import io
import struct
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Form, HTTPException, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from PIL import Image, ImageOps, UnidentifiedImageError
from vg_reid import Embedder, Gallery
from vg_reid.data.transforms import read_image
from vg_reid.gallery import Entry

from vg_serve.schema import Error, Match, PersonGallery, Ranking
from vg_serve.settings import Limits

FORMATS = ("JPEG", "PNG", "WEBP")  # of an upload; PIL knows many more, some of which run other programs
SHOWN = (256, 512)  # the largest width and height of a gallery photo that is sent
JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}, 404: {"model": Error}}


def load(model: Path | None, file: Path | None) -> tuple[Embedder | None, Gallery | None]:
    """Load the encoder and the gallery, either of which may be absent.

    Raises:
        ValueError: if one of them is damaged, the gallery is empty, or another encoder made its vectors.
        OSError: if one of them is missing or cannot be read.
    """
    embedder = Embedder.from_folder(model) if model else None
    gallery = Gallery.load(file) if file else None
    if gallery is not None and not len(gallery):
        raise ValueError(f"{file} is an empty gallery: wanted at least one photo")
    if embedder and gallery and (embedder.dim != gallery.dim or gallery.source not in ("", embedder.name)):
        raise ValueError(
            f"{file} holds vectors of {gallery.source or 'another encoder'} with {gallery.dim} numbers, "
            f"but {model} is {embedder.name} with {embedder.dim}: index the photos with this model"
        )
    return embedder, gallery


def router(embedder: Embedder | None, gallery: Gallery | None, limits: Limits) -> APIRouter:
    """The routes over an encoder and a gallery, one search at a time; what needs an absent one answers 503."""
    routes = APIRouter(prefix="/persons")
    turn = asyncio.Lock()

    @routes.post("/search")
    async def search(photo: UploadFile, k: Annotated[int, Form(ge=1)] = 10) -> Ranking:
        """Rank the gallery by similarity to a photo (JPEG, PNG or WebP) of one person; the best k."""
        if embedder is None or gallery is None:
            raise _absent({"--reid MODEL": embedder, "--gallery FILE": gallery})
        if k > limits.max_results:
            raise HTTPException(422, f"k: {k} is more than this server's limit of {limits.max_results}")
        async with turn:
            return await run_in_threadpool(rank, embedder, gallery, photo.file, k, limits.max_pixels)

    @routes.get("/{key}/image", response_class=Response, responses=JPEG)
    async def image(key: int) -> Response:
        """Show the photo behind a key of the gallery, made smaller, if its file is still there."""
        if gallery is None:
            raise _absent({"--gallery FILE": gallery})
        if key not in gallery:
            raise HTTPException(404, f"key {key} is not in this server's gallery")
        return Response(await run_in_threadpool(thumbnail, gallery.entry(key)), media_type="image/jpeg")

    return routes


def describe(gallery: Gallery, file: Path) -> PersonGallery:
    """What GET /health says of the gallery in `file`."""
    identities = set(gallery.pids.tolist()) - {-1}
    return PersonGallery(name=file.name, images=len(gallery), identities=len(identities))


def rank(embedder: Embedder, gallery: Gallery, photo: BinaryIO, k: int, pixels: int) -> Ranking:
    """The k gallery images most similar to a photo.

    Raises:
        HTTPException: 413 for more than `pixels` pixels, 422 for what is no whole JPEG, PNG or WebP image.
    """
    found = gallery.search(embedder.embed([decode(photo, pixels)]), k)
    entries = (gallery.entry(key) for key in found.keys[0].tolist())
    matches = zip(entries, found.scores[0].tolist(), strict=True)
    return Ranking(results=[_match(entry, score, place) for place, (entry, score) in enumerate(matches, 1)])


def decode(photo: BinaryIO, pixels: int) -> Image.Image:
    """Decode an upload, upright as its EXIF tag says; its size is checked before its pixels are read.

    Raises:
        HTTPException: 413 for more than `pixels` pixels, 422 for what is no whole JPEG, PNG or WebP image.
    """
    try:
        with Image.open(photo, formats=FORMATS) as image:
            if image.width * image.height > pixels:
                raise HTTPException(413, f"photo: {image.width}x{image.height} is more than {pixels} pixels")
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:
        raise HTTPException(413, f"photo: more than {pixels} pixels") from None
    except UnidentifiedImageError:
        raise HTTPException(422, f"photo: not an image; {', '.join(FORMATS)} is wanted") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:  # PIL's answers to damage
        raise HTTPException(422, f"photo: damaged image ({error})") from error


def thumbnail(entry: Entry) -> bytes:
    """The photo of a gallery entry as a JPEG file of at most 256x512 pixels.

    It is decoded and encoded anew, so that a path in a gallery file can show pictures and nothing else.

    Raises:
        HTTPException: 404 if the entry has no path, or no readable image is there.
    """
    path = _text(entry, "path")
    if path is None:
        raise HTTPException(404, f"key {entry.key} has no photo in this server's gallery")
    try:
        image = read_image(Path(path))
    except (ValueError, OSError):
        raise HTTPException(404, f"the photo of key {entry.key} is no longer readable on this server") from None
    image.thumbnail(SHOWN)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def _match(entry: Entry, score: float, place: int) -> Match:
    path, name = _text(entry, "path"), _text(entry, "name")
    return Match(
        rank=place,
        key=entry.key,
        pid=None if entry.pid < 0 else entry.pid,
        name=name,
        camid=None if entry.camid < 0 else entry.camid,
        score=score,
        image=f"/persons/{entry.key}/image" if path and Path(path).is_file() else None,
    )


def _text(entry: Entry, field: str) -> str | None:
    """A metadata field, unless it is missing or no text: a gallery file from elsewhere may hold anything."""
    value = entry.metadata.get(field)
    return value if isinstance(value, str) else None


def _absent(needed: dict[str, object]) -> HTTPException:
    flags = " and ".join(flag for flag, given in needed.items() if given is None)
    return HTTPException(503, f"this server has no such model or gallery: start vg-serve with {flags}")
