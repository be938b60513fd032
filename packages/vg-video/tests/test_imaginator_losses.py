import math

import pytest
import torch
from vg_layers import NSGAN, WGAN
from vg_video.imaginator.losses import (
    Logits,
    discriminator_losses,
    generator_losses,
    reconstruction_loss,
    wrong_labels,
)


def log_d(logit: float) -> float:
    return math.log(1 / (1 + math.exp(-logit)))


def log_not_d(logit: float) -> float:
    return math.log(1 - 1 / (1 + math.exp(-logit)))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


REAL, FAKE, WRONG = [0.3, -0.7], [-1.1, 0.4], [0.9, 0.2]
OF_FRAMES = ([1.2, -0.3, 0.6, 0.1], [-0.5, 0.8, -0.2, 0.7])


def logits(video: list[float], image: list[float] | None = None) -> Logits:
    return Logits(torch.tensor(video), None if image is None else torch.tensor(image))


def test_wrong_labels_and_generated_clips_weigh_one_half_each_as_in_algorithm_1():
    found = discriminator_losses(logits(REAL, OF_FRAMES[0]), logits(FAKE, OF_FRAMES[1]), torch.tensor(WRONG), NSGAN())
    video = mean([log_d(s) for s in REAL])
    video += 0.5 * (mean([log_not_d(s) for s in WRONG]) + mean([log_not_d(s) for s in FAKE]))
    image = mean([log_d(s) for s in OF_FRAMES[0]]) + mean([log_not_d(s) for s in OF_FRAMES[1]])
    assert {name: loss.item() for name, loss in found.items()} == pytest.approx(
        {"video_discriminator": -video, "image_discriminator": -image}, rel=1e-5
    )


def test_without_labels_the_losses_are_equation_3_3():
    found = discriminator_losses(logits(REAL), logits(FAKE), None, NSGAN())
    wanted = mean([log_d(s) for s in REAL]) + mean([log_not_d(s) for s in FAKE])
    assert {name: loss.item() for name, loss in found.items()} == pytest.approx({"video_discriminator": -wanted})


def test_generator_does_not_saturate_and_needs_no_image_discriminator():
    found = generator_losses(logits(FAKE, OF_FRAMES[1]), NSGAN())
    wanted = {"generator_video": -mean([log_d(s) for s in FAKE])}
    assert generator_losses(logits(FAKE), NSGAN())["generator_video"].item() == pytest.approx(wanted["generator_video"])
    wanted["generator_image"] = -mean([log_d(s) for s in OF_FRAMES[1]])
    assert {name: loss.item() for name, loss in found.items()} == pytest.approx(wanted)


def test_another_row_of_table_2_1_keeps_the_weights_of_algorithm_1():
    found = discriminator_losses(logits(REAL), logits(FAKE), torch.tensor(WRONG), WGAN())
    wanted = 0.5 * mean(FAKE) + 0.5 * mean(WRONG) - mean(REAL)
    assert found["video_discriminator"].item() == pytest.approx(wanted)


def test_reconstruction_is_the_norm_of_equation_3_4_not_the_mean(rng):
    fake, real = (torch.randn(5, 3, 32, 64, 64, generator=rng) for _ in range(2))
    norms = [(a.double() - b.double()).abs().sum().item() for a, b in zip(fake, real, strict=True)]
    assert reconstruction_loss(fake, real).item() == pytest.approx(mean(norms), rel=1e-5)
    assert 1e-3 * mean(norms) == pytest.approx(393.216 * (fake - real).abs().mean().item(), rel=1e-5)


def test_wrong_labels_are_wrong_and_all_of_them_come(rng):
    label = torch.arange(4).repeat(300)
    wrong = wrong_labels(label, 4, rng)
    assert (wrong != label).all()
    counts = torch.bincount(4 * label + wrong, minlength=16).view(4, 4)
    assert (counts.diagonal() == 0).all()
    assert counts[~torch.eye(4, dtype=torch.bool)].min() > 60  # of 100 expected
    with pytest.raises(ValueError, match="classes=1, wanted at least 2"):
        wrong_labels(torch.zeros(3, dtype=torch.long), 1)
