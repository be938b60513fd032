"""Real clips: what is near and what is far, by the commands that a user runs, with random features."""

import json
from pathlib import Path

import pytest
from vg_metrics.__main__ import main

pytestmark = pytest.mark.slow


def kernel_distance(out: Path, *arguments: Path | str) -> tuple[float, float]:
    assert main(["kvd", *map(str, arguments), "--out", str(out)]) == 0
    values = json.loads(out.read_text())["values"]
    return values["kernel_distance"], values["kernel_distance_error"]


def test_other_videos_are_further_than_more_of_the_same(realdata, tmp_path):
    for index, path in enumerate(sorted((realdata / "weizmann").rglob("*.jpg"))):
        half = tmp_path / f"half{index % 2}" / path.parent.name
        half.mkdir(parents=True, exist_ok=True)
        (half / path.name).symlink_to(path)
    out, saved = tmp_path / "result.json", tmp_path / "half0.safetensors"
    near, near_error = kernel_distance(out, tmp_path / "half0", tmp_path / "half1", "--save-stats", saved)
    far, far_error = kernel_distance(out, saved, realdata / "ucf101_frames")
    assert abs(near) < 3 * near_error
    assert far - near > 3 * (near_error**2 + far_error**2) ** 0.5


def test_real_clips_are_at_no_distance_from_themselves(realdata, tmp_path):
    weizmann, saved, out = realdata / "weizmann", tmp_path / "weizmann.safetensors", tmp_path / "result.json"
    assert main(["video-fid", str(weizmann), str(weizmann), "--save-stats", str(saved), "--out", str(out)]) == 0
    values = json.loads(out.read_text())["values"]
    assert values["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert values["motion_map_distance"] == pytest.approx(0, abs=1e-6)
    assert values["motion_energy_real"] == values["motion_energy_fake"] > 1
