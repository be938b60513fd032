import pytest
import torch
from vg_video.imaginator.losses import reconstruction_loss
from vg_video.labels import wrong_labels


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


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
