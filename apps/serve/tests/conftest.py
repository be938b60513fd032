"""Models of a few thousand parameters and a gallery of drawn persons, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw
from vg_reid import Embedder, Gallery
from vg_reid.encoder import Encoder, EncoderConfig, random_encoder
from vg_serve import Settings, create_app
from vg_video import g3an

CLASSES = ("3", "walk", "wave")  # the first reads like an index


def draw_person(shirt: str, trousers: str, bag: str) -> Image.Image:
    """A standing figure, 48 x 96 pixels."""
    image = Image.new("RGB", (48, 96), "lightgrey")
    draw = ImageDraw.Draw(image)
    draw.ellipse((18, 4, 30, 20), fill="peachpuff")
    draw.rectangle((12, 20, 36, 54), fill=shirt)
    draw.rectangle((14, 54, 34, 92), fill=trousers)
    draw.rectangle((36, 40, 44, 54), fill=bag)
    return image


@pytest.fixture(scope="session")
def video_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A G3AN generator with three classes."""
    folder = tmp_path_factory.mktemp("video") / "waving"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        g3an.Generator(g3an.GeneratorConfig(widths=(16, 8, 8, 8, 8), classes=CLASSES)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return random_encoder(EncoderConfig(backbone="tiny", embedding_dim=32, height=64, width=32))


@pytest.fixture(scope="session")
def reid_model(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    folder = tmp_path_factory.mktemp("reid") / "persons"
    encoder.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six persons, a photo each."""
    folder = tmp_path_factory.mktemp("photos")
    clothes = [
        ("red", "navy", "black"),
        ("green", "black", "red"),
        ("white", "brown", "blue"),
        ("navy", "white", "green"),
        ("yellow", "grey", "navy"),
        ("purple", "beige", "white"),
    ]
    paths = [folder / f"{i}.png" for i in range(len(clothes))]
    for path, colors in zip(paths, clothes, strict=True):
        draw_person(*colors).save(path)
    return paths


@pytest.fixture(scope="session")
def gallery_file(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, photos: list[Path]) -> Path:
    """The six photos under keys 10 to 15; persons 0 to 4, and one without identity and camera."""
    embedder = Embedder(encoder)
    gallery = Gallery(embedder.dim, source=embedder.name)
    metadata = [{"path": str(path)} for path in photos]
    metadata[0]["name"] = "Ada"
    gallery.add(embedder.embed(photos), [0, 1, 2, 3, 4, -1], [1, 2, 1, 2, 1, -1], metadata, keys=list(range(10, 16)))
    path = tmp_path_factory.mktemp("gallery") / "office.safetensors"
    gallery.save(path)
    return path


@pytest.fixture(scope="session")
def client(video_model: Path, reid_model: Path, gallery_file: Path) -> Iterator[TestClient]:
    """A server with everything loaded."""
    with TestClient(create_app(Settings(video=video_model, reid=reid_model, gallery=gallery_file))) as client:
        yield client
