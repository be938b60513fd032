"""upfirdn2d against loops, StyleGAN2's own numbers, and its kernel against its reference."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from vg_layers.ops.upfirdn2d import upfirdn2d

BLUR = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64)
CASES = [  # arguments; height and width; shape of the filter
    ({"up": 2, "padding": (2, 1, 2, 1), "gain": 4}, (5, 4), (4, 4)),
    ({"down": 2, "padding": (1, 1, 1, 1)}, (5, 4), (4, 4)),
    ({"padding": (2, 1, 2, 1)}, (5, 4), (4, 4)),
    ({"padding": (0, 1, 1, 3), "flip_filter": True}, (3, 4), (2, 3)),
    ({"up": (2, 1), "down": (1, 2), "padding": (1, 2, 3, 0)}, (5, 4), (4, 3)),
    ({"up": 3, "down": 2, "padding": (2, 5), "gain": 2.5}, (3, 5), (5, 4)),
    ({"up": 2, "padding": (-1, 2, 2, -1)}, (5, 3), (3, 4)),
    ({"down": 3, "padding": (-1, 2, 2, -1)}, (9, 5), (3, 4)),
    ({"up": 2, "padding": (-3, -3, -2, -2)}, (4, 5), (2, 1)),
    ({"up": 4, "down": 4, "padding": 9}, (1, 1), (1, 1)),
    ({"up": 2, "padding": (4, 3, 4, 3), "gain": 4}, (4, 3), (6,)),
    ({"down": 2, "padding": 1, "flip_filter": True}, (4, 5), (3,)),
]


def slow_upfirdn2d(x, filter, up=1, down=1, padding=0, flip_filter=False, gain=1.0):
    """Every zero inserted, every tap multiplied, every result computed; gradients as PyTorch finds them."""
    up_x, up_y = (up, up) if isinstance(up, int) else up
    down_x, down_y = (down, down) if isinstance(down, int) else down
    padding = (padding,) * 2 if isinstance(padding, int) else padding
    left, right, top, bottom = padding if len(padding) == 4 else (padding[0], padding[0], padding[1], padding[1])
    taps = filter if filter.ndim == 2 else filter[:, None] * filter
    taps = taps if flip_filter else taps.flip(0, 1)
    b, c, h, w = x.shape
    stuffed = x.new_zeros(b, c, h * up_y, w * up_x)
    stuffed[:, :, ::up_y, ::up_x] = x
    padded = F.pad(stuffed, (left, right, top, bottom))
    (k_h, k_w), (rows, columns) = taps.shape, padded.shape[2:]
    y = [
        [(padded[:, :, i : i + k_h, j : j + k_w] * taps * gain).sum((2, 3)) for j in range(columns - k_w + 1)]
        for i in range(rows - k_h + 1)
    ]
    return torch.stack([torch.stack(row, -1) for row in y], -2)[:, :, ::down_y, ::down_x]


def derivatives(op, x: Tensor, cot: Tensor) -> list[Tensor]:
    """The result, its gradient, and the derivative of the gradient's squared norm."""
    x, cot = x.detach().requires_grad_(), cot.detach().requires_grad_()
    y = op(x)
    (first,) = torch.autograd.grad(y, x, cot, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), cot)
    return [y, first, second]


@pytest.fixture
def launches(monkeypatch) -> list[torch.Size]:
    from vg_layers.ops.upfirdn2d import kernel

    seen, launch = [], kernel.launch
    monkeypatch.setattr(kernel, "launch", lambda x, *rest: seen.append(x.shape) or launch(x, *rest))
    return seen


@pytest.mark.parametrize(("arguments", "size", "taps"), CASES)
@pytest.mark.parametrize("shape", [(1, 1), (2, 3)])
def test_upfirdn2d_is_the_slow_loop_with_first_and_second_gradient(arguments, size, taps, shape, rng):
    x = torch.randn(*shape, *size, dtype=torch.float64, generator=rng)
    taps = torch.randn(taps, dtype=torch.float64, generator=rng)
    cot = torch.randn(slow_upfirdn2d(x, taps, **arguments).shape, dtype=torch.float64, generator=rng)
    ours = derivatives(lambda x: upfirdn2d(x, taps, **arguments), x, cot)
    slow = derivatives(lambda x: slow_upfirdn2d(x, taps, **arguments), x, cot)
    for a, b in zip(ours, slow, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "name",
    ["up2", "down2", "blur_pad", "blur_up_post", "crop", "flip", "separable8"],
)
@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_upfirdn2d_has_the_values_and_gradients_of_stylegan2(name, impl, check_sg2):
    check_sg2(f"upfirdn2d_{name}", lambda **arguments: upfirdn2d(**arguments, impl=impl))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("upsample2d", {"up": 2, "padding": (2, 1, 2, 1), "gain": 4}),
        ("downsample2d", {"down": 2, "padding": 1}),
        ("filter2d", {"padding": (2, 1, 2, 1)}),
    ],
)
def test_resizing_of_stylegan2_is_upfirdn2d(name, arguments, check_sg2):
    check_sg2(f"upfirdn2d_{name}", lambda x, filter: upfirdn2d(x, filter, **arguments))


@pytest.mark.parametrize("arguments", [CASES[0][0], CASES[1][0], CASES[4][0]])
@pytest.mark.parametrize("impl", ["torch", "triton"])
def test_second_gradient_of_upfirdn2d_is_there(arguments, impl, rng):
    x = torch.randn(1, 1, 3, 2, dtype=torch.float64, generator=rng, requires_grad=True)

    def op(x: Tensor) -> Tensor:
        return upfirdn2d(x, BLUR, **arguments, impl=impl)

    assert torch.autograd.gradcheck(op, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(op, x, fast_mode=True)
    (first,) = torch.autograd.grad(op(x).square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)  # raises where the graph was cut
    assert second.abs().max() > 0


@pytest.mark.parametrize(("arguments", "size", "taps"), CASES)
def test_kernel_is_the_reference(arguments, size, taps, rng, launches):
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=rng)
    taps = torch.randn(taps, dtype=torch.float64, generator=rng)
    y = upfirdn2d(x, taps, **arguments, impl="torch")
    assert not launches
    cot = torch.randn(y.shape, dtype=torch.float64, generator=rng)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        laid = x.contiguous(memory_format=memory_format)
        kernel = derivatives(lambda x: upfirdn2d(x, taps, **arguments, impl="triton"), laid, cot)
        reference = derivatives(lambda x: upfirdn2d(x, taps, **arguments, impl="torch"), laid, cot)
        for a, b in zip(kernel, reference, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    assert len(launches) == 6 * (3 - taps.ndim)  # a filter of one dimension takes two passes


def test_kernel_is_registered_with_shapes_and_gradients():
    from vg_layers.ops.upfirdn2d import kernel

    x = torch.randn(1, 2, 3, 4, requires_grad=True)
    torch.library.opcheck(kernel._op, (x, torch.ones(2, 3), [2, 1, 1, 0], [1, 2, 2, 1]))


LOW = [  # the interpreter has no bfloat16
    ("torch", torch.float32, 1e-6),
    ("torch", torch.bfloat16, 2e-2),
    ("triton", torch.float32, 1e-6),
    ("triton", torch.float16, 2e-3),
]


@pytest.mark.parametrize(("impl", "dtype", "bound"), LOW)
@pytest.mark.parametrize(("arguments", "size", "taps"), CASES[:3])
def test_low_precision_stays_within_its_rounding(arguments, size, taps, impl, dtype, bound, rng):
    x = torch.randn(2, 16, *size, dtype=torch.float64, generator=rng)
    taps = BLUR[: taps[0], None] * BLUR[: taps[1]] / 64
    y = upfirdn2d(x.to(dtype), taps.float(), **arguments, impl=impl)
    assert y.dtype == dtype
    torch.testing.assert_close(y.double(), upfirdn2d(x, taps, **arguments), rtol=bound, atol=bound)


def test_empty_batch_passes():
    x = torch.zeros(0, 3, 4, 4, requires_grad=True)
    for impl in ("torch", "triton"):
        y = upfirdn2d(x, BLUR, up=2, padding=(2, 1, 2, 1), impl=impl)
        assert y.shape == (0, 3, 8, 8)
        assert torch.autograd.grad(y.sum(), x)[0].shape == x.shape


def test_no_result_is_computed_to_be_dropped():
    """Multiplications as counted by PyTorch: down=2 needs a quarter of those of the blur it is."""
    from torch.utils.flop_counter import FlopCounterMode

    x = torch.randn(1, 8, 16, 16)
    counts = {}
    for down, padding in ((1, (2, 1, 2, 1)), (2, 1)):
        with FlopCounterMode(display=False) as counter:
            upfirdn2d(x, (BLUR[:, None] * BLUR).float(), down=down, padding=padding)
        counts[down] = counter.get_total_flops()
    assert 0 < counts[2] * 4 <= counts[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3, 4, 4)}, r"x has shape \(3, 4, 4\)"),
        ({"filter": torch.zeros(1, 1, 4)}, r"filter has shape \(1, 1, 4\)"),
        ({"filter": torch.zeros(4, requires_grad=True)}, "filter requires a gradient"),
        ({"up": 0}, "up=0"),
        ({"down": (1, 2, 3)}, "down=.* has 3 numbers"),
        ({"padding": -2}, "-3x4 pixels is empty"),
        ({"impl": "cuda"}, "impl='cuda'"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    arguments = {"x": torch.zeros(1, 1, 4, 4), "filter": torch.ones(4)}
    with pytest.raises(ValueError, match=message):
        upfirdn2d(**(arguments | change))


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 4e-2)])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("arguments", [case[0] for case in CASES[:3]])
def test_kernel_on_a_gpu_is_the_reference(arguments, channels_last, dtype, bound):
    x = torch.randn(4, 256, 64, 64, dtype=torch.float64, device="cuda")
    x = x.to(memory_format=torch.channels_last) if channels_last else x
    taps = (BLUR[:, None] * BLUR / 64).cuda()
    cot = torch.randn_like(upfirdn2d(x, taps, **arguments))
    exact = derivatives(lambda x: upfirdn2d(x, taps, **arguments, impl="torch"), x, cot)
    kernel = derivatives(lambda x: upfirdn2d(x, taps.float(), **arguments, impl="triton"), x.to(dtype), cot.to(dtype))
    for a, b in zip(kernel, exact, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=bound, atol=bound)
