"""Nets and optimizers as a flat mapping of tensors, and back."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Modules = Mapping[str, nn.Module]
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
    weights, trained = _weights(modules), {name: p for name, p, _ in _parameters(modules, optimizers)}
    moments = {key: key.rpartition(".")[0] for key in tensors.keys() - weights.keys()}
    unknown = {key for key, name in moments.items() if name not in trained}
    other = {key for key in weights.keys() & tensors.keys() if weights[key].shape != tensors[key].shape}
    other |= {key for key in moments.keys() - unknown if _does_not_fit(tensors[key], trained[moments[key]])}
    if wrong := sorted(unknown | other | (weights.keys() - tensors.keys())):
        raise ValueError(f"{len(wrong)} tensors are missing, unknown or of another shape, the first is {wrong[0]}")
    for name, module in modules.items():
        module.load_state_dict({key: tensors[f"{name}.{key}"] for key in module.state_dict()})
    for name, parameter, optimizer in _parameters(modules, optimizers):
        own = {key.rpartition(".")[2]: tensors[key] for key, owner in moments.items() if owner == name}
        optimizer.state[parameter] = {
            key: value.clone() if key == "step" else torch.empty_like(parameter).copy_(value)
            for key, value in sorted(own.items())
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
        for key, parameter in module.named_parameters():
            if id(parameter) in owners:
                yield f"optimizers.{name}.{key}", parameter, owners[id(parameter)]


def _does_not_fit(moment: Tensor, parameter: Tensor) -> bool:
    return moment.ndim > 0 and moment.shape != parameter.shape
