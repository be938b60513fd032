"""Three-stream fusion against a loop over positions."""

import itertools

import pytest
import torch
from vg_layers import fuse_streams

SHAPES = [(1, 2, 3, 1, 1, 1), (2, 3, 3, 5, 3, 4), (2, 4, 1, 2, 1, 5)]  # b, c, c of the appearance, t, h, w


@pytest.mark.parametrize("shape", SHAPES)
def test_fusion_adds_motion_to_video_and_puts_appearance_before(shape, rng):
    b, c, c_s, t, h, w = shape
    video = torch.randn(b, c, t, h, w, generator=rng)
    appearance = torch.randn(b, c_s, 1, h, w, generator=rng)
    motion = torch.randn(b, c, t, 1, 1, generator=rng)
    fused = fuse_streams(video, appearance, motion)
    assert fused.shape == (b, c_s + c, t, h, w)
    assert fused.is_contiguous(memory_format=torch.channels_last_3d)
    for k, i, j in itertools.product(range(t), range(h), range(w)):
        torch.testing.assert_close(fused[:, :c_s, k, i, j], appearance[:, :, 0, i, j], rtol=0, atol=0)
        joint = video[:, :, k, i, j] + motion[:, :, k, 0, 0]
        torch.testing.assert_close(fused[:, c_s:, k, i, j], joint, rtol=0, atol=0)


def test_gradients_of_fusion(rng):
    shapes = [(2, 3, 2, 2, 3), (2, 2, 1, 2, 3), (2, 3, 2, 1, 1)]
    streams = [torch.randn(s, dtype=torch.float64, generator=rng, requires_grad=True) for s in shapes]
    assert torch.autograd.gradcheck(fuse_streams, streams)
    assert torch.autograd.gradgradcheck(fuse_streams, streams)


def test_streams_that_do_not_fit_are_refused():
    video, appearance, motion = torch.zeros(2, 3, 4, 5, 6), torch.zeros(2, 3, 1, 5, 6), torch.zeros(2, 3, 4, 1, 1)
    with pytest.raises(ValueError, match=r"motion has shape \(2, 3, 1, 1, 1\); wanted \(2, 3, 4, 1, 1\)"):
        fuse_streams(video, appearance, motion[:, :, :1])
    with pytest.raises(ValueError, match=r"appearance has shape \(2, 3, 1, 5, 5\); wanted \(2, 3, 1, 5, 6\)"):
        fuse_streams(video, appearance[..., :5], motion)
