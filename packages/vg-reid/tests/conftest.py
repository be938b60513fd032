"""Shared by the suite: a small encoder, pictures of the synthetic persons, and the command line in this process."""

from collections.abc import Callable, Sequence
from pathlib import Path

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
