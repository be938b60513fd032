"""Skip and label fusion of 3.3.1 against a loop over places and times."""

import itertools

import pytest
import torch
from torch.nn import functional as F
from vg_layers.fusion import spatio_temporal_fusion


@pytest.mark.parametrize("shape", [(2, 3, 5, 3, 4), (1, 2, 1, 1, 1), (0, 2, 3, 2, 2)])
def test_every_frame_gets_the_skip_maps_and_the_one_hot_maps_of_section_3_3_1(shape, rng):
    b, c, t, h, w = shape
    video = torch.randn(shape, dtype=torch.float64, generator=rng)
    skip = torch.randn(b, 5, h, w, dtype=torch.float64, generator=rng)
    label = F.one_hot(torch.arange(b) % 6, 6).double()
    fused = spatio_temporal_fusion(video, skip, label)
    assert fused.shape == (b, c + 5 + 6, t, h, w)
    for n, s, y, x in itertools.product(range(b), range(t), range(h), range(w)):
        expected = torch.cat([video[n, :, s, y, x], skip[n, :, y, x], label[n]])
        assert torch.equal(fused[n, :, s, y, x], expected)


def test_a_discriminator_fuses_the_label_alone(rng):
    video = torch.randn(2, 3, 2, 4, 4, generator=rng)
    fused = spatio_temporal_fusion(video, F.one_hot(torch.tensor([2, 0]), 3))  # integers become the video's dtype
    assert fused.dtype == torch.float32
    assert torch.equal(fused[:, :3], video)
    assert fused[:, 3:, 1, 2, 3].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_without_anything_still_the_video_comes_back(rng):
    video = torch.randn(2, 3, 2, 4, 4, generator=rng)
    assert torch.equal(spatio_temporal_fusion(video), video)


def test_memory_is_channels_last_for_the_convolution_that_follows(rng):
    video = torch.randn(2, 3, 2, 4, 5, generator=rng)
    fused = spatio_temporal_fusion(video, torch.randn(2, 5, 4, 5, generator=rng))
    assert fused.is_contiguous(memory_format=torch.channels_last_3d)


def test_bfloat16_maps_stay_bfloat16(rng):
    video = torch.randn(2, 3, 2, 2, 2, generator=rng).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fused = spatio_temporal_fusion(video, torch.randn(2, 4, 2, 2, generator=rng), torch.eye(2))
    assert fused.dtype == torch.bfloat16


def test_first_and_second_derivatives(rng):
    inputs = [
        torch.randn(size, dtype=torch.float64, generator=rng, requires_grad=True)
        for size in [(1, 2, 2, 1, 2), (1, 1, 1, 2), (1, 2)]
    ]

    def squared(*x):  # fusion itself is linear: its own second derivative would be 0
        return spatio_temporal_fusion(*x) ** 2

    assert torch.autograd.gradcheck(spatio_temporal_fusion, inputs)
    assert torch.autograd.gradgradcheck(squared, inputs)


@pytest.mark.parametrize("shape", [(2, 5, 4, 3), (3, 5, 3, 4), (3, 6), (2, 5, 1, 3, 4), (5,)])
def test_stills_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"still has shape .*; wanted \(2, 'c', 3, 4\) or \(2, 'c'\)"):
        spatio_temporal_fusion(torch.zeros(2, 3, 2, 3, 4), torch.zeros(shape))
