from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from vg_reid.data import images as module
from vg_reid.data.augment import Augment
from vg_reid.data.images import PersonImages
from vg_reid.data.layouts import Person
from vg_reid.data.people import read_people
from vg_reid.data.transforms import read_image, to_tensor


@pytest.fixture
def people(persons):
    return read_people(persons).train


def test_batch_is_what_the_encoder_reads(people):
    images = PersonImages(people, height=64, width=32)
    batch = images.batch([3, 0, 3])
    assert batch.shape == (3, 3, 64, 32)
    assert batch.dtype == torch.float32
    for image, index in zip(batch, [3, 0, 3], strict=True):
        torch.testing.assert_close(image, to_tensor(read_image(people[index].path), 64, 32))
    assert len(images) == 18
    assert images.pids.tolist() == [p.pid for p in people]
    assert images.camids.tolist() == [p.camid for p in people]


def test_augmentation_is_a_function_of_seed_and_index(people):
    images = PersonImages(people, height=64, width=32, augment=Augment())
    alone = images.batch([5], seed=7)
    torch.testing.assert_close(images.batch([1, 5, 2], seed=7)[1:2], alone, rtol=0, atol=0)
    torch.testing.assert_close(PersonImages(people, height=64, width=32, augment=Augment()).batch([5], seed=7), alone)
    assert not torch.equal(images.batch([5], seed=8), alone)


def test_images_are_decoded_once_up_to_the_limit(people, monkeypatch):
    opened = []
    monkeypatch.setattr(module, "read_image", lambda path: opened.append(path) or read_image(path))
    images = PersonImages(people, height=16, width=8, memory_limit=2 * 3 * 16 * 8)
    for _ in range(3):
        images.batch([0, 1, 2])
    assert [opened.count(people[index].path) for index in (0, 1, 2)] == [1, 1, 3]


def test_what_cannot_be_read_is_named(people, tmp_path):
    (tmp_path / "cut.jpg").write_bytes(people[0].path.read_bytes()[:400])
    images = PersonImages([Person(tmp_path / "cut.jpg", 1, 0), Person(tmp_path / "gone.jpg", 1, 0)])
    with pytest.raises(ValueError, match=r"cut\.jpg is not a readable image"):
        images.batch([0])
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        images.batch([1])
    with pytest.raises(ValueError, match="found no images, wanted at least one person"):
        PersonImages([])


def odd_images() -> Iterator[tuple[str, Image.Image, np.ndarray]]:
    grey = np.linspace(0, 255, 24 * 12).astype(np.uint8).reshape(24, 12)
    yield "grey.png", Image.fromarray(grey), grey[..., None].repeat(3, 2)
    yield "deep.png", Image.fromarray(grey.astype(np.uint16) * 257), grey[..., None].repeat(3, 2)
    yield "deep.tif", Image.fromarray(grey.astype(np.uint16) * 257), grey[..., None].repeat(3, 2)
    color = np.stack([grey, grey[::-1], 255 - grey], 2)
    yield "seen.png", Image.fromarray(color).convert("RGBA"), color
    clear = np.dstack([color, np.where(grey < 128, 0, 255).astype(np.uint8)])
    yield "clear.png", Image.fromarray(clear), np.where(clear[..., 3:] > 0, color, 255)
    yield "cmyk.tif", Image.fromarray(color).convert("CMYK"), color
    yield "bits.png", Image.fromarray(grey).convert("1"), np.where(grey[..., None] > 127, 255, 0).repeat(3, 2)
    yield "tiny.png", Image.fromarray(color[:2, :2]), color[:2, :2]


@pytest.mark.parametrize("case", list(odd_images()), ids=lambda case: case[0])
def test_grey_deep_cmyk_transparent_and_tiny_images_are_right(case, tmp_path):
    name, image, wanted = case
    image.save(tmp_path / name)
    seen = np.asarray(read_image(tmp_path / name), dtype=float)
    if name == "bits.png":  # dithered
        assert set(np.unique(seen)) <= {0, 255}
        assert abs(seen.mean() - wanted.mean()) < 8
    else:
        assert np.abs(seen - wanted).max() <= 1
    batch = PersonImages([Person(tmp_path / name, 1, 0)], height=16, width=8).batch([0])
    assert batch.shape == (1, 3, 16, 8)
    assert batch.isfinite().all()


def test_pixels_of_unknown_range_are_an_error(tmp_path):
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"float\.tif is not a readable image: pixels are floating-point numbers"):
        read_image(tmp_path / "float.tif")
