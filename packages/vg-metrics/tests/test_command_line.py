"""The commands on small folders: their figures, their files and their refusals."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from vg_metrics.__main__ import main
from vg_metrics.functional import Moments, psnr, reid_ranking, ssim
from vg_metrics.statistics import Statistics, write_file


def write_clips(folder: Path, count: int, seed: int, side: int = 16) -> Path:
    """Strips of 16 frames of drifting colors."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    x = np.arange(16 * side)[:, None] + np.zeros((16 * side, side))
    for index in range(count):
        waves = [np.sin(x * rng.uniform(0.05, 0.2) + rng.uniform(0, 6)).T for _ in range(3)]
        Image.fromarray(np.uint8(127.5 + 127 * np.stack(waves, -1))).save(folder / f"{index}.png")
    return folder


def printed(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def features_file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {f"{side}_features": rng.normal(size=(n, 8)) for side, n in (("query", 9), ("gallery", 40))}
    for side, n in (("query", 9), ("gallery", 40)):
        arrays |= {f"{side}_ids": rng.integers(0, 5, n), f"{side}_cams": rng.integers(0, 3, n)}
    arrays["query_ids"][4] = 77  # nobody's
    np.savez(tmp_path / "features.npz", **arrays)
    return tmp_path / "features.npz"


@pytest.mark.filterwarnings("ignore:.*samples for features")
def test_two_folders_then_saved_statistics_give_the_same_distance(tmp_path, capsys):
    real, fake = (write_clips(tmp_path / name, 2, seed) for seed, name in enumerate(("real", "fake")))
    stats, out = tmp_path / "real.safetensors", tmp_path / "result.json"
    assert main(["video-fid", str(real), str(fake), "--save-stats", str(stats), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "random features, comparable only within this run" in " ".join(captured.err.split())
    first = json.loads(out.read_text())
    assert first["counts"] == {"real": 2, "fake": 2}
    assert first["frechet_distance"] > 0 and first["motion_energy_real"] > 0
    assert len(first["protocol"]["weights"]) == 64 and first["versions"]["torch"] == version("torch")

    assert main(["video-fid", str(stats), str(stats)]) == 0
    assert printed(capsys)["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert main(["video-fid", str(stats), str(fake)]) == 0
    second = printed(capsys)
    assert second["frechet_distance"] == pytest.approx(first["frechet_distance"], rel=1e-4)
    assert "kernel_distance" not in second  # it needs the features of both sides


def test_pairs_are_scored_frame_by_frame(tmp_path, capsys):
    a, b = (write_clips(tmp_path / name, 2, seed) for seed, name in enumerate("ab"))
    assert main(["ssim", str(a), str(b), "--preset", "skimage"]) == 0
    got = printed(capsys)

    def frames(path: Path) -> torch.Tensor:
        return torch.from_numpy(np.array(Image.open(path)).reshape(16, 16, 16, 3)).permute(1, 3, 0, 2)

    pairs = [(frames(a / name), frames(b / name)) for name in ("0.png", "1.png")]
    similarity = torch.stack([ssim(x, y, data_range=255, preset="skimage").mean() for x, y in pairs]).mean()
    decibel = torch.stack([psnr(x, y, data_range=255).mean() for x, y in pairs]).mean()
    assert (got["ssim"], got["psnr"]) == (pytest.approx(similarity.item()), pytest.approx(decibel.item()))


def test_ranking_of_a_file_is_that_of_its_arrays(features_file, capsys):
    assert main(["reid", str(features_file)]) == 0
    got, arrays = printed(capsys), np.load(features_file)
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (arrays["query_features"], arrays["gallery_features"])
    ]
    labels = [arrays[name] for name in ("query_ids", "gallery_ids", "query_cams", "gallery_cams")]
    ranking = reid_ranking(1 - unit[0] @ unit[1].T, *labels)
    assert (got["map"], got["rank1"]) == (pytest.approx(ranking.map), ranking.rank[1])
    assert got["queries_without_match"] == [4] and got["counts"]["valid_query"] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["video-fid", "absent", "absent"], "absent: no such folder"),
        (["video-fid", "empty", "empty"], "empty: no clip in it"),
        (["video-fid", "text.txt", "text.txt"], "text.txt holds no statistics"),
        (["video-fid", "a", "b", "--features", "text.txt"], "text.txt is no checkpoint"),
        (["ssim", "a", "b"], "1 clips are in only one of a and b, the first is 1"),
        (["ssim", "a", "wide"], "0: (frames, 3, h, w) is (16, 3, 16, 16) in a and (16, 3, 20, 20) in wide"),
        (["reid", "text.txt"], "text.txt is no .npz with the arrays query_features"),
        (["reid", "other.npz"], "other.npz is no .npz with the arrays query_features"),
    ],
)
def test_what_the_user_can_mend_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path / "a", 2, seed=0)
    write_clips(tmp_path / "b", 1, seed=0)
    write_clips(tmp_path / "wide", 2, seed=0, side=20)
    Path("empty").mkdir()
    Path("text.txt").write_text("this is text")
    np.savez("other.npz", features=np.zeros(3))
    assert main(arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error


def test_unknown_flags_are_refused_with_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["video-fid", "a", "b", "--featurs", "random"])
    assert stop.value.code == 2
    assert "--features" in capsys.readouterr().err


def test_statistics_of_another_protocol_are_refused(tmp_path):
    moments = Moments.of(torch.eye(3))
    Statistics(moments, {"network": "one", "frames": "16"}).save(tmp_path / "one")
    one, two = Statistics.load(tmp_path / "one"), Statistics(moments, {"network": "two", "frames": "16"})
    assert (one.moments.count, one.protocol) == (3, {"network": "one", "frames": "16"})
    torch.testing.assert_close(one.moments.scatter, moments.scatter, rtol=0, atol=0)
    with pytest.raises(ValueError, match="network is one and two"):
        one.check_same_protocol(two)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_file(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
