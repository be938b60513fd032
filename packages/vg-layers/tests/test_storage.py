"""Nets and optimizers as named tensors: what goes in comes out, and whatever does not fit is named."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer
from vg_layers import Ema
from vg_layers.storage import differences, from_tensors, to_tensors

Run = tuple[dict[str, nn.Module | Ema], dict[str, Optimizer]]


def run(steps: int) -> Run:
    """Two nets under one Adam, one under SGD, and an average, after so many steps."""
    nets = {"a": nn.Linear(3, 2), "b": nn.BatchNorm1d(2), "c": nn.Linear(2, 1)}
    optimizers = {
        "a": Adam([*nets["a"].parameters(), *nets["b"].parameters()], 1e-2),
        "c": SGD(nets["c"].parameters(), 1e-2, momentum=0.9),
    }
    ema = Ema(nets["a"])
    for step in range(steps):
        nets["c"](nets["b"](nets["a"](torch.arange(15.0).view(5, 3).sin() + step))).square().sum().backward()
        for optimizer in optimizers.values():
            optimizer.step()
        ema.update(nets["a"])
    return {**nets, "ema": ema}, optimizers


def saved(steps: int) -> dict[str, Tensor]:
    return copy.deepcopy(to_tensors(*run(steps)))


@pytest.mark.parametrize("steps", [0, 2])
def test_what_is_loaded_is_what_was_saved_and_a_copy_of_it(steps):
    tensors, other = saved(steps), run(1)
    from_tensors(*other, tensors)
    found = to_tensors(*other)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert not {value.data_ptr() for value in found.values() if value.numel()} & {
        v.data_ptr() for v in tensors.values()
    }
    moments = {name for name in tensors if name.startswith("optimizers.")}
    assert len(moments) == (3 * 4 + 2 if steps else 0) and "ema.updates" in tensors


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda tensors: tensors.pop("b.running_mean"), "b.running_mean"),
        (lambda tensors: tensors.update({"d.weight": torch.zeros(1)}), "d.weight"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "extra"),
        (lambda tensors: tensors.update({"a.bias": torch.zeros(3)}), "a.bias"),
        (lambda tensors: tensors.pop("optimizers.b.weight.exp_avg"), "optimizers.b.weight.exp_avg"),
        (lambda tensors: tensors.update({"optimizers.a.bias.exp_avg": torch.zeros(3)}), "optimizers.a.bias.exp_avg"),
        (lambda tensors: tensors.update({"optimizers.e.bias.step": torch.zeros(())}), "optimizers.e.bias.step"),
    ],
)
def test_one_tensor_that_does_not_fit_is_named_and_nothing_is_loaded(change, named):
    tensors, other = saved(2), run(1)
    before = copy.deepcopy(to_tensors(*other))
    change(tensors)
    with pytest.raises(ValueError, match=f"the state has 1 missing.* tensors, the first is {named}$"):
        from_tensors(*other, tensors)
    after = to_tensors(*other)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_differences_are_named_where_they_are():
    found = {"seed": 1, "net": {"width": 4, "old": True}, "same": [1, 2]}
    wanted = {"seed": 2, "net": {"width": 4, "new": 3}, "same": [1, 2]}
    lines = ["seed is 1, wanted 2", "net.new is None, wanted 3", "net.old is True, wanted None"]
    assert list(differences(found, wanted)) == lines
