"""POST /persons/search and GET /persons/{key}/image."""

import asyncio
import io
import struct
import zlib
from pathlib import Path

import httpx
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from vg_reid import Embedder, Gallery
from vg_reid.encoder import Encoder
from vg_serve import Limits, Settings, create_app


def search(client: TestClient, photo: bytes, **fields: object) -> httpx.Response:
    return client.post("/persons/search", files={"photo": ("a.jpg", photo)}, data=fields)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be so large."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def test_the_ranking_is_that_of_a_slow_loop(client: TestClient, encoder: Encoder, photos: list[Path]) -> None:
    answer = search(client, photos[2].read_bytes(), k=6)
    assert answer.status_code == 200, answer.text
    vectors = Embedder(encoder).embed(photos).double()
    scores = [sum(a * b for a, b in zip(vectors[2].tolist(), row, strict=True)) for row in vectors.tolist()]
    order = sorted(range(6), key=lambda i: -scores[i])
    results = answer.json()["results"]
    assert [match["key"] for match in results] == [10 + i for i in order]
    assert [match["rank"] for match in results] == [1, 2, 3, 4, 5, 6]
    assert [match["score"] for match in results] == pytest.approx([scores[i] for i in order], abs=1e-5)
    assert results[0]["key"] == 12
    assert results[0]["score"] == pytest.approx(1, abs=1e-5)
    assert {match["key"]: match["name"] for match in results if match["name"]} == {10: "Ada"}
    assert {match["key"]: (match["pid"], match["camid"]) for match in results} == {
        10: (0, 1), 11: (1, 2), 12: (2, 1), 13: (3, 2), 14: (4, 1), 15: (None, None)
    }  # fmt: skip


def test_k_bounds_the_ranking_and_defaults_to_ten(client: TestClient, photos: list[Path]) -> None:
    photo = photos[0].read_bytes()
    assert len(search(client, photo, k=2).json()["results"]) == 2
    assert len(search(client, photo).json()["results"]) == 6  # all there are


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_photos_of_common_formats_find_their_person(client: TestClient, photos: list[Path], kind: str) -> None:
    with Image.open(photos[3]) as image:
        photo = encoded(image, kind)
    assert search(client, photo, k=1).json()["results"][0]["pid"] == 3


def test_a_photo_lying_on_its_side_is_turned_upright(client: TestClient, photos: list[Path]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    with Image.open(photos[1]) as image:
        sideways = encoded(image.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    assert search(client, sideways, k=1).json()["results"][0]["score"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("photo", "status", "said"),
    [
        (b"", 422, "not an image"),
        (b"GIF89a is a lie", 422, "JPEG, PNG, WEBP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 422, "not an image"),
        (encoded(Image.new("RGB", (64, 64), "red"), "JPEG")[:-200], 422, "damaged"),
        (encoded(Image.effect_noise((64, 64), 50), "PNG")[:900], 422, "damaged"),
        (png_header(8000, 6000), 413, "8000x6000"),  # over the limit
        (png_header(60000, 60000), 413, "pixels"),  # PIL itself refuses this one
    ],
)
def test_a_file_that_is_no_usable_photo_is_refused(client: TestClient, photo: bytes, status: int, said: str) -> None:
    answer = search(client, photo)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize(("k", "said"), [(0, "k"), (-3, "k"), (101, "limit of 100"), ("many", "k")])
def test_a_k_out_of_bounds_is_422(client: TestClient, photos: list[Path], k: object, said: str) -> None:
    answer = search(client, photos[0].read_bytes(), k=k)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


def test_a_search_without_a_photo_is_422(client: TestClient) -> None:
    for answer in (client.post("/persons/search", data={"k": 3}), client.post("/persons/search", json={"photo": "x"})):
        assert answer.status_code == 422
        assert "photo" in answer.json()["error"]


def test_an_upload_over_the_limit_is_413_whether_its_length_is_declared_or_not(client: TestClient) -> None:
    app = create_app(Settings(limits=Limits(max_upload_bytes=1000)))
    declared = search(TestClient(app), bytes(2000))
    head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    chunks = (part for part in (head, bytes(2000), b"\r\n--x--\r\n"))
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    chunked = TestClient(app).post("/persons/search", content=chunks, headers=headers)
    assert "content-length" not in chunked.request.headers
    for answer in (declared, chunked):
        assert answer.status_code == 413
        assert "1000 bytes" in answer.json()["error"]


@pytest.mark.parametrize(("declared", "read"), [([], 11), ([(b"content-length", b"10001")], 0)])
def test_reading_stops_at_the_limit(
    declared: list[tuple[bytes, bytes]], read: int, reid_model: Path, gallery_file: Path
) -> None:
    app = create_app(Settings(reid=reid_model, gallery=gallery_file, limits=Limits(max_upload_bytes=10_000)))
    head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    given, sent = 0, []

    async def receive() -> dict[str, object]:  # a client that never ends
        nonlocal given
        given += 1
        return {"type": "http.request", "body": head if given == 1 else bytes(1000), "more_body": True}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/persons/search", "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=x"), *declared],
        "scheme": "http", "server": ("test", 80),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert given == read  # the head and ten chunks are one over; a declared length needs no reading


@pytest.mark.parametrize("given", [(), ("reid",), ("gallery",)])
def test_without_model_or_gallery_the_answer_names_the_missing_flags(
    given: tuple[str, ...], reid_model: Path, gallery_file: Path, photos: list[Path]
) -> None:
    both = {"reid": reid_model, "gallery": gallery_file}
    client = TestClient(create_app(Settings(**{name: both[name] for name in given})))
    answer = search(client, photos[0].read_bytes())
    assert answer.status_code == 503
    for name in both:
        assert (f"--{name} " in answer.json()["error"]) == (name not in given)
    assert client.get("/persons/10/image").status_code == (200 if "gallery" in given else 503)


def test_an_image_of_the_ranking_is_the_gallery_photo(client: TestClient, photos: list[Path]) -> None:
    best = search(client, photos[4].read_bytes(), k=1).json()["results"][0]
    answer = client.get(best["image"])
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as sent, Image.open(photos[4]) as wanted:
        assert sent.size == wanted.size
        shirt = sent.getpixel((24, 36)), wanted.getpixel((24, 36))
    assert max(abs(a - b) for a, b in zip(*shirt, strict=True)) < 12


@pytest.mark.parametrize("key", ["99", "-1", "9" * 30, "..%2F..%2Fetc%2Fpasswd", "10.png"])
def test_only_keys_of_the_gallery_name_images(client: TestClient, key: str) -> None:
    answer = client.get(f"/persons/{key}/image")
    assert answer.status_code in (404, 422)
    assert set(answer.json()) == {"error"}


def test_a_gallery_photo_is_sent_as_a_small_picture_or_not_at_all(
    tmp_path: Path, reid_model: Path, encoder: Encoder, rng: torch.Generator
) -> None:
    Image.new("RGB", (2000, 1000), "green").save(tmp_path / "large.png")
    (tmp_path / "secret.txt").write_text("root:x:0:0\n")
    metadata = [
        {"path": str(tmp_path / "large.png")},
        {"path": str(tmp_path / "secret.txt")},  # a gallery file from elsewhere may name any file
        {"path": str(tmp_path / "gone.jpg")},
        {"path": 3, "name": ["Ada"]},
        {},
    ]
    gallery = Gallery(encoder.config.embedding_dim)
    gallery.add(torch.randn(5, gallery.dim, generator=rng), [0] * 5, [0] * 5, metadata)
    gallery.save(tmp_path / "gallery")
    client = TestClient(create_app(Settings(reid=reid_model, gallery=tmp_path / "gallery")))
    with Image.open(io.BytesIO(client.get("/persons/0/image").content)) as sent:
        assert sent.size == (256, 128)
    for key in range(1, 5):
        answer = client.get(f"/persons/{key}/image")
        assert answer.status_code == 404
        assert "root" not in answer.text
        assert str(tmp_path) not in answer.text
    ranked = search(client, (tmp_path / "large.png").read_bytes()).json()["results"]
    assert {match["key"] for match in ranked if match["image"] is None} == {2, 3, 4}
