"""The commands on small folders: their figures, their files and their refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from vg_metrics.__main__ import main
from vg_metrics.commands import sets
from vg_metrics.features import RANDOM_LABEL, FeatureNetwork
from vg_metrics.functional import psnr, reid_ranking, ssim


def write_clips(folder: Path, count: int, seed: int, side: int = 16, frames: int = 16) -> Path:
    """Strips of drifting colors."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    x = np.arange(frames * side)[:, None] + np.zeros((frames * side, side))
    for index in range(count):
        waves = [np.sin(x * rng.uniform(0.05, 0.2) + rng.uniform(0, 6)).T for _ in range(3)]
        Image.fromarray(np.uint8(127.5 + 127 * np.stack(waves, -1))).save(folder / f"{index}.png")
    return folder


def printed(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def small_network(monkeypatch) -> None:
    """Five features a sample in the place of the protocol's network, which takes seconds a clip."""

    def opened(protocol, features, *, mean=None, seed=0, device="cpu") -> FeatureNetwork:
        weights = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
        label = RANDOM_LABEL if features == "random" else f"small, {features}"
        return FeatureNetwork(
            torch.nn.Identity(),
            lambda x: torch.cat([x.flatten(2).mean(2), x.flatten(2).std(2)], 1)[:, :5] @ (weights @ weights.T),
            lambda samples: samples.float() / 255,
            name=f"small/{protocol.layer}",
            label=label,
            checksum=f"seed {seed}, {features}",
            width=5,
            preprocessing="bytes / 255",
        )

    monkeypatch.setattr(sets, "open_network", opened)
    monkeypatch.setattr(sets, "MOTION_SIDE", 16)


@pytest.fixture
def features_file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {f"{side}_features": rng.normal(size=(n, 8)) for side, n in (("query", 9), ("gallery", 40))}
    for side, n in (("query", 9), ("gallery", 40)):
        arrays |= {f"{side}_ids": rng.integers(0, 5, n), f"{side}_cams": rng.integers(0, 3, n)}
    arrays["query_ids"][4] = 77  # nobody's
    np.savez(tmp_path / "features.npz", **arrays)
    return tmp_path / "features.npz"


# --- sets of clips ----------------------------------------------------------------------------------------------------


def test_two_folders_then_saved_statistics_give_the_same_distance(tmp_path, capsys, small_network):
    real, fake = (write_clips(tmp_path / name, 8, seed) for seed, name in enumerate(("real", "fake")))
    stats, out = tmp_path / "real.safetensors", tmp_path / "result.json"
    assert main(["video-fid", str(real), str(fake), "--save-stats", str(stats), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "random features, comparable only within this run" in " ".join(captured.err.split())
    assert captured.err.startswith("warning: incomplete thesis_ch4: 8 fake samples, wanted 10,000; random weights")
    first = json.loads(out.read_text())
    assert (first["title"], first["complete"]) == ("incomplete thesis_ch4", False)
    assert first["counts"] == {"real": 8, "fake": 8} and len(first["fingerprint"]["real"]) == 64
    assert first["command"] == f"python -m vg_metrics video-fid {real} {fake} --save-stats {stats} --out {out}"
    values = first["values"]
    assert values["frechet_distance"] > 0 and values["kernel_distance_error"] > 0
    assert values["motion_map_distance"] > 0 and values["motion_energy_real"] > 0

    assert main(["video-fid", str(stats), str(stats)]) == 0
    assert printed(capsys)["values"]["frechet_distance"] == pytest.approx(0, abs=1e-9)
    assert main(["video-fid", str(stats), str(fake)]) == 0
    second = printed(capsys)
    for name in ("frechet_distance", "motion_map_distance", "motion_energy_real"):
        assert second["values"][name] == pytest.approx(values[name], rel=1e-6)
    assert "kernel_distance" not in second["values"]  # it needs the features of both sides
    assert second["fingerprint"] == first["fingerprint"]


def test_the_same_folder_is_at_no_distance_from_itself(tmp_path, capsys, small_network):
    folder = write_clips(tmp_path / "real", 6, seed=0)
    assert main(["video-fid", str(folder), str(folder)]) == 0
    values = printed(capsys)["values"]
    assert values["frechet_distance"] == pytest.approx(0, abs=1e-9)
    assert values["motion_map_distance"] == pytest.approx(0, abs=1e-9)
    assert values["kernel_distance"] <= 0  # unbiased: what it is about 0 in


def test_kernel_distance_reads_features_that_it_saved(tmp_path, capsys, small_network):
    real, fake = (write_clips(tmp_path / name, 5, seed) for seed, name in enumerate(("real", "fake")))
    stats = tmp_path / "real.safetensors"
    assert main(["kvd", str(real), str(fake), "--save-stats", str(stats)]) == 0
    first = printed(capsys)
    assert main(["kvd", str(stats), str(fake)]) == 0
    assert printed(capsys)["values"] == pytest.approx(first["values"])
    assert main(["video-fid", str(stats), str(fake)]) == 0
    assert printed(capsys)["values"]["kernel_distance"] == pytest.approx(first["values"]["kernel_distance"])
    assert main(["video-fid", str(real), str(fake), "--save-stats", str(stats)]) == 0
    capsys.readouterr()
    assert main(["kvd", str(stats), str(fake)]) == 2
    assert "the kernel distance wants features, found saved moments" in capsys.readouterr().err


def test_bare_features_are_compared_but_never_complete(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "real.npz", features=rng.normal(size=(40, 3)))
    np.save(tmp_path / "fake.npy", rng.normal(size=(10_000, 3)) + 1)
    assert main(["video-fid", str(tmp_path / "real.npz"), str(tmp_path / "fake.npy")]) == 0
    result = printed(capsys)
    assert 2 < result["values"]["frechet_distance"] < 5  # the means are a square of 3 apart
    assert result["shortfalls"] == [
        "real features as given, how they were made is not known",
        "fake features as given, how they were made is not known",
    ]


def test_inception_score_of_features_is_that_of_repeats(tmp_path, capsys):
    sure = 30 * np.eye(4)[np.arange(400) % 4]  # each class as often, without doubt
    np.save(tmp_path / "logits.npy", sure.astype(np.float32))
    assert main(["is", str(tmp_path / "logits.npy")]) == 0
    result = printed(capsys)
    assert result["values"] == {"inception_score": pytest.approx(4, rel=1e-6)}
    assert "400 fake samples, wanted 50,000" in result["shortfalls"]


def test_pictures_have_a_distance_too(tmp_path, capsys, small_network):
    rng = np.random.default_rng(0)
    for name, level in (("real", 100), ("fake", 150)):
        (tmp_path / name).mkdir()
        for index in range(6):
            pixels = np.uint8(rng.integers(0, 100, (6, 4, 3)) + level)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    assert main(["fid", str(tmp_path / "real"), str(tmp_path / "fake")]) == 0
    result = printed(capsys)
    assert result["counts"] == {"real": 6, "fake": 6} and result["values"]["frechet_distance"] > 0
    assert "motion_energy_real" not in result["values"]


def test_damaged_files_stop_a_command_or_are_passed_over(tmp_path, capsys, small_network):
    real = write_clips(tmp_path / "real", 4, seed=0)
    content = (real / "2.png").read_bytes()
    (real / "2.png").write_bytes(content[:-30])
    assert main(["video-fid", str(real), str(real)]) == 2
    assert "2.png is a damaged picture" in capsys.readouterr().err
    assert main(["video-fid", str(real), str(real), "--skip-corrupt"]) == 0
    result = printed(capsys)
    assert result["counts"] == {"real": 3, "fake": 3} and "2.png is a damaged picture" in result["skipped"]["real"][0]


def test_results_are_compared_from_their_files(tmp_path, capsys, small_network):
    real = write_clips(tmp_path / "real", 4, seed=0)
    for seed, name in enumerate(("ours", "theirs"), 1):
        fake = write_clips(tmp_path / name, 4, seed)
        assert main(["video-fid", str(real), str(fake), "--out", str(tmp_path / f"{name}.json")]) == 0
    files = [str(tmp_path / "ours.json"), str(tmp_path / "theirs.json")]
    capsys.readouterr()
    assert main(["compare", *files]) == 0
    captured = capsys.readouterr()
    ours = json.loads((tmp_path / "ours.json").read_text())["values"]["frechet_distance"]
    assert f"{ours:.6g}" in captured.out and captured.err == ""
    assert main(["video-fid", str(real), str(fake), "--protocol", "thesis_ch5", "--out", files[1]]) == 0
    capsys.readouterr()
    assert main(["compare", *files]) == 2
    assert "name is thesis_ch4 and thesis_ch5" in capsys.readouterr().err


# --- clips, pictures and features -------------------------------------------------------------------------------------


def test_pairs_are_scored_frame_by_frame(tmp_path, capsys):
    a, b = (write_clips(tmp_path / name, 2, seed) for seed, name in enumerate("ab"))
    assert main(["ssim", str(a), str(b), "--preset", "skimage"]) == 0
    got = printed(capsys)["values"]

    def frames(path: Path) -> torch.Tensor:
        return torch.from_numpy(np.array(Image.open(path)).reshape(16, 16, 16, 3)).permute(1, 3, 0, 2)

    pairs = [(frames(a / name), frames(b / name)) for name in ("0.png", "1.png")]
    similarity = torch.stack([ssim(x, y, data_range=255, preset="skimage").mean() for x, y in pairs]).mean()
    decibel = torch.stack([psnr(x, y, data_range=255).mean() for x, y in pairs]).mean()
    assert (got["ssim"], got["psnr"]) == (pytest.approx(similarity.item()), pytest.approx(decibel.item()))


def test_ranking_of_a_file_is_that_of_its_arrays(features_file, tmp_path, capsys):
    assert main(["reid", str(features_file), "--plot", str(tmp_path / "curve.png")]) == 0
    got, arrays = printed(capsys), np.load(features_file)
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (arrays["query_features"], arrays["gallery_features"])
    ]
    labels = [arrays[name] for name in ("query_ids", "gallery_ids", "query_cams", "gallery_cams")]
    ranking = reid_ranking(1 - unit[0] @ unit[1].T, *labels)
    assert (got["values"]["map"], got["values"]["rank1"]) == (pytest.approx(ranking.map), ranking.rank[1])
    assert got["skipped"]["queries_without_match"] == ["4"] and got["counts"]["valid_query"] == 8
    with Image.open(tmp_path / "curve.png") as plot:
        assert plot.size == (480, 360) and len(plot.getcolors(10**6)) > 10


def test_persons_are_told_by_folder_or_name(tmp_path, capsys):
    rng = np.random.default_rng(0)
    pixels = [np.uint8(rng.integers(0, 256, (24, 16, 3))) for _ in range(4)]
    for folder, names in (
        ("by_name", ("0002_c1.png", "0002_c2.png", "0007_c1.png")),
        ("by_folder", ("a/1.png", "a/2.png")),
    ):
        for name, picture in zip(names, pixels, strict=False):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    values = []
    for folder in ("by_name", "by_folder"):
        assert main(["diversity", str(tmp_path / folder)]) == 0
        result = printed(capsys)
        assert result["counts"]["identities"] == 1 and result["counts"]["pairs"] == 1
        values.append(result["values"]["ssim_diversity"])
    assert values[0] == values[1]
    assert main(["diversity", str(tmp_path / "by_name"), "--out", str(tmp_path / "result.json")]) == 0
    assert json.loads((tmp_path / "result.json").read_text())["skipped"]["identities"] == ["0007"]


class MeanColor(torch.nn.Module):
    """An embedder whose faces are missing where a frame is dark."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        color = frames.mean((2, 3))
        return torch.where(color.sum(1, keepdim=True) > -2.9, color, torch.full_like(color, float("nan")))


def test_content_distances_follow_the_embedder(tmp_path, capsys):
    torch.jit.script(MeanColor()).save(str(tmp_path / "faces.pt"))
    levels = {"still": (90, 90, 90, 90), "change": (90, 120, 0, 150)}  # one frame is dark
    for name, grays in levels.items():
        (tmp_path / "clips").mkdir(exist_ok=True)
        strip = np.concatenate([np.full((8, 8, 3), gray, np.uint8) for gray in grays], 1)
        Image.fromarray(strip).save(tmp_path / "clips" / f"{name}.png")
        (tmp_path / "inputs").mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / "inputs" / f"{name}.png")
    arguments = ["acd", str(tmp_path / "clips"), "--embedder", str(tmp_path / "faces.pt"), "--side", "8"]
    assert main([*arguments, "--inputs", str(tmp_path / "inputs")]) == 0
    result = printed(capsys)
    step = 3**0.5 / 127.5  # distance of one gray level
    assert result["values"]["acd_c"] == pytest.approx(step * np.mean([30, 60, 30]) / 2, rel=1e-5)
    assert result["values"]["acd_i"] == pytest.approx(step * np.mean([0, 30, 60]) / 2, rel=1e-5)
    assert result["counts"] == {"clips": 2, "frames_without_face": 1} and len(result["checksum"]) == 64


def moving_squares(folder: Path, speeds: list[tuple[int, int]]) -> Path:
    """Clips of 3 frames of a textured square that moves over a textured ground, pixels a frame."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    ground, square = (
        np.array(Image.fromarray(x).resize((32, 32), Image.Resampling.BICUBIC))
        for x in rng.integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    )
    for index, (right, down) in enumerate(speeds):
        frames = np.repeat(ground[None], 3, 0)
        for t in range(3):
            frames[t, 8 + down * t : 22 + down * t, 8 + right * t : 22 + right * t] = square[:14, :14]
        Image.fromarray(np.concatenate(list(frames), 1)).save(folder / f"{index}.png")
    return folder


def test_motion_has_its_direction_and_its_picture(tmp_path, capsys):
    originals = moving_squares(tmp_path / "originals", [(2, 0)])
    frozen = moving_squares(tmp_path / "frozen", [(0, 0)])
    picture = tmp_path / "flow.png"
    arguments = ["flow", str(originals), "--changed", str(frozen), "--frames", "3", "--picture", str(picture)]
    assert main(arguments) == 0
    result = printed(capsys)
    values = result["values"]
    assert values["motion_right"] > max(values["motion_left"], values["motion_up"], values["motion_down"])
    assert values["change_of_motion_right"] == pytest.approx(-values["motion_right"], abs=0.02)
    assert values["change_of_total_motion"] < 0 and result["protocol"]["radius"] > 0.5
    assert result["counts"] == {"originals": 1, "changed": 1}
    with Image.open(picture) as image:
        assert image.size == (2 * 36 + 68, 68)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["video-fid", "absent", "absent"], "absent: no such folder"),
        (["video-fid", "empty", "empty"], "empty: no clip in it"),
        (["video-fid", "text.txt", "text.txt"], "text.txt holds no statistics"),
        (["video-fid", "a", "b", "--features", "text.txt"], "text.txt is no checkpoint"),
        (["video-fid", "a", "b", "--features", "absent.pth"], "No such file"),
        (["video-fid", "a", "b", "--protocol", "thesis"], "no protocol is called thesis, wanted one of thesis_ch3"),
        (["video-fid", "a", "b", "--protocol", "thesis_ch4_is"], "thesis_ch4_is is of the inception score"),
        (["is", "a", "--protocol", "thesis_ch4"], "thesis_ch4 is of the frechet distance"),
        (["video-fid", "few.npy", "few.npy"], "1 real sample, 0 skipped, wanted at least 2"),
        (["video-fid", "nan.npz", "nan.npz"], "nan.npz holds no statistics of vg-metrics and no features"),
        (["video-fid", "narrow.npy", "wide.npy"], "features of width 3 and 4 cannot be compared"),
        (["kvd", "few.npy", "few.npy"], "1 real sample"),
        (["ssim", "a", "b"], "1 clips are in only one of a and b, the first is 1"),
        (["ssim", "a", "wide"], "0: (frames, 3, h, w) is (16, 3, 16, 16) in a and (16, 3, 20, 20) in wide"),
        (["diversity", "a"], "none of 2 identities has two images"),
        (["acd", "a", "--embedder", "text.txt"], "text.txt is no TorchScript file"),
        (["flow", "a", "--frames", "17"], "a: no clip in it can be used, first 0: 16 frames, wanted at least 17"),
        (["flow", "a", "--part", "head"], "motion of the head wants either label maps or a face parser"),
        (["flow", "a", "--frames", "1"], "frames is 1, wanted at least 2"),
        (["flow", "a", "--device", "moon"], "device moon cannot be used"),
        (["kvd", "a", "a", "--device", "moon"], "device moon cannot be used"),
        (["reid", "text.txt"], "text.txt is no .npz with the arrays query_features"),
        (["reid", "other.npz"], "other.npz is no .npz with the arrays query_features"),
        (["protocols", "thesis"], "no protocol is called thesis"),
        (["compare", "text.txt", "text.txt"], "text.txt holds no result of vg-metrics"),
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
    np.save("few.npy", np.zeros((1, 3)))
    np.savez("nan.npz", features=np.full((4, 3), np.nan))
    np.save("narrow.npy", np.eye(3))
    np.save("wide.npy", np.eye(4))
    assert main(arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error


def test_clips_that_are_all_too_short_are_an_error(tmp_path, capsys, small_network):
    short = write_clips(tmp_path / "short", 2, seed=0, frames=10)
    assert main(["video-fid", str(short), str(short)]) == 2
    assert "nothing in it can be used, first" in capsys.readouterr().err


def test_features_that_are_not_finite_name_their_folder(tmp_path, capsys, monkeypatch):
    folder = write_clips(tmp_path / "real", 2, seed=0)

    def broken(protocol, features, **_) -> FeatureNetwork:
        return FeatureNetwork(
            torch.nn.Identity(),
            lambda x: x.new_full((len(x), 2), torch.nan),
            lambda samples: samples.float(),
            name="broken",
            label="broken",
            checksum="",
            width=2,
            preprocessing="none",
        )

    monkeypatch.setattr(sets, "open_network", broken)
    assert main(["kvd", str(folder), str(folder)]) == 2
    assert f"error: {folder}: features holds 4 values that are not finite" in capsys.readouterr().err


def test_statistics_of_another_protocol_are_refused(tmp_path, capsys, small_network):
    real = write_clips(tmp_path / "real", 3, seed=0)
    stats = tmp_path / "real.safetensors"
    assert main(["video-fid", str(real), str(real), "--save-stats", str(stats)]) == 0
    capsys.readouterr()
    assert main(["video-fid", str(stats), str(real), "--protocol", "thesis_ch5_128"]) == 2
    assert f"{stats} and the score are of different protocols: name is thesis_ch4 and" in capsys.readouterr().err
    assert main(["video-fid", str(stats), str(real), "--seed", "1"]) == 2
    assert "the two sides are of different protocols: checksum is" in capsys.readouterr().err
