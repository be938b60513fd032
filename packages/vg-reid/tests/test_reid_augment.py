import pytest
import torch
from vg_reid.data import augment
from vg_reid.data.augment import Augment
from vg_reid.data.transforms import IMAGENET_MEAN
from vg_reid.seeds import seeded

OFF = {"flip": False, "crop": False, "jitter": False, "erasing": False}


@pytest.fixture
def image(rng):
    return torch.rand(3, 61, 33, generator=rng)


def many(step, image, count=60):
    return [step(image, seeded(0, index)) for index in range(count)]


def test_nothing_turned_on_changes_nothing(image):
    assert torch.equal(Augment(**OFF)(image, seeded(1)), image)


def test_flip_mirrors_half_of_the_images(image):
    results = many(Augment(**OFF | {"flip": True}), image)
    mirrored = [torch.equal(result, image.flip(-1)) for result in results]
    assert all(torch.equal(r, image) or m for r, m in zip(results, mirrored, strict=True))
    assert 15 < sum(mirrored) < 45


def test_crop_moves_the_image_by_at_most_ten_of_256_rows(image):
    seen = set()
    for result in many(Augment(**OFF | {"crop": True}), image):
        moves = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.equal(
                result[:, max(0, -dy) : 61 - max(0, dy), max(0, -dx) : 33 - max(0, dx)],
                image[:, max(0, dy) : 61 + min(0, dy), max(0, dx) : 33 + min(0, dx)],
            )
        ]
        assert len(moves) == 1
        seen.add(moves[0])
    assert len(seen) > 12  # of 25


def test_jitter_changes_light_contrast_and_saturation_within_its_strength(image):
    calm = 0.4 + 0.2 * image  # nothing is clipped
    for result in many(augment.jitter, calm):
        assert 0.8 - 1e-4 < result.mean() / calm.mean() < 1.2 + 1e-4
        assert 0.8**3 - 1e-3 < (result.amax(0) - result.amin(0)).mean() / (calm.amax(0) - calm.amin(0)).mean() < 1.2**3
    grey = calm.mean(0, keepdim=True).expand(3, -1, -1)
    result = augment.jitter(grey, seeded(3))
    torch.testing.assert_close(result[0], result[2])  # without color, saturation has no effect


def test_erased_rectangle_is_mean_colored_and_as_large_as_asked(image):
    mean = torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    for result in many(augment.erase, image):
        gone = (result == mean).all(0)
        rows, columns = gone.any(1).sum(), gone.any(0).sum()
        assert gone.sum() == rows * columns  # one full rectangle
        assert 0.015 < gone.float().mean() < 0.22
        assert 0.2 < rows / columns < 4.5
        torch.testing.assert_close(result[:, ~gone], image[:, ~gone])
    erased = [not torch.equal(result, image) for result in many(Augment(**OFF | {"erasing": True}), image)]
    assert 15 < sum(erased) < 45


def test_whatever_is_done_stays_an_image_and_spares_its_input(image):
    before = image.clone()
    for result in many(Augment(), image):
        assert result.shape == image.shape
        assert result.min() >= 0
        assert result.max() <= 1
    assert torch.equal(image, before)


def test_smallest_images_can_be_augmented():
    for height, width in [(1, 1), (2, 2), (3, 1)]:
        for result in many(Augment(), torch.rand(3, height, width)):
            assert result.shape == (3, height, width)
