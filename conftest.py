"""Shared by all suites: device and dtype options, a seeded generator, and the folders of outside data."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="device of the tests that take the `device` fixture")
    parser.addoption("--dtype", default="float64", help="dtype of the tests that take the `dtype` fixture")


@pytest.fixture
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.config.getoption("--device"))


@pytest.fixture
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return getattr(torch, request.config.getoption("--dtype"))


@pytest.fixture
def tolerance(dtype: torch.dtype) -> dict[str, float]:
    """Keyword arguments of torch.testing.assert_close for one rounding-error bound per dtype."""
    bound = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
    return {"rtol": bound, "atol": bound}


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Weights drawn by constructors are the same in each run, whatever ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: this test reads outside data")
    return Path(value)


@pytest.fixture
def fixtures() -> Path:
    """Numbers of reference implementations (VG_FIXTURES)."""
    return _folder("VG_FIXTURES")


@pytest.fixture
def realdata() -> Path:
    """Small real data (VG_REALDATA)."""
    return _folder("VG_REALDATA")
