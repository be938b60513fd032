"""T-SA, S-SA and F-SA against slow loops over the equations, and against the outputs of the released code."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from vg_layers import FactorizedAttention, SpatialAttention, TemporalAttention
from vg_layers.ops.factorized_attention import reference

SHAPES = [
    (1, 8, 1, 2, 2),
    (2, 16, 5, 3, 4),
    (2, 8, 3, 1, 1),
    (1, 8, 2, 5, 1),
]  # one frame; odd, unequal sizes; one place
LAYERS = [TemporalAttention, SpatialAttention, FactorizedAttention]
DATA = Path(__file__).parent / "data"


def slow_temporal_attention(layer, x):
    """Eq. 4.1 and 4.2, one position and one pair of times after another."""
    f, g, h = layer.key(x), layer.query(x), layer.value(x)
    y, (b, _, t, height, width) = x.clone(), x.shape
    for n, r, c, j in itertools.product(range(b), range(height), range(width), range(t)):
        a = torch.stack([f[n, :, i, r, c] @ g[n, :, j, r, c] for i in range(t)]).softmax(0)
        y[n, :, j, r, c] += layer.gamma * sum(a[i] * h[n, :, i, r, c] for i in range(t))
    return y


def slow_spatial_attention(layer, x):
    """Eq. 4.3 and 4.4, one frame and one pair of positions after another."""
    f, g, h = (projection(x).flatten(3) for projection in (layer.key, layer.query, layer.value))
    y, (b, _, t, places) = x.clone().flatten(3), f.shape
    for n, s, j in itertools.product(range(b), range(t), range(places)):
        a = torch.stack([f[n, :, s, i] @ g[n, :, s, j] for i in range(places)]).softmax(0)
        y[n, :, s, j] += layer.gamma * sum(a[i] * h[n, :, s, i] for i in range(places))
    return y.view_as(x)


def awake(layer: nn.Module) -> nn.Module:
    """At gamma = 0 a test would pass on anything."""
    for name, parameter in layer.named_parameters():
        if name.endswith("gamma"):
            nn.init.constant_(parameter, 0.7)
    return layer.double()


@pytest.mark.parametrize("shape", SHAPES)
def test_temporal_attention_is_equation_4_1_and_4_2(shape, rng):
    layer = awake(TemporalAttention(shape[1]))
    x = torch.randn(shape, dtype=torch.float64, generator=rng)
    torch.testing.assert_close(layer(x), slow_temporal_attention(layer, x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_spatial_attention_is_equation_4_3_and_4_4(shape, rng):
    layer = awake(SpatialAttention(shape[1]))
    x = torch.randn(shape, dtype=torch.float64, generator=rng)
    torch.testing.assert_close(layer(x), slow_spatial_attention(layer, x), rtol=1e-10, atol=1e-10)


def test_factorized_attention_is_temporal_then_spatial(rng):
    layer = awake(FactorizedAttention(16, reduction=4))
    x = torch.randn(2, 16, 3, 2, 5, dtype=torch.float64, generator=rng)
    expected = slow_spatial_attention(layer.ssa, slow_temporal_attention(layer.tsa, x))
    torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-10)
    assert layer.tsa.key.out_channels == layer.ssa.query.out_channels == 4


@pytest.mark.parametrize("layer", LAYERS)
def test_attention_starts_as_the_identity(layer, rng):
    x = torch.randn(2, 8, 3, 2, 4, generator=rng)
    torch.testing.assert_close(layer(8)(x), x, rtol=0, atol=0)


@pytest.mark.parametrize("scores", [1, 60])
@pytest.mark.parametrize("layer", LAYERS)
def test_result_and_gradients_do_not_depend_on_how_many_scores_are_held_at_once(layer, scores, rng, monkeypatch):
    module = awake(layer(8))
    x = torch.randn(2, 8, 3, 2, 4, dtype=torch.float64, generator=rng, requires_grad=True)
    inputs = (x, *module.parameters())
    whole = module(x)
    whole_gradients = torch.autograd.grad(whole.square().sum(), inputs)
    monkeypatch.setattr(reference, "_CPU_SCORES", scores)
    parts = module(x)
    torch.testing.assert_close(parts, whole, rtol=1e-10, atol=1e-10)
    for a, b in zip(torch.autograd.grad(parts.square().sum(), inputs), whole_gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layer", [TemporalAttention, SpatialAttention])
def test_first_and_second_derivatives_of_input_and_weights(layer, rng):
    module = awake(layer(2, reduction=1))
    x = torch.randn(1, 2, 2, 2, 1, dtype=torch.float64, generator=rng, requires_grad=True)

    def apply(x, key):
        return torch.func.functional_call(module, {"key.weight": key}, (x,))

    assert torch.autograd.gradcheck(apply, (x, module.key.weight))
    assert torch.autograd.gradgradcheck(apply, (x, module.key.weight))


@pytest.mark.parametrize("layer", LAYERS)
def test_official_reshape_has_derivatives(layer, rng):
    x = torch.randn(1, 4, 2, 3, 1, dtype=torch.float64, generator=rng, requires_grad=True)
    assert torch.autograd.gradcheck(awake(layer(4, reduction=2, official_reshape=True)), x)


@pytest.mark.parametrize("layer", [TemporalAttention, SpatialAttention])
def test_autocast_stays_close_to_float32_in_values_and_gradients(layer, rng):
    module = awake(layer(8)).float()
    x = torch.randn(2, 8, 3, 4, 5, generator=rng, requires_grad=True)
    exact = module(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = module(x)
    assert rough.dtype == torch.float32  # the residual path is not rounded
    gradients = [torch.autograd.grad(y.square().sum(), module.value.weight)[0] for y in (exact, rough)]
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0.05)
    assert (gradients[1] - gradients[0]).norm() < 0.02 * gradients[0].norm()


@pytest.mark.parametrize(("part", "layer"), [("tsa", TemporalAttention), ("ssa", SpatialAttention)])
def test_official_reshape_gives_the_outputs_of_the_released_code(part, layer):
    data = {key: torch.from_numpy(value) for key, value in np.load(DATA / f"g3an_{part}.npz").items()}
    x, out = data.pop("x"), data.pop("out")
    module = layer(16, spectral_norm=True, official_reshape=True)
    module.load_state_dict(data)
    module.eval()
    torch.testing.assert_close(module(x), out, rtol=0, atol=1e-5)
    module.official_reshape = False
    assert (module(x) - out).abs().max() > 0.1


def test_official_factorized_attention_is_the_official_parts_in_turn(rng):
    module = awake(FactorizedAttention(16, spectral_norm=True, official_reshape=True)).eval()
    x = torch.randn(2, 16, 4, 6, 5, dtype=torch.float64, generator=rng)
    assert module.tsa.official_reshape
    assert module.ssa.official_reshape
    torch.testing.assert_close(module(x), module.ssa(module.tsa(x)), rtol=0, atol=0)


@pytest.mark.parametrize("layer", LAYERS)
def test_projections_are_contractions_with_spectral_norm(layer):
    module = layer(8, spectral_norm=True)
    for _ in range(30):
        module(torch.zeros(1, 8, 1, 1, 1))
    module.eval()
    convs = [m for m in module.modules() if isinstance(m, nn.Conv3d)]
    assert len(convs) == (6 if layer is FactorizedAttention else 3)
    for conv in convs:
        torch.testing.assert_close(torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item(), 1.0, rtol=1e-4, atol=0)


@pytest.mark.parametrize("layer", LAYERS)
def test_channels_that_the_reduction_does_not_divide_are_refused(layer):
    with pytest.raises(ValueError, match="channels=12 is not a multiple of reduction=8"):
        layer(12)
