import numpy as np
import pytest
import torch
from PIL import Image
from vg_reid.data.transforms import IMAGENET_MEAN, IMAGENET_STD, read_image, to_tensor
from vg_reid.embedder import Embedder
from vg_reid.encoder import EncoderConfig, random_encoder


@pytest.fixture
def photos(persons):
    return sorted((persons / "bounding_box_train").iterdir())[:12]


def test_rows_are_the_images_in_order_with_length_1(embedder, photos):
    vectors = embedder.embed(photos)
    assert vectors.shape == (12, 512)
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(12))
    for position in (0, 7, 11):
        torch.testing.assert_close(vectors[position : position + 1], embedder.embed([photos[position]]))


def test_batches_threads_and_sources_do_not_change_the_vectors(embedder, photos):
    wanted = embedder.embed(photos)
    other = Embedder(embedder.encoder, batch_size=64, workers=1)
    torch.testing.assert_close(other.embed([Image.open(path) for path in photos]), wanted)
    torch.testing.assert_close(other.embed([str(path) for path in photos]), wanted)


def test_progress_counts_every_image_and_no_images_give_no_rows(embedder, photos):
    counts = []
    embedder.embed(photos, progress=counts.append)
    assert counts == [5, 5, 2]
    assert embedder.embed([]).shape == (0, 512)


def test_pixels_are_resized_bicubically_and_normalized_as_imagenet(rng):
    raw = torch.randint(0, 256, (40, 30, 3), generator=rng, dtype=torch.uint8).numpy()
    tensor = to_tensor(Image.fromarray(raw), 16, 8)
    small = np.asarray(Image.fromarray(raw).resize((8, 16), Image.Resampling.BICUBIC))
    for c in range(3):
        expected = (small[..., c].astype(np.float64) / 255 - IMAGENET_MEAN[c]) / IMAGENET_STD[c]
        np.testing.assert_allclose(tensor[c].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_any_image_mode_becomes_the_same_grey(mode, tmp_path):
    pixels = np.full((12, 6), 200, np.uint8)
    if mode == "I;16":
        image = Image.fromarray(pixels.astype(np.uint16) * 257)
    elif mode == "1":
        image, pixels = Image.new("1", (6, 12), 1), np.full((12, 6), 255, np.uint8)
    else:
        image = Image.fromarray(pixels).convert("RGB" if mode == "CMYK" else "L").convert(mode)
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image.save(path)
    np.testing.assert_allclose(np.asarray(read_image(path)), np.repeat(pixels[..., None], 3, 2), atol=1)


@pytest.mark.parametrize("size", [(2, 2), (1, 1), (1, 300), (3000, 2)])
def test_images_of_any_size_have_a_vector(size, embedder):
    vector = embedder.embed([Image.new("RGB", size, "teal")])
    torch.testing.assert_close(vector.norm(dim=1), torch.ones(1))


def test_photo_is_turned_upright_as_its_exif_tag_says(tmp_path):
    image = Image.new("RGB", (20, 10), "black")
    image.paste("white", (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    upright = read_image(tmp_path / "turned.png")
    assert upright.size == (10, 20)
    assert upright.getpixel((5, 2)) == (255, 255, 255)
    assert upright.getpixel((5, 17)) == (0, 0, 0)


def bad_images(tmp_path, good):
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(good.read_bytes()[:700])
    text = tmp_path / "text.png"
    text.write_text("no image")
    empty = tmp_path / "empty.bmp"
    empty.touch()
    bomb = tmp_path / "bomb.png"
    Image.new("1", (10_000, 6_000)).save(bomb)
    return [truncated, text, empty, bomb]


def test_unreadable_image_is_an_error_naming_it_unless_skipped_and_counted(embedder, photos, tmp_path):
    bad = bad_images(tmp_path, photos[0])
    for path in bad:
        with pytest.raises(ValueError, match=f"{path.name} is not a readable image"):
            embedder.embed([photos[0], path])
    mixed = [photos[0], *bad[:2], photos[1], *bad[2:]]
    vectors, kept, skipped = embedder.embed_images(mixed, skip_corrupt=True)
    assert kept == [0, 3]
    assert len(skipped) == 4
    assert all(path.name in line for path, line in zip(bad, skipped, strict=True))
    torch.testing.assert_close(vectors, embedder.embed(photos[:2]))
    nothing = embedder.embed_images(bad, skip_corrupt=True)
    assert (nothing.vectors.shape, nothing.kept, len(nothing.skipped)) == ((0, 512), [], 4)


def test_image_bomb_is_refused_by_its_size_before_decoding(embedder, tmp_path):
    Image.new("1", (10_000, 6_000)).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"bomb\.png .*10000x6000 pixels, wanted at most 50000000"):
        embedder.embed([tmp_path / "bomb.png"])
    with pytest.raises(ValueError, match=r"huge\.png is not a readable image"):  # where PIL itself raises
        Image.new("1", (20_000, 10_000)).save(tmp_path / "huge.png")
        embedder.embed([tmp_path / "huge.png"])


def test_missing_file_is_never_skipped(embedder, photos, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jpg"):
        embedder.embed_images([photos[0], tmp_path / "nowhere.jpg"], skip_corrupt=True)


def test_image_of_one_pixel_is_a_person_like_any(embedder):
    assert torch.isfinite(embedder.embed([Image.new("RGB", (1, 1))])).all()


def test_name_says_random_weights_and_tells_weights_apart(embedder):
    config = EncoderConfig(backbone="tiny", height=64, width=32)
    assert embedder.name.startswith("tiny, random weights (")
    assert Embedder(random_encoder(config, 0)).name == embedder.name
    assert Embedder(random_encoder(config, 1)).name != embedder.name


def test_model_folder_embeds_as_the_encoder_it_was_saved_from(embedder, model, photos):
    loaded = Embedder.from_folder(model)
    assert loaded.name == embedder.name
    torch.testing.assert_close(loaded.embed(photos), embedder.embed(photos))


def test_embedder_needs_a_folder_and_sensible_numbers(embedder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        Embedder.from_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="batch_size=0"):
        Embedder(embedder.encoder, batch_size=0)
