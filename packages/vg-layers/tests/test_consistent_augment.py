"""Augmentation that is the same over a clip, differentiable and seeded."""

import itertools

import pytest
import torch
from vg_layers import consistent_augment

OFF = {"brightness": 0.0, "contrast": 0.0, "translation": 0.0}


def clips(rng: torch.Generator, shape: tuple[int, ...] = (3, 2, 4, 8, 16)) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=rng)


def test_nothing_asked_is_the_identity(rng):
    video = clips(rng)
    torch.testing.assert_close(consistent_augment(video, rng, **OFF), video)


def test_all_frames_of_a_clip_change_alike(rng):
    """A clip of one repeated frame stays a clip of one repeated frame, and two clips change differently."""
    still = clips(rng, (1, 2, 1, 8, 16)).expand(2, 2, 4, 8, 16)
    changed = consistent_augment(still, rng)
    torch.testing.assert_close(changed, changed[:, :, :1].expand_as(changed), rtol=0, atol=0)
    assert (changed[0] - changed[1]).abs().max() > 0.01


def test_brightness_adds_one_number_to_each_clip(rng):
    video = clips(rng, (64, 2, 2, 3, 3))
    added = (consistent_augment(video, rng, **{**OFF, "brightness": 0.3}) - video).flatten(1)
    torch.testing.assert_close(added, added[:, :1].expand_as(added))
    assert 0.25 < added.abs().max() <= 0.3
    assert added[:, 0].unique().numel() == 64


def test_contrast_scales_the_distance_from_the_mean_of_the_clip(rng):
    video = clips(rng, (64, 2, 2, 3, 3)).flatten(1)
    changed = consistent_augment(video.view(64, 2, 2, 3, 3), rng, **{**OFF, "contrast": 0.4}).flatten(1)
    torch.testing.assert_close(changed.mean(1), video.mean(1))
    factor = changed.std(1) / video.std(1)
    torch.testing.assert_close(changed - changed.mean(1, True), (video - video.mean(1, True)) * factor[:, None])
    assert 0.6 <= factor.min() < 0.65
    assert 1.35 < factor.max() <= 1.4


def test_translation_shifts_by_whole_pixels_up_to_its_share_and_fills_with_zero(rng):
    video = clips(rng, (200, 1, 1, 8, 16))
    moved = consistent_augment(video, rng, **{**OFF, "translation": 0.125})
    every, shifts = set(itertools.product(range(-1, 2), range(-2, 3))), set()
    for before, after in zip(video, moved, strict=True):
        fits = [(y, x) for y, x in every if torch.allclose(after, shifted(before, y, x))]
        assert len(fits) == 1
        shifts.update(fits)
    assert shifts == every


def shifted(clip: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Roll, then blank what came round from the other side."""
    moved = clip.roll((down, right), dims=(-2, -1))
    for axis, shift in ((-2, down), (-1, right)):
        if shift:
            blank = moved.narrow(axis, 0 if shift > 0 else moved.shape[axis] + shift, abs(shift))
            blank.zero_()
    return moved


def test_change_is_a_function_of_the_generator(rng):
    video = clips(rng)
    first, again, other = (consistent_augment(video, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("shape", [(2, 1, 2, 3, 3), (1, 2, 1, 1, 1)])
def test_first_and_second_derivatives(shape, rng):
    video = clips(rng, shape).requires_grad_()

    def fixed(x: torch.Tensor) -> torch.Tensor:
        return consistent_augment(x, torch.Generator().manual_seed(3), translation=0.4).square()

    assert torch.autograd.gradcheck(fixed, video)
    assert torch.autograd.gradgradcheck(fixed, video)
