"""Without a GPU, Triton interprets its kernels on the CPU; it reads the variable when it is first imported."""

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

TIGHT = {"rtol": 1e-9, "atol": 1e-9}


@pytest.fixture
def check_sg2(fixtures: Path) -> Callable[..., None]:
    """Function (name, op): values, first and second gradients of StyleGAN2's reference operators, in float64.

    `op` is called with the input arrays by name (in_x as x, ...), `filter` where there is one, and the fixture's
    keyword arguments. The names of the arrays are explained in the fixtures' README.
    """
    manifest = json.loads((fixtures / "sg2" / "manifest.json").read_text())

    def check(name: str, op: Callable[..., Tensor]) -> None:
        with np.load(fixtures / "sg2" / f"{name}.npz") as file:
            arrays = {key: torch.from_numpy(value) for key, value in file.items()}
        inputs = {key[3:]: arrays[key].requires_grad_() for key in arrays if key.startswith("in_")}
        constants = {key: arrays[key] for key in arrays if key == "filter"}
        y = op(**inputs, **constants, **manifest[name]["kwargs"])
        torch.testing.assert_close(y, arrays["y"], **TIGHT)
        cot = arrays["cot"].requires_grad_()
        first = torch.autograd.grad(y, [*inputs.values()], cot, create_graph=True)
        for key, gradient in zip(inputs, first, strict=True):
            torch.testing.assert_close(gradient, arrays[f"g1_{key}"], **TIGHT)
        penalty = 0.5 * first[0].square().sum()
        check_gradients(penalty, {**inputs, "cot": cot}, {key[3:]: arrays[key] for key in arrays if key[:3] == "g2_"})
        if "g2pl_styles" in arrays:  # the path length, a sum of norms
            length = first[[*inputs].index("styles")].norm(dim=1).sum()
            check_gradients(length, inputs, {key[5:]: arrays[key] for key in arrays if key[:5] == "g2pl_"})

    def check_gradients(scalar: Tensor, inputs: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
        gradients = torch.autograd.grad(
            scalar, [inputs[key] for key in expected], retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for gradient, value in zip(gradients, expected.values(), strict=True):
            torch.testing.assert_close(gradient, value, **TIGHT)

    return check


@pytest.fixture
def sg2_network(fixtures: Path) -> Callable[[str], tuple[dict[str, Tensor], dict[str, Tensor], dict]]:
    """Function of a network's name: its weights by official key, its inputs and outputs, its entry of the manifest."""
    manifest = json.loads((fixtures / "sg2" / "manifest.json").read_text())

    def draw(key: str, shape: list[int]) -> Tensor:
        values = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(tuple(shape))
        values = values if len(shape) >= 2 else 0.1 * values
        return torch.as_tensor(values + key.endswith("affine.bias"), dtype=torch.float64)

    def load(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor], dict]:
        with np.load(fixtures / "sg2" / f"{name}.npz") as file:
            arrays = {key: torch.from_numpy(value).double() for key, value in file.items()}
        return {key: draw(key, shape) for key, shape in manifest[name]["shapes"].items()}, arrays, manifest[name]

    return load
