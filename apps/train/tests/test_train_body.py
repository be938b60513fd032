"""`vg-train fit body`: from nothing to a model folder, figures and pictures."""

import json
from pathlib import Path

import pytest
from vg_reid.mesh.regressor import BodyRegressor
from vg_train.reid.body import SYSTEM, FitBody
from vg_train.reid.fit import command


def test_the_preset_trains_in_minutes() -> None:
    config = SYSTEM.recipe("small").config
    assert config.steps * config.batch_size < 100_000
    with pytest.raises(ValueError, match="body has small"):
        SYSTEM.recipe("thesis")


def test_counts_below_1_are_refused(tmp_path: Path) -> None:
    chosen = SYSTEM.recipe("small")
    with pytest.raises(ValueError, match="held_out=0"):
        FitBody(preset="small", out=tmp_path, keep=chosen.keep, config=chosen.config, held_out=0)


@pytest.mark.slow
def test_a_run_leaves_a_model_figures_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("anny")
    small = ["--views", "64", "--held-out", "64", "--config.steps", "2", "--config.batch-size", "4"]
    command("body", ["--out", str(tmp_path / "run"), *small])
    assert BodyRegressor.from_pretrained(tmp_path / "run" / "model").config == SYSTEM.recipe("small").config.net
    errors = json.loads((tmp_path / "run" / "azimuth.json").read_text())
    assert errors.keys() == {"regressor", "standing"}
    for error in errors.values():
        assert error["count"] == 64
        assert 0 < error["median_interval"][0] <= error["median"] <= error["median_interval"][1] <= 180
    assert (tmp_path / "run" / "renders.png").is_file()
