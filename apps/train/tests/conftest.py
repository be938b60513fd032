"""A small folder of videos and the smallest G3AN, for whole journeys in seconds."""

from pathlib import Path

import numpy as np
import pytest
from vg_train.cli import main
from vg_video.data.codec import write_video

MICRO = [
    *("--config.generator.widths", "8", "8", "8", "8", "4"),
    *("--config.generator.appearance-dim", "8"),
    *("--config.generator.attention-after", "1"),
    *("--config.video-discriminator.width", "2"),
    *("--config.image-discriminator.width", "2"),
    *("--config.batch-size", "2"),
    *("--clips.steps", "1", "1"),
    *("--keep.score-clips", "4"),
    *("--keep.sample-clips", "2"),
]


def ball(frames: int, size: int, row: int) -> np.ndarray:
    """A bright ball that moves to the right, uint8 (t, h, w, 3)."""
    t, y, x = np.ogrid[:frames, :size, :size]
    light = 255 * np.exp(-((x - size // 6 - t) ** 2 + (y - row) ** 2) / size)
    return np.repeat(light.astype(np.uint8)[..., None], 3, axis=-1)


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two labels with two videos each: 48 x 48 pixels, 20 frames."""
    root = tmp_path_factory.mktemp("videos")
    for label, row in (("high", 14), ("low", 34)):
        (root / label).mkdir()
        for number in range(2):
            write_video(root / label / f"{number}.mp4", ball(20, 48, row + 2 * number), 12)
    return root


@pytest.fixture(scope="session")
def labelled_run(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a model with the labels high and low, trained for one step; not to be written to."""
    run = tmp_path_factory.mktemp("runs") / "labelled"
    options = ["--data", str(videos), "--preset", "tiny", "--steps", "1", "--labels", "--out", str(run), *MICRO]
    assert main(["fit", "g3an", *options]) == 0
    return run


@pytest.fixture
def micro() -> list[str]:
    """Flags that make `fit g3an --preset tiny` train in a moment."""
    return list(MICRO)
