"""Resizing and levels against the libraries whose numbers they stand for, and against loops over pixels."""

import numpy as np
import pytest
import torch
from PIL import Image
from vg_metrics.features.preprocess import (
    central_frames,
    opencv_cubic,
    per_frame,
    pillow_bicubic,
    pillow_bilinear,
    tensorflow_bilinear,
    to_bytes,
    to_levels,
    torch_bilinear,
)


@pytest.fixture
def frames(rng) -> torch.Tensor:
    """Three, smaller and larger than what they are resized to in one way or the other."""
    return torch.randint(256, (3, 3, 23, 41), generator=rng, dtype=torch.uint8)


def slow_bilinear(frame: np.ndarray, side: int, position) -> np.ndarray:
    """One channel, one pixel after another; `position` of an output index in the input."""
    height, width = frame.shape
    out = np.empty((side, side))
    for i in range(side):
        for j in range(side):
            y, x = min(max(position(i, height), 0), height - 1), min(max(position(j, width), 0), width - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = frame[top, left] * (1 - x + left) + frame[top, right] * (x - left)
            lower = frame[bottom, left] * (1 - x + left) + frame[bottom, right] * (x - left)
            out[i, j] = upper * (1 - y + top) + lower * (y - top)
    return out


@pytest.mark.parametrize("side", [17, 31, 60])
@pytest.mark.parametrize(
    ("resize", "position"),
    [
        (tensorflow_bilinear, lambda side: lambda i, size: i * size / side),
        (torch_bilinear, lambda side: lambda i, size: (i + 0.5) * size / side - 0.5),
        (
            lambda frames, side: torch_bilinear(frames, side, align_corners=True),
            lambda side: lambda i, size: np.linspace(0, size - 1, side)[i],
        ),
    ],
    ids=["tensorflow", "torch", "chainer"],
)
def test_bilinear_resizes_read_between_the_pixels_they_should(resize, position, side, frames):
    got = resize(frames, side)
    assert got.dtype == torch.float32 and got.shape == (3, 3, side, side)
    wanted = slow_bilinear(frames[1, 2].double().numpy(), side, position(side))
    np.testing.assert_allclose(got[1, 2], wanted, atol=2e-3)


@pytest.mark.parametrize("side", [17, 60])
def test_cubic_resize_is_that_of_opencv(side, frames):
    cv2 = pytest.importorskip("cv2")
    floats = frames.numpy().astype(np.float32).transpose(0, 2, 3, 1)
    wanted = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_CUBIC) for frame in floats])
    np.testing.assert_allclose(opencv_cubic(frames, side).permute(0, 2, 3, 1), wanted, atol=2e-3)


@pytest.mark.parametrize("side", [17, 60])
def test_pillow_resizes_bytes_bilinear_and_floats_bicubic(side, frames):
    picture = Image.fromarray(frames[1].permute(1, 2, 0).numpy())
    wanted = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(pillow_bilinear(frames, side)[1], wanted)
    plane = Image.fromarray(frames[1, 2].numpy().astype(np.float32))
    cubic = np.asarray(plane.resize((side, side), Image.Resampling.BICUBIC))
    assert side == 17 or cubic.min() < 0 or cubic.max() > 255  # it overshoots
    np.testing.assert_array_equal(pillow_bicubic(frames, side)[1, 2], cubic.clip(0, 255))


def test_video_is_treated_frame_by_frame(rng):
    video = torch.randint(256, (2, 3, 5, 12, 9), generator=rng, dtype=torch.uint8)
    got = per_frame(lambda frames: torch_bilinear(frames, 7), video)
    assert got.shape == (2, 3, 5, 7, 7)
    for clip in range(2):
        for t in range(5):
            torch.testing.assert_close(got[clip, :, t], torch_bilinear(video[clip : clip + 1, :, t], 7)[0])


@pytest.mark.parametrize(("length", "count", "first"), [(16, 16, 0), (21, 16, 2), (9, 4, 2)])
def test_central_frames_lie_around_the_middle(length, count, first):
    video = torch.arange(length).view(1, 1, -1, 1, 1).expand(1, 3, -1, 2, 2)
    assert central_frames(video, count)[0, 0, :, 0, 0].tolist() == list(range(first, first + count))


def test_floats_are_rounded_to_bytes_or_scaled_as_tgan():
    floats = torch.tensor([-1.0, -0.5, 0.0, 0.25, 1.0, 1.005])
    assert to_bytes(floats).tolist() == [0, 64, 128, 159, 255, 255]
    assert to_levels(floats).tolist() == [0, 64, 128, 160, 256, 256]
    values = torch.arange(256).byte()
    assert torch.equal(to_bytes(values / 127.5 - 1), values)  # bytes survive the way through [-1, 1]
    assert torch.equal(to_levels(values), values.float())
    assert torch.equal(to_levels((values.float() - 128) / 128), values.float())  # as TGANv2 reads real clips


@pytest.mark.parametrize("function", [to_bytes, to_levels])
@pytest.mark.parametrize(("value", "message"), [(2.0, "holds 2"), (torch.nan, "holds nan"), (1, "is torch.int64")])
def test_other_values_are_refused(function, value, message):
    with pytest.raises(ValueError, match=message + ", wanted"):
        function(torch.tensor([value]))
