"""A folded module computes what its original computes in eval mode, with fewer operations."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from vg_layers import FactorizedAttention
from vg_layers.conv import ConvKind, Window, transposed_conv
from vg_layers.fold import fold_for_inference


def settle(module: nn.Module, *maps: Tensor) -> nn.Module:
    """Give norms and singular vectors values of their own, as training does."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm3d):
            nn.init.normal_(norm.weight, 1.0, 0.5)
            nn.init.normal_(norm.bias)
    for _ in range(3):
        module(*maps)
    return module


@pytest.mark.parametrize("kind", ["1+2d", "2+1d", "3d"])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_folded_block_is_the_block_in_eval_mode(kind: ConvKind, norm, spectral_norm, rng):
    windows = {"temporal": Window(4, 2, 1), "spatial": Window(4, 2, 1)}
    block = transposed_conv(5, 3, kind=kind, **windows, norm=norm, spectral_norm=spectral_norm).double()
    maps = [torch.randn(2, c, t, 4, 3, dtype=torch.float64, generator=rng) for c, t in ((2, 1), (3, 2))]
    settle(block, *maps)
    folded = fold_for_inference(block)
    torch.testing.assert_close(folded(*maps), block.eval()(*maps), rtol=1e-10, atol=1e-10)
    assert not any(isinstance(layer, nn.BatchNorm3d) for layer in folded.modules())
    assert not any(parametrize.is_parametrized(layer) for layer in folded.modules())
    assert not folded.training and not any(p.requires_grad for p in folded.parameters())


def test_the_original_is_untouched_and_trains_on(rng):
    torch.manual_seed(0)
    block = transposed_conv(2, 3, kind="1+2d", temporal=Window(4, 2, 1), spatial=Window(3, 1, 1))
    x = torch.randn(2, 2, 2, 4, 4, generator=rng)
    before = {key: value.clone() for key, value in block.state_dict().items()}
    fold_for_inference(block)
    assert block.training and all(p.requires_grad for p in block.parameters())
    after = block.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(after[key], before[key]) for key in before)
    block(x).sum().backward()
    assert all(p.grad is not None for p in block.parameters())
    assert not torch.equal(
        block.state_dict()["0.parametrizations.weight.0._u"], before["0.parametrizations.weight.0._u"]
    )


def test_attention_keeps_its_spectrally_normalized_projections(rng):
    attention = FactorizedAttention(8, 4, spectral_norm=True).double()
    nn.init.ones_(attention.tsa.gamma)
    nn.init.ones_(attention.ssa.gamma)
    x = torch.randn(1, 8, 2, 3, 2, dtype=torch.float64, generator=rng)
    settle(attention, x)
    torch.testing.assert_close(fold_for_inference(attention)(x), attention.eval()(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([nn.Conv2d(3, 4, 3, groups=1, bias=False), nn.BatchNorm2d(4), nn.LeakyReLU(0.2)], (2, 3, 5, 4)),
        ([nn.Conv1d(4, 4, 3, groups=2), nn.BatchNorm1d(4, affine=False)], (2, 4, 5)),
        ([nn.ConvTranspose3d(3, 4, 2, 2), nn.BatchNorm3d(4), nn.Conv3d(4, 2, 1), nn.BatchNorm3d(2)], (2, 3, 2, 2, 2)),
        ([nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)], (2, 3, 5, 4)),  # needs the batch
        ([nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)], (2, 3, 5, 4)),  # not directly behind
        ([nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), nn.BatchNorm2d(4)], (2, 3, 5, 4)),
    ],
)
def test_ordinary_layers_are_folded_where_that_is_exact(layers, shape, rng):
    module = nn.Sequential(*layers).double()
    x = torch.randn(shape, dtype=torch.float64, generator=rng)
    settle(module, x)
    torch.testing.assert_close(fold_for_inference(module)(x), module.eval()(x), rtol=1e-10, atol=1e-10)


def test_a_module_that_is_itself_a_parametrized_convolution(rng):
    conv = parametrizations.weight_norm(nn.Conv2d(3, 4, 3).double())
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, generator=rng)
    folded = fold_for_inference(conv)
    torch.testing.assert_close(folded(x), conv(x), rtol=1e-10, atol=1e-10)
    assert set(folded.state_dict()) == {"weight", "bias"}
