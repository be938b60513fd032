"""Moving average of weights."""

import pytest
import torch
from torch import nn
from vg_layers import Ema, Window, transposed_conv


def drift(module: nn.Module, rng: torch.Generator) -> None:
    for parameter in module.parameters():
        parameter.data.add_(torch.randn(parameter.shape, generator=rng))


@pytest.mark.parametrize("ramp_up", [1.0, 10.0])
def test_average_follows_the_recurrence_with_ramp_up(ramp_up, rng):
    net = nn.Linear(3, 2)
    ema = Ema(net, decay=0.6, ramp_up=ramp_up)
    expected = net.weight.detach().double().clone()
    for n in range(25):
        drift(net, rng)
        ema.update(net)
        decay = min(0.6, (n + 1) / (n + ramp_up))
        expected = decay * expected + (1 - decay) * net.weight.detach().double()
    torch.testing.assert_close(ema.module.weight.double(), expected, rtol=1e-5, atol=1e-5)
    assert ema.updates == 25


def test_first_update_nearly_forgets_the_initialization():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    ema = Ema(net, decay=0.999, ramp_up=10)
    net.weight.data.fill_(1.0)
    ema.update(net)
    assert ema.module.weight.item() == pytest.approx(0.9)


def test_buffers_are_copied_and_the_average_is_in_eval_mode_without_gradients(rng):
    net = transposed_conv(3, 4, kind="1+2d", temporal=Window(2), spatial=Window(2))  # batch and spectral norm
    ema = Ema(net, decay=0.9)
    for _ in range(3):
        net(torch.randn(2, 3, 2, 3, 3, generator=rng))
        drift(net, rng)
        ema.update(net)
    assert len(list(net.buffers())) == 10
    for copied, buffer in zip(ema.module.buffers(), net.buffers(), strict=True):
        torch.testing.assert_close(copied, buffer, rtol=0, atol=0)
    assert not ema.module.training
    assert net.training
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert all(p.requires_grad for p in net.parameters())


def test_wrapped_module_updates_the_average(rng):
    net = nn.Linear(2, 2)
    ema = Ema(net, decay=0.0)
    drift(net, rng)
    ema.update(nn.Sequential(net))  # as DDP and Fabric wrap it
    torch.testing.assert_close(ema.module.weight, net.weight)


def test_restored_average_continues_bit_for_bit(rng):
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    ema, other = Ema(net), Ema(net)
    for _ in range(4):
        drift(net, rng)
        ema.update(net)
    state = {key: value.clone() for key, value in ema.state_dict().items()}
    assert state["updates"] == 4
    other.load_state_dict(state)
    drift(net, rng)
    for each in (ema, other):
        each.update(net)
    for key, value in ema.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value, rtol=0, atol=0)


def test_state_of_another_network_is_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        Ema(nn.Linear(3, 2)).load_state_dict(Ema(nn.Linear(2, 2)).state_dict())


@pytest.mark.parametrize(("setting", "message"), [({"decay": 1.5}, "decay=1.5"), ({"ramp_up": 0.5}, "ramp_up=0.5")])
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Ema(nn.Linear(1, 1), **setting)
