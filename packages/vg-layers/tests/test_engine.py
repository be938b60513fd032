"""One training loop under the plain engine and under Lightning Fabric."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn
from vg_layers import Engine, SingleDevice, Step, engine


def trained(machinery: Engine, steps: int = 3) -> tuple[nn.Module, list[Step]]:
    """A toy loop with all that a training procedure asks of its engine."""
    torch.manual_seed(0)
    net = nn.Linear(4, 3)
    net, optimizer = machinery.setup(net, torch.optim.Adam(net.parameters(), lr=0.1))
    taken = []
    for index in range(steps):
        x = torch.randn(5, 4, generator=torch.Generator().manual_seed(index)).to(machinery.device)
        with machinery.autocast():
            loss = net(x).square().mean()
        optimizer.zero_grad()
        machinery.backward(loss)
        optimizer.step()
        taken.append(Step(index, {"loss": machinery.all_reduce(loss.detach().clone(), reduce_op="mean")}))
    return net, taken


def test_single_device_is_an_engine_and_trains():
    single = SingleDevice()
    assert isinstance(single, Engine)
    assert (single.device, single.global_rank, single.world_size) == (torch.device("cpu"), 0, 1)
    _, taken = trained(single, steps=20)
    assert [step.index for step in taken] == list(range(20))
    assert taken[-1].losses["loss"] < taken[0].losses["loss"] / 2


def test_fabric_is_an_engine_and_gives_the_same_weights():
    lightning = pytest.importorskip("lightning")
    fabric = lightning.Fabric(accelerator="cpu", devices=1)
    assert isinstance(fabric, Engine)
    ours, our_steps = trained(SingleDevice())
    theirs, their_steps = trained(fabric)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    for mine, other in zip(our_steps, their_steps, strict=True):
        torch.testing.assert_close(mine.losses, other.losses, rtol=0, atol=0)


def test_setup_returns_the_module_alone_when_there_is_no_optimizer():
    net = nn.Linear(1, 1)
    assert SingleDevice().setup(net) is net


def test_setup_moves_the_module_to_the_device():
    assert SingleDevice("meta").setup(nn.Linear(1, 1)).weight.is_meta


def test_precision_is_that_of_the_autocast():
    net, x = nn.Linear(2, 2), torch.zeros(1, 2)
    with SingleDevice(precision=torch.bfloat16).autocast():
        assert net(x).dtype == torch.bfloat16
    with SingleDevice().autocast():
        assert net(x).dtype == torch.float32


def test_step_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Step(0, {}).index = 1  # type: ignore[misc]


def test_engine_stays_under_sixty_lines():
    assert len(Path(engine.__file__).read_text().splitlines()) < 60
