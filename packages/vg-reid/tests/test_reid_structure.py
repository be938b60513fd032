import itertools

import pytest
import torch
import torch.nn.functional as F
from vg_reid.structure import DilatedPyramid, StructureEncoder, StructureEncoderConfig

TINY = StructureEncoderConfig(channels=16, blocks=1, dilations=(1, 2))


def mirrored(i: int, size: int) -> int:
    """Where reflect padding looks for row or column i."""
    i = abs(i)
    return i if i < size else 2 * size - 2 - i


def slow_conv(x, layer):
    """Convolution of one sample (c, h, w), one pixel and one tap after another."""
    k, (_, h, w) = layer.kernel_size[0], x.shape
    y = torch.zeros(layer.out_channels, h, w, dtype=x.dtype)
    for r, c in itertools.product(range(h), range(w)):
        y[:, r, c] = layer.bias
        for a, b in itertools.product(range(k), range(k)):
            row = mirrored(r + (a - k // 2) * layer.dilation[0], h)
            column = mirrored(c + (b - k // 2) * layer.dilation[0], w)
            y[:, r, c] += layer.weight[:, :, a, b] @ x[:, row, column]
    return y


def slow_norm(x):
    mean, variance = x.mean((1, 2), keepdim=True), x.var((1, 2), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def test_structure_encoder_has_380544_parameters():
    assert sum(p.numel() for p in StructureEncoder().parameters()) == 380_544


def test_thesis_size_of_the_structure_code(rng):
    structure = StructureEncoder().eval()(torch.randn(1, 1, 256, 128, generator=rng))
    assert structure.shape == (1, 128, 64, 32)


@pytest.mark.parametrize(("height", "width"), [(128, 64), (97, 61), (9, 9)])
def test_structure_code_is_a_quarter_of_the_size_rounded_up(height, width, rng):
    structure = StructureEncoder(TINY)(torch.randn(2, 1, height, width, generator=rng))
    assert structure.shape == (2, 16, -(-height // 4), -(-width // 4))


def test_dilated_pyramid_is_a_loop_over_pixels(rng):
    pyramid = DilatedPyramid(4, 6, (1, 3)).double()
    x = torch.randn(4, 5, 7, generator=rng, dtype=torch.float64)
    outputs = [slow_norm(slow_conv(x, pyramid.branches[0][0]))]
    for branch in list(pyramid.branches)[1:]:
        narrow = F.leaky_relu(slow_norm(slow_conv(x, branch[0][0])), 0.2)
        outputs.append(slow_norm(slow_conv(narrow, branch[1])))
    expected = slow_norm(slow_conv(torch.cat(outputs), pyramid.join[0]))
    torch.testing.assert_close(pyramid(x[None])[0], expected, rtol=1e-9, atol=1e-9)


def test_the_brightness_and_contrast_of_a_projection_do_not_matter(rng):
    encoder = StructureEncoder(TINY).double()
    mesh = torch.randn(2, 1, 40, 24, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(encoder(mesh), encoder(30 * mesh + 5), rtol=0, atol=0.01)


def test_gradients_reach_all_weights_and_the_mesh(rng):
    encoder = StructureEncoder(TINY)
    mesh = torch.randn(2, 1, 48, 32, generator=rng, requires_grad=True)
    target = torch.randn(2, 16, 12, 8, generator=rng)
    (encoder(mesh) * target).sum().backward()
    assert mesh.grad.abs().sum() > 0
    assert all(p.grad.abs().sum() > 0 for name, p in encoder.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 1, 36, 128), r"mesh has 36x128 pixels, wanted at least 37x37"),
        ((2, 1, 2, 2), r"mesh has 2x2 pixels, wanted at least 37x37"),
        ((2, 3, 256, 128), r"mesh has shape \(2, 3, 256, 128\), wanted \(b, 1, h, w\)"),
        ((256, 128), r"mesh has shape \(256, 128\)"),
    ],
)
def test_projections_that_cannot_be_encoded_are_an_error(shape, message):
    with pytest.raises(ValueError, match=message):
        StructureEncoder(StructureEncoderConfig(channels=8))(torch.zeros(shape))


def test_the_least_size_is_enough_for_the_widest_dilation():
    config = StructureEncoderConfig(channels=8)
    assert StructureEncoder(config)(torch.zeros(1, 1, config.least, config.least)).shape == (1, 8, 10, 10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 12}, "channels=12, wanted a multiple of 8"),
        ({"blocks": 0}, "blocks=0, wanted at least 1"),
        ({"dilations": ()}, "dilations=.*wanted one or more"),
        ({"dilations": (3, 0)}, "each at least 1"),
    ],
)
def test_wrong_settings_are_an_error(settings, message):
    with pytest.raises(ValueError, match=message):
        StructureEncoderConfig(**settings)
