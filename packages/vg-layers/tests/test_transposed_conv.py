"""Transposed (1+2)D, (2+1)D and 3-D convolutions against PyTorch's own 3-D operator."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from vg_layers.conv import (
    ConvKind,
    FrameConv,
    SpatialTransposedConv,
    TemporalTransposedConv,
    TransposedConv,
    Window,
    conv_block,
    matched_mid_channels,
    transposed_conv,
)

KINDS: list[ConvKind] = ["1+2d", "2+1d", "3d"]
SHAPES = [(1, 3, 1, 1, 1), (2, 3, 1, 5, 4), (2, 3, 5, 1, 1), (1, 3, 3, 7, 5)]
WINDOWS = [Window(4, 1, 0), Window(4, 2, 1), Window(1), Window(1, 2), Window(2, 1, 0), Window(3, 2, 1), Window(5, 3, 2)]


def reference(conv: nn.ConvTranspose3d, x: Tensor) -> Tensor:
    return F.conv_transpose3d(x, conv.weight, conv.bias, conv.stride, conv.padding)


def assert_same_with_gradients(conv: nn.ConvTranspose3d, x: Tensor, rng: torch.Generator) -> None:
    inputs = (x.requires_grad_(), conv.weight, conv.bias)
    ours, theirs = conv(x), reference(conv, x)
    direction = torch.randn(theirs.shape, dtype=x.dtype, generator=rng)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    for a, b in zip(
        torch.autograd.grad(ours, inputs, direction), torch.autograd.grad(theirs, inputs, direction), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layer", [TemporalTransposedConv, SpatialTransposedConv])
def test_factor_is_conv_transpose3d_with_its_gradients(layer, shape, window, rng):
    conv = layer(3, 4, window).double()
    x = torch.randn(shape, dtype=torch.float64, generator=rng)
    if any(size < 1 for size in conv_size(conv, shape)):
        with pytest.raises(ValueError, match="would become one of"):
            conv(x)
        return
    for memory_format in (torch.contiguous_format, torch.channels_last_3d):
        assert_same_with_gradients(conv, x.detach().contiguous(memory_format=memory_format), rng)


def conv_size(conv: nn.ConvTranspose3d, shape: tuple[int, ...]) -> list[int]:
    windows = zip(shape[2:], conv.kernel_size, conv.stride, conv.padding, strict=True)
    return [(n - 1) * s - 2 * int(p) + k for n, k, s, p in windows]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_its_chain_of_3d_operators(kind, training, rng):
    module = transposed_conv(
        3, 4, kind=kind, temporal=Window(4, 2, 1), spatial=Window(3, 2, 1), spectral_norm=False
    ).double()
    x = torch.randn(2, 3, 3, 5, 4, dtype=torch.float64, generator=rng)
    module.train(training)
    expected = x
    for conv, norm in zip(module[::3], module[1::3], strict=True):
        expected = reference(conv, expected)
        mean, var = norm.running_mean.clone(), norm.running_var.clone()
        expected = F.relu(F.batch_norm(expected, mean, var, norm.weight, norm.bias, training))
    assert len(module) == (3 if kind == "3d" else 6)
    assert expected.shape == (2, 4, 6, 9, 7)
    torch.testing.assert_close(module(x), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_the_factors_is_the_name_of_the_kind(kind):
    module = transposed_conv(3, 4, kind=kind, temporal=Window(4), spatial=Window(5), mid_channels=None)
    kernels = [m.kernel_size for m in module if isinstance(m, nn.ConvTranspose3d)]
    assert (
        kernels
        == {
            "1+2d": [(4, 1, 1), (1, 5, 5)],
            "2+1d": [(1, 5, 5), (4, 1, 1)],
            "3d": [(4, 5, 5)],
        }[kind]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives(kind, rng):
    module = transposed_conv(2, 2, kind=kind, temporal=Window(2), spatial=Window(3, 2, 1), norm=False).double().eval()
    x = torch.randn(1, 2, 2, 1, 2, dtype=torch.float64, generator=rng, requires_grad=True)
    assert torch.autograd.gradcheck(module, x)
    assert torch.autograd.gradgradcheck(module, x, fast_mode=True)


class CopyCounter(TorchDispatchMode):
    """Counts the operations that move a tensor's memory."""

    copies = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.copies += func in (torch.ops.aten.clone.default, torch.ops.aten.copy_.default)
        return func(*args, **(kwargs or {}))


def test_factors_copy_nothing_and_stay_in_channels_last_memory(rng):
    module = transposed_conv(
        3, 4, kind="1+2d", temporal=Window(4, 2, 1), spatial=Window(4, 2, 1), spectral_norm=False
    ).eval()
    x = torch.randn(2, 3, 5, 7, 4, generator=rng).contiguous(memory_format=torch.channels_last_3d)
    with CopyCounter() as counter:
        y = module(x)
    assert counter.copies == 0
    assert y.is_contiguous(memory_format=torch.channels_last_3d)
    with CopyCounter() as counter:
        module(x.contiguous())
    assert counter.copies > 0  # the counter counts


def test_weights_of_plain_3d_modules_load_directly(rng):
    """Layout and default initialization are those of nn.ConvTranspose3d, hence of official checkpoints."""
    torch.manual_seed(1)
    ours = transposed_conv(3, 4, kind="1+2d", temporal=Window(4, 2, 1), spatial=Window(4, 2, 1), spectral_norm=False)
    torch.manual_seed(1)
    temporal = nn.ConvTranspose3d(3, 4, (4, 1, 1), (2, 1, 1), (1, 0, 0))
    torch.testing.assert_close(ours[0].weight, temporal.weight, rtol=0, atol=0)
    torch.testing.assert_close(ours[0].bias, temporal.bias, rtol=0, atol=0)
    spatial = nn.ConvTranspose3d(4, 4, (1, 4, 4), (1, 2, 2), (0, 1, 1))
    plain = nn.Sequential(temporal, nn.BatchNorm3d(4), nn.ReLU(), spatial, nn.BatchNorm3d(4), nn.ReLU())
    ours.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 3, 5, 4, generator=rng)
    torch.testing.assert_close(ours(x), plain(x))


def test_batch_norm_scales_are_drawn_around_one():
    norm = conv_block(TemporalTransposedConv(1, 4000, Window(1)))[1]
    assert isinstance(norm, nn.BatchNorm3d)
    assert abs(norm.weight.mean().item() - 1) < 0.002
    assert abs(norm.weight.std().item() - 0.02) < 0.002
    assert not norm.bias.any()


@pytest.mark.parametrize("layer", [TemporalTransposedConv, SpatialTransposedConv])
def test_spectral_norm_makes_the_output_axis_of_the_weight_a_contraction(layer):
    (conv,) = conv_block(layer(6, 4, Window(3)), norm=False)
    for _ in range(50):
        conv(torch.zeros(1, 6, 1, 1, 1))
    conv.eval()
    matrix = conv.weight.transpose(0, 1).flatten(1)  # one row per output channel
    torch.testing.assert_close(torch.linalg.matrix_norm(matrix, 2), torch.ones(()), rtol=1e-5, atol=0)


def test_each_training_forward_is_one_power_iteration_and_eval_is_none():
    (conv,) = conv_block(TemporalTransposedConv(6, 4, Window(3)), norm=False)
    state = conv.parametrizations.weight[0]
    conv.parametrizations.weight.original.data.copy_(torch.randn(6, 4, 3, 1, 1))  # u, v no longer fit
    matrix = conv.parametrizations.weight.original.detach().transpose(0, 1).flatten(1)
    u = F.normalize(matrix @ F.normalize(matrix.T @ state._u, dim=0), dim=0)
    conv(torch.zeros(1, 6, 1, 1, 1))
    torch.testing.assert_close(state._u, u)
    conv.eval()
    before = state._u.clone()
    conv(torch.zeros(1, 6, 1, 1, 1))
    torch.testing.assert_close(state._u, before, rtol=0, atol=0)


def test_gradients_survive_several_spectrally_normalized_forwards_before_one_backward(rng):
    """The gradient of a sum over two forwards is the sum of the gradients, though each forward moves u and v."""
    (conv,) = conv_block(SpatialTransposedConv(3, 4, Window(3)).double(), norm=False)
    xs = torch.randn(2, 1, 3, 2, 4, 4, dtype=torch.float64, generator=rng)
    state = {key: value.clone() for key, value in conv.state_dict().items()}
    weight = conv.parametrizations.weight.original
    (together,) = torch.autograd.grad(sum(conv(x).square().sum() for x in xs), weight)
    conv.load_state_dict(state)
    apart = sum(torch.autograd.grad(conv(x).square().sum(), weight)[0] for x in xs)
    torch.testing.assert_close(together, apart, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mid", [1, 7, None])
@pytest.mark.parametrize("kind", ["1+2d", "2+1d"])
def test_mid_channels_is_the_width_of_the_first_factor(kind, mid, rng):
    module = transposed_conv(3, 4, kind=kind, temporal=Window(2), spatial=Window(2), mid_channels=mid)
    assert module[0].out_channels == module[3].in_channels == (mid or 4)
    assert module(torch.randn(2, 3, 1, 3, 3, generator=rng)).shape == (2, 4, 2, 4, 4)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("kind", ["1+2d", "2+1d"])
@pytest.mark.parametrize("channels", [(138, 512), (1024, 512), (256, 64), (24, 8), (3, 5)])
@pytest.mark.parametrize("temporal", [Window(4, 2, 1), Window(1)])
def test_matched_mid_channels_gives_the_parameters_of_the_3d_convolution(channels, kind, temporal):
    windows = {"temporal": temporal, "spatial": Window(4, 2, 1)}
    mid = matched_mid_channels(*channels, kind=kind, **windows)
    with torch.device("meta"):
        goal = count(transposed_conv(*channels, kind="3d", **windows, spectral_norm=False))
        sizes = [
            count(transposed_conv(*channels, kind=kind, mid_channels=m, **windows, spectral_norm=False))
            for m in (mid, mid + 1)
        ]
    per_kernel = sizes[1] - sizes[0]
    assert abs(sizes[0] - goal) <= per_kernel / 2


def test_matched_mid_channels_of_the_3d_kind_is_none():
    assert matched_mid_channels(8, 4, kind="3d", temporal=Window(4), spatial=Window(4)) is None


def test_unknown_kind_and_a_middle_for_3d_are_refused():
    with pytest.raises(ValueError, match=r"kind='4d' is unknown; wanted one of 1\+2d, 2\+1d, 3d"):
        transposed_conv(1, 1, kind="4d", temporal=Window(1), spatial=Window(1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mid_channels=3, wanted None: a 3d"):
        transposed_conv(1, 1, kind="3d", temporal=Window(1), spatial=Window(1), mid_channels=3)


def joined(*maps: Tensor) -> Tensor:
    frames = max(x.shape[2] for x in maps)
    return torch.cat([x.expand(-1, -1, frames, -1, -1) for x in maps], dim=1)


def layers_of_all_kinds(channels: int) -> dict[str, nn.Module]:
    return {
        "1+2d": transposed_conv(channels, 3, kind="1+2d", temporal=Window(4, 2, 1), spatial=Window(4, 2, 1)),
        "2+1d": transposed_conv(channels, 3, kind="2+1d", temporal=Window(4, 2, 1), spatial=Window(3, 2, 1)),
        "3d": transposed_conv(channels, 3, kind="3d", temporal=Window(4, 2, 1), spatial=Window(4, 2, 1)),
        "3d, stride 3": TransposedConv(channels, 3, Window(5, 3, 2), Window(2, 1, 0)),
        "temporal, gaps": TemporalTransposedConv(channels, 3, Window(2, 3, 0)),
        "temporal, long": TemporalTransposedConv(channels, 3, Window(7, 1, 2)),
        "temporal 1x1x1": TemporalTransposedConv(channels, 3, Window(1)),
        "spatial": SpatialTransposedConv(channels, 3, Window(3, 1, 1)),
        "frame": FrameConv(channels, 3, Window(3, 2, 1)),
    }


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("order", ["sm", "ms", "smsm", "m", "mm"])
@pytest.mark.parametrize("kind", layers_of_all_kinds(1))
def test_maps_beside_each_other_are_convolved_as_their_joint_map(kind, order, frames, rng):
    """Values and gradients, for maps of one frame (s) and moving ones (m), in training as in eval."""
    torch.manual_seed(0)
    layer = layers_of_all_kinds(sum({"s": 2, "m": 3}[letter] for letter in order))[kind].double()
    shapes = {"s": (2, 2, 1, 4, 3), "m": (2, 3, frames, 4, 3)}
    maps = [torch.randn(shapes[letter], dtype=torch.float64, generator=rng, requires_grad=True) for letter in order]
    inputs = [*maps, *layer.parameters()]
    state = {key: value.clone() for key, value in layer.state_dict().items()}
    for training in (True, False):
        found = []
        for given in (maps, [joined(*maps)]):
            layer.load_state_dict(state)  # training moves statistics and singular vectors
            y = layer.train(training)(*given)
            direction = torch.randn(y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
            found.append([y, *torch.autograd.grad(y, inputs, direction)])
            assert y.is_contiguous(memory_format=torch.channels_last_3d)
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


def test_a_layer_for_single_frames_is_conv3d(rng):
    layer = FrameConv(4, 3, Window(3, 2, 1)).double()
    x = torch.randn(2, 4, 3, 5, 6, dtype=torch.float64, generator=rng)
    plain = nn.Conv3d(4, 3, (1, 3, 3), (1, 2, 2), (0, 1, 1)).double()
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), plain(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["1+2d", "2+1d", "3d"])
def test_second_derivatives_of_maps_beside_each_other(kind, rng):
    module = transposed_conv(3, 2, kind=kind, temporal=Window(4, 2, 1), spatial=Window(2), norm=False).double().eval()
    shapes = (1, 2, 1, 1, 2), (1, 1, 2, 1, 2)
    maps = [torch.randn(shape, dtype=torch.float64, generator=rng, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(module, maps, fast_mode=True)
    assert torch.autograd.gradgradcheck(module, maps, fast_mode=True)


def arithmetic(layer: nn.Module, *maps: Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(*maps)
    return counter.get_total_flops()


@pytest.mark.parametrize("temporal", [Window(1), Window(4, 2, 1)])
def test_a_repeated_map_costs_as_much_as_a_moving_one_of_one_frame(temporal):
    layer = TemporalTransposedConv(7, 5, temporal)
    still, moving = torch.randn(2, 4, 1, 6, 6), torch.randn(2, 3, 16, 6, 6)
    alone = TemporalTransposedConv(3, 5, temporal)
    once = TemporalTransposedConv(4, 5, temporal)
    sums = 2 * temporal.kernel**2 * 2 * 5 * 36 if temporal.kernel > 1 else 2 * 2 * 5 * 36  # of taps: four of four
    expected = arithmetic(alone, moving) + arithmetic(once, still)
    assert arithmetic(layer, still, moving) <= expected + sums
    assert arithmetic(layer, joined(still, moving)) > 2 * expected  # all channels at all times


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(1, 2, 3, 4, 4), (1, 2, 3, 4, 4)], r"the maps have 2 \+ 2 channels; wanted 5 together"),
        ([(1, 4, 3, 4, 4)], "the maps have 4 channels; wanted 5 together"),
        ([(1, 2, 3, 4, 4), (1, 3, 2, 4, 4)], r"\(1, 3, 2, 4, 4\); wanted equal b, h and w, and 3 frames or 1"),
        ([(1, 2, 1, 1, 1), (1, 3, 2, 4, 4)], r"shapes \(1, 2, 1, 1, 1\), \(1, 3, 2, 4, 4\); wanted equal b, h and w"),
        ([(1, 2, 1, 4, 4), (2, 3, 2, 4, 4)], "wanted equal b, h and w"),
    ],
)
@pytest.mark.parametrize("layer", [TemporalTransposedConv, SpatialTransposedConv, FrameConv])
def test_maps_that_do_not_fit_are_refused(layer, shapes, message):
    with pytest.raises(ValueError, match=message):
        layer(5, 2, Window(1))(*(torch.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_is_accepted(kind):
    layer = transposed_conv(5, 3, kind=kind, temporal=Window(4, 2, 1), spatial=Window(4, 2, 1), norm=False).eval()
    assert layer(torch.zeros(0, 2, 1, 4, 4), torch.zeros(0, 3, 2, 4, 4)).shape == (0, 3, 4, 8, 8)


@pytest.mark.parametrize("kind", layers_of_all_kinds(1))
def test_autocast_computes_in_the_lower_precision(kind, rng):
    layer = layers_of_all_kinds(5)[kind].eval()
    maps = torch.randn(2, 2, 1, 4, 4, generator=rng), torch.randn(2, 3, 3, 4, 4, generator=rng)
    expected = layer(*maps)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(*maps)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), expected, rtol=3e-2, atol=3e-2)
    y.sum().backward()
    assert all(p.grad.dtype == torch.float32 for p in layer.parameters())
