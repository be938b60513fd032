"""Shared by the suite: fixture weights, a small encoder, pictures of synthetic persons, and the command line."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from vg_reid.data.synthetic import write_persons
from vg_reid.embedder import Embedder
from vg_reid.encoder import EncoderConfig, random_encoder


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return Embedder(random_encoder(EncoderConfig(backbone="tiny", height=64, width=32)), batch_size=5)


@pytest.fixture(scope="session")
def persons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Market-1501's layout: 3 training and 3 test identities under 2 cameras, 3 images each."""
    return write_persons(tmp_path_factory.mktemp("persons"), identities=6, cameras=2, per_camera=3, seed=0)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    folder = tmp_path_factory.mktemp("model")
    embedder.encoder.save_pretrained(folder)
    return folder


@pytest.fixture
def vg_reid(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `python -m vg_reid ...` in this process: exit code, stdout, stderr."""
    from vg_reid.__main__ import main

    def run(*argv: object) -> tuple[int, str, str]:
        words: Sequence[str] = [str(word) for word in argv]
        try:
            code = main(words)
        except SystemExit as stop:  # tyro's own way out
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def _fill(key: str, shape: Sequence[int], gain: float | None = None) -> np.ndarray:
    drawn = np.random.default_rng(zlib.crc32(key.encode())).normal(size=tuple(shape))
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if len(shape) >= 2:
        drawn = drawn * (gain or np.sqrt(2 / np.prod(shape[1:])))
    elif key.endswith("running_var"):
        drawn = np.abs(drawn) * 0.1 + 1
    elif key.endswith(("running_mean", "bias", "beta")):
        drawn = drawn * 0.1
    else:
        drawn = 1 + drawn * 0.1
    return drawn.astype(np.float32)


@pytest.fixture(scope="session")
def fill() -> Callable[..., np.ndarray]:
    """The weights of the fixtures, functions of the released code's keys: scaled by `gain`, else as He's are."""
    return _fill
