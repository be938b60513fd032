import itertools

import pytest
import torch
import torch.nn.functional as F
from vg_reid.decoder import AdaptiveBlock, Decoder, DecoderConfig, Style

TINY = DecoderConfig(code_dim=24, channels=8, blocks=2, hidden=6)


def test_decoder_has_13000131_parameters_with_its_perceptrons():
    decoder = Decoder()
    assert sum(p.numel() for p in decoder.parameters()) == 13_000_131
    assert sum(p.numel() for module in (decoder.blocks, decoder.tail) for p in module.parameters()) == 1_455_555


@pytest.mark.parametrize(("height", "width"), [(64, 32), (32, 16), (7, 5), (2, 2)])
def test_image_is_four_times_as_high_and_wide_as_the_structure_code(height, width, rng):
    decoder = Decoder(TINY)
    structure = torch.randn(2, 8, height, width, generator=rng)
    assert decoder(structure, torch.randn(2, 24, generator=rng)).shape == (2, 3, 4 * height, 4 * width)


def test_adaptive_block_gives_each_channel_the_mean_and_deviation_of_the_style(rng):
    """AdaIN of 6.4.2, one channel of one sample after another; the scale is used as it is."""
    block = AdaptiveBlock(3).double()
    draw = {"generator": rng, "dtype": torch.float64}
    x, scale, shift = torch.randn(2, 3, 5, 4, **draw), torch.randn(2, 6, **draw), torch.randn(2, 6, **draw)

    def slow_adain(y, first):
        y = y.clone()
        for n, c in itertools.product(range(2), range(3)):
            values = y[n, c]
            unit = (values - values.mean()) / ((values - values.mean()).square().mean() + 1e-5).sqrt()
            y[n, c] = unit * scale[n, first + c] + shift[n, first + c]
        return y

    pad = (1, 1, 1, 1)
    inner = F.conv2d(F.pad(x, pad, "reflect"), block.first.weight, block.first.bias)
    inner = F.leaky_relu(slow_adain(inner, 0), 0.2)
    inner = F.conv2d(F.pad(inner, pad, "reflect"), block.second.weight, block.second.bias)
    expected = x + slow_adain(inner, 3)
    torch.testing.assert_close(block(x, Style(scale, shift)), expected, rtol=1e-9, atol=1e-9)


def test_a_slice_of_the_part_code_drives_its_own_block_alone(rng):
    decoder = Decoder(TINY).eval()
    code = torch.randn(1, 24, generator=rng)
    changed = code.clone()
    changed[:, 12:] += 1  # the second of two slices
    before, after = decoder.styles(code), decoder.styles(changed)
    assert torch.equal(before[0].scale, after[0].scale) and torch.equal(before[0].shift, after[0].shift)
    assert not torch.equal(before[1].scale, after[1].scale) and not torch.equal(before[1].shift, after[1].shift)


def test_samples_do_not_see_one_another(rng):
    decoder = Decoder(TINY).eval()
    structure, code = torch.randn(3, 8, 6, 4, generator=rng), torch.randn(3, 24, generator=rng)
    alone = torch.cat([decoder(structure[i : i + 1], code[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(decoder(structure, code), alone, rtol=1e-4, atol=1e-5)


def test_gradients_reach_all_weights_the_structure_and_the_code(rng):
    decoder = Decoder(TINY)
    structure = torch.randn(2, 8, 6, 5, generator=rng, requires_grad=True)
    code = torch.randn(2, 24, generator=rng, requires_grad=True)
    (decoder(structure, code) * torch.randn(2, 3, 24, 20, generator=rng)).sum().backward()
    assert structure.grad.abs().sum() > 0 and code.grad.abs().sum() > 0
    assert all(p.grad.abs().sum() > 0 for name, p in decoder.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize(
    ("structure", "code", "message"),
    [
        ((2, 8, 6, 5), (2, 23), r"part_code has shape \(2, 23\), wanted \(b, 24\)"),
        ((2, 8, 6, 5), (2, 24, 1), r"part_code has shape \(2, 24, 1\)"),
        ((2, 9, 6, 5), (2, 24), r"structure has shape \(2, 9, 6, 5\), wanted \(b, 8, h, w\)"),
        ((2, 8, 1, 5), (2, 24), "structure has 1x5 pixels, wanted at least 2x2"),
    ],
)
def test_codes_of_other_shapes_are_an_error(structure, code, message):
    with pytest.raises(ValueError, match=message):
        Decoder(TINY)(torch.zeros(structure), torch.zeros(code))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"code_dim": 8190}, "code_dim=8190, wanted a multiple of the 4 blocks"),
        ({"channels": 6}, "channels=6, wanted a multiple of 4"),
        ({"hidden": 0}, "hidden=0, wanted at least 1"),
    ],
)
def test_wrong_settings_are_an_error(settings, message):
    with pytest.raises(ValueError, match=message):
        DecoderConfig(**settings)
