"""Nets and optimizers as a flat mapping of tensors, and back; where two runs differ."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vg_layers.ema import Ema

Modules = Mapping[str, nn.Module | Ema]
Optimizers = Mapping[str, Optimizer]  # by the names of the nets that each trains; several nets may share one


def to_tensors(modules: Modules, optimizers: Optimizers) -> dict[str, Tensor]:
    """Name all weights, buffers and moments; the tensors are not copies.

    Args:
        modules: all that has weights or buffers, by name.
        optimizers: those that train them.
    """
    moments = {
        f"{name}.{key}": value
        for name, parameter, optimizer in _parameters(modules, optimizers)
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)  # SGD keeps None before its first step
    }
    return _weights(modules) | moments


def from_tensors(modules: Modules, optimizers: Optimizers, tensors: Mapping[str, Tensor]) -> None:
    """Load what `to_tensors` named into the same nets and optimizers.

    Raises:
        ValueError: if tensors are missing, unknown or of another shape; nothing is loaded then.
    """
    weights, trained = _weights(modules), list(_parameters(modules, optimizers))
    if wrong := sorted(_wrong(weights, trained, tensors)):
        raise ValueError(f"the state has {len(wrong)} missing, unknown or misshapen tensors, the first is {wrong[0]}")
    for name, module in modules.items():
        module.load_state_dict({key: tensors[f"{name}.{key}"] for key in module.state_dict()})
    moments = _moments(tensors.keys() - weights.keys())
    for name, parameter, optimizer in trained:
        optimizer.state[parameter] = {
            key: tensors[full].to(parameter.device, copy=True)
            if key == "step"
            else torch.empty_like(parameter).copy_(tensors[full])
            for key, full in moments.get(name, {}).items()
        }


def differences(found: Any, wanted: Any, name: str = "") -> Iterator[str]:
    """Where two nested mappings differ, as 'name is this, wanted that'."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in [*wanted, *(found.keys() - wanted.keys())]:
            yield from differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
    elif found != wanted:
        yield f"{name} is {found!r}, wanted {wanted!r}"


def _weights(modules: Modules) -> dict[str, Tensor]:
    return {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}


def _parameters(modules: Modules, optimizers: Optimizers) -> Iterator[tuple[str, nn.Parameter, Optimizer]]:
    """Each trained parameter with the name of its moments."""
    owners = {id(p): owner for owner in optimizers.values() for group in owner.param_groups for p in group["params"]}
    for name, module in modules.items():
        for key, parameter in module.named_parameters() if isinstance(module, nn.Module) else ():
            if id(parameter) in owners:
                yield f"optimizers.{name}.{key}", parameter, owners[id(parameter)]


def _moments(names: set[str]) -> dict[str, dict[str, str]]:
    """Names of moments as {all but the last part: {last part: whole name}}."""
    kept: dict[str, dict[str, str]] = {}
    for full in sorted(names):
        name, _, key = full.rpartition(".")
        kept.setdefault(name, {})[key] = full
    return kept


def _wrong(
    weights: Mapping[str, Tensor], trained: list[tuple[str, nn.Parameter, Optimizer]], tensors: Mapping[str, Tensor]
) -> Iterator[str]:
    """Names of tensors that are missing, unknown or of another shape."""
    yield from weights.keys() - tensors.keys()
    yield from (name for name in weights.keys() & tensors.keys() if weights[name].shape != tensors[name].shape)
    moments = _moments(tensors.keys() - weights.keys())
    kept: dict[int, set[str]] = {}  # by an optimizer: the same of each parameter that it has moved
    for name, _, optimizer in trained:
        kept.setdefault(id(optimizer), set()).update(moments.get(name, ()))
    for name, parameter, optimizer in trained:
        if found := moments.pop(name, None):
            yield from (f"{name}.{key}" for key in kept[id(optimizer)] - found.keys())
            yield from (full for full in found.values() if tensors[full].shape not in ((), parameter.shape))
    yield from (full for unknown in moments.values() for full in unknown.values())
