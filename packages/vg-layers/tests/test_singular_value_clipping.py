"""Singular value clipping against a plain SVD."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from vg_layers.spectral import clip_singular_values_

LAYERS = [
    nn.Linear(7, 3),
    nn.Linear(2, 9),
    nn.Conv2d(3, 5, 3),
    nn.Conv3d(4, 3, (1, 2, 3)),
    nn.Conv1d(6, 2, 2, groups=2),
]


def rows(layer: nn.Module) -> torch.Tensor:
    """The weight, with a row for each output channel."""
    return layer.weight.detach().transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight.detach()


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_singular_values_above_1_become_1_and_nothing_else_changes(layer, rng):
    layer = layer.double()
    u, s, vh = torch.linalg.svd(torch.randn_like(rows(layer).flatten(1), generator=rng), full_matrices=False)
    s = torch.linspace(3, 0.2, len(s), dtype=torch.float64)
    rows(layer).copy_((u @ torch.diag(s) @ vh).view(rows(layer).shape))
    bias = layer.bias.clone()
    clip_singular_values_(layer)
    expected = u @ torch.diag(s.clamp(max=1)) @ vh
    torch.testing.assert_close(rows(layer).flatten(1), expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(layer.bias, bias)


def test_float32_weights_are_clipped_to_float32_accuracy(rng):
    layer = nn.Conv2d(16, 32, 4)
    nn.init.normal_(layer.weight, 0, 30, generator=rng)
    clip_singular_values_(layer)
    assert torch.linalg.matrix_norm(rows(layer).flatten(1), 2).item() == pytest.approx(1, abs=1e-5)


def test_weights_within_the_limit_are_left_as_they_are_bit_for_bit(rng):
    layer = nn.Linear(6, 4)
    nn.init.orthogonal_(layer.weight, 0.9, generator=rng)
    before = layer.weight.detach().clone()
    clip_singular_values_(layer)
    assert torch.equal(layer.weight, before)


def test_gains_of_batch_norms_stay_within_a_hundredth_and_one_standard_deviation():
    norm = nn.BatchNorm3d(4)
    norm.running_var.copy_(torch.tensor([4.0, 4.0, 0.25, 0.25]))
    norm.weight.data.copy_(torch.tensor([3.0, 1.0, 0.001, -1.0]))
    clip_singular_values_(nn.Sequential(norm, nn.BatchNorm3d(2, affine=False)))
    torch.testing.assert_close(norm.weight.detach(), torch.tensor([2.0, 1.0, 0.005, 0.005]))


def test_a_clipped_network_does_not_stretch_distances(rng):
    net = nn.Sequential(nn.Linear(5, 40), nn.LeakyReLU(0.2), nn.Linear(40, 40), nn.LeakyReLU(0.2), nn.Linear(40, 1))
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0, 1, generator=rng)
    a, b = torch.randn(2, 200, 5, generator=rng)

    def stretch() -> float:
        return ((net(a) - net(b)).norm(dim=1) / (a - b).norm(dim=1)).max().item()

    assert stretch() > 1
    clip_singular_values_(net)
    assert stretch() <= 1 + 1e-5


def test_parametrized_weights_are_refused_by_name():
    net = nn.Sequential(nn.Linear(2, 2), parametrizations.spectral_norm(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="the weight of '1' is parametrized"):
        clip_singular_values_(net)


def test_batch_norms_without_statistics_are_refused_by_name():
    with pytest.raises(ValueError, match="'0' keeps no running variance"):
        clip_singular_values_(nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)))
