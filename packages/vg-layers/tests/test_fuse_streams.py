"""Three-stream fusion against a loop over positions, and its kernel against its reference."""

import itertools

import pytest
import torch
from torch import Tensor
from vg_layers import fuse_streams
from vg_layers.ops.fuse_streams import add_motion

SHAPES = [(1, 2, 3, 1, 1, 1), (2, 3, 3, 5, 3, 4), (2, 4, 1, 2, 1, 5)]  # b, c, c of the appearance, t, h, w
DTYPES = [torch.float64, torch.float32, torch.float16]


def draw(shape, rng: torch.Generator, dtype=torch.float64) -> list[Tensor]:
    b, c, c_s, t, h, w = shape
    shapes = (b, c, t, h, w), (b, c_s, 1, h, w), (b, c, t, 1, 1)
    return [torch.randn(s, dtype=torch.float64, generator=rng).to(dtype) for s in shapes]


@pytest.fixture
def launches(monkeypatch) -> list[tuple]:
    from vg_layers.ops.fuse_streams import kernel

    calls, launch = [], kernel.launch
    monkeypatch.setattr(kernel, "launch", lambda *args: calls.append(args) or launch(*args))
    return calls


@pytest.mark.parametrize("shape", SHAPES)
def test_fusion_adds_motion_to_video_and_puts_appearance_before(shape, rng):
    b, c, c_s, t, h, w = shape
    video, appearance, motion = draw(shape, rng)
    fused = fuse_streams(video, appearance, motion)
    assert fused.shape == (b, c_s + c, t, h, w)
    assert fused.is_contiguous(memory_format=torch.channels_last_3d)
    for k, i, j in itertools.product(range(t), range(h), range(w)):
        torch.testing.assert_close(fused[:, :c_s, k, i, j], appearance[:, :, 0, i, j], rtol=0, atol=0)
        joint = video[:, :, k, i, j] + motion[:, :, k, 0, 0]
        torch.testing.assert_close(fused[:, c_s:, k, i, j], joint, rtol=0, atol=0)


@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_first_and_second_derivatives(impl, rng):
    streams = [stream.requires_grad_() for stream in draw((2, 3, 2, 2, 2, 3), rng)]
    assert torch.autograd.gradcheck(lambda *x: fuse_streams(*x, impl=impl), streams, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda *x: fuse_streams(*x, impl=impl), streams, fast_mode=True)


@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_gradients_are_sums_over_what_was_repeated(impl, rng):
    video, appearance, motion = (stream.requires_grad_() for stream in draw(SHAPES[1], rng))
    grad = torch.randn(2, 6, 5, 3, 4, dtype=torch.float64, generator=rng)
    fuse_streams(video, appearance, motion, impl=impl).backward(grad)
    torch.testing.assert_close(appearance.grad[:, :, 0], sum(grad[:, :3, k] for k in range(5)))
    torch.testing.assert_close(motion.grad[..., 0, 0], grad[:, 3:].flatten(3).sum(3))
    assert torch.equal(video.grad, grad[:, 3:])


@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_a_gradient_penalty_goes_through_the_fusion(impl, rng):
    """Were the gradient cut off from the graph, there would be no second derivative."""
    video, appearance, motion = (stream.requires_grad_() for stream in draw(SHAPES[1], rng))
    y = fuse_streams(video, appearance, motion, impl=impl)
    (gradient,) = torch.autograd.grad((y**3).sum(), appearance, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), appearance)
    torch.testing.assert_close(second, 900 * appearance**3)  # of the square of 5 * 3 x^2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES, (2, 70, 37, 2, 5, 7), (0, 2, 3, 1, 2, 2)])
def test_kernel_is_the_reference(shape, dtype, rng, launches):
    for memory_format in (torch.contiguous_format, torch.channels_last_3d):
        streams = [stream.contiguous(memory_format=memory_format) for stream in draw(shape, rng, dtype)]
        expected = fuse_streams(*streams, impl="torch")
        assert not launches
        fused = fuse_streams(*streams, impl="triton")
        assert len(launches) == (shape[0] > 0)
        assert (fused.dtype, fused.stride()) == (dtype, expected.stride())
        torch.testing.assert_close(fused, expected, rtol=0, atol=0)
        launches.clear()


def test_operator_is_registered_as_pytorch_wants_it(rng):
    from vg_layers.ops.fuse_streams import kernel

    streams = [stream.requires_grad_() for stream in draw(SHAPES[1], rng, torch.float32)]
    torch.library.opcheck(kernel.fuse_streams, streams)


def test_motion_is_added_at_all_places(rng):
    video, _, motion = (stream.requires_grad_() for stream in draw(SHAPES[1], rng))
    assert torch.equal(add_motion(video, motion), video + motion)
    y = add_motion(video.contiguous(memory_format=torch.channels_last_3d), motion)
    assert y.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.autograd.gradgradcheck(add_motion, (video, motion), fast_mode=True)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernel_is_the_reference_after_the_fourth_module(dtype, rng):
    streams = [stream.to("cuda", dtype) for stream in draw((4, 128, 128, 16, 32, 32), rng)]
    expected = fuse_streams(*streams, impl="torch")
    torch.testing.assert_close(fuse_streams(*streams, impl="triton"), expected, rtol=0, atol=0)


def test_streams_that_do_not_fit_are_refused():
    video, appearance, motion = torch.zeros(2, 3, 4, 5, 6), torch.zeros(2, 3, 1, 5, 6), torch.zeros(2, 3, 4, 1, 1)
    with pytest.raises(ValueError, match=r"motion has shape \(2, 3, 1, 1, 1\); wanted \(2, 3, 4, 1, 1\)"):
        fuse_streams(video, appearance, motion[:, :, :1])
    with pytest.raises(ValueError, match=r"appearance has shape \(2, 3, 1, 5, 5\); wanted \(2, 3, 1, 5, 6\)"):
        fuse_streams(video, appearance[..., :5], motion)
