"""From a folder of videos to films, scores and the page."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from vg_train.cli import main
from vg_train.report import write_page
from vg_video.data.codec import read_video
from vg_video.data.folder import scan_folder


@pytest.mark.parametrize("suffix", ["mp4", "gif", "webm"])
def test_films_are_drawn_in_each_format(labelled_run, tmp_path, suffix):
    words = ["sample", str(labelled_run / "model"), "--n", "2", "--seed", "3", "--label", "low", "--frames", "20"]
    assert main([*words, "--format", suffix, "--out", str(tmp_path / "films")]) == 0
    films = sorted((tmp_path / "films").iterdir())
    assert [film.name for film in films] == [f"seed3_low_000{i}.{suffix}" for i in range(2)]
    frames, fps = read_video(films[0])
    assert frames.shape == (20, 64, 64, 3)
    assert fps == pytest.approx(12, rel=0.05)


def test_film_i_is_a_function_of_the_seed_and_i(labelled_run, tmp_path):
    for count in ("1", "3"):
        words = ["sample", str(labelled_run / "model"), "--n", count, "--format", "png", "--out", str(tmp_path / count)]
        assert main(words) == 0
    assert (tmp_path / "1" / "seed0_0000.png").read_bytes() == (tmp_path / "3" / "seed0_0000.png").read_bytes()
    assert (tmp_path / "3" / "seed0_0001.png").read_bytes() != (tmp_path / "3" / "seed0_0000.png").read_bytes()


def test_a_model_is_scored_beside_a_second_draw_of_real_clips(labelled_run, videos, tmp_path, capsys):
    out = tmp_path / "scores.json"
    words = ["evaluate", str(labelled_run / "model"), "--data", str(videos), "--count", "2", "--out", str(out)]
    assert main(words) == 0
    report = json.loads(out.read_text())
    assert report["protocol"]["clips"] == 2
    assert report["protocol"]["cut"]["steps"] == [1, 1]  # as the run cut them, not the default
    assert "comparable only within this run" in report["protocol"]["features_label"]
    assert report["provenance"]["versions"].keys() >= {"torch", "vg-metrics"}
    real, generated = (report["scores"][name] for name in ("other real clips", "generated"))
    assert real["frechet_distance"] < generated["frechet_distance"]
    assert generated["motion_energy_of_real"] == real["motion_energy_of_real"] > 0
    assert f"{generated['frechet_distance']:.4g}" in capsys.readouterr().out


def test_built_in_data_is_written_and_read_again(tmp_path):
    for name, labels in (("actions", 10), ("faces", 6), ("robot", 1)):
        assert main(["synth", name, str(tmp_path / name), "--count", "11", "--identities", "1"]) == 0
        scan = scan_folder(tmp_path / name)
        assert len(scan.sources) == 11
        assert len({source.label for source in scan.sources}) == labels
    assert (
        main(["synth", "persons", str(tmp_path / "people"), "--kind", "drawn", "--identities", "4", "--cameras", "2"])
        == 0
    )
    assert len(list((tmp_path / "people").rglob("*.jpg"))) == 4 * 2 * 2


def test_help_of_all_commands_is_told_without_torch():
    code = "import sys; from vg_train.cli import main; main(['--help']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "vg-train fit g3an --data" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "g3an"],
        ["sample"],
        ["evaluate"],
        ["compare"],
        ["check"],
        ["synth", "faces"],
        ["preprocess", "faces"],
        ["demo"],
    ],
)
def test_help_of_each_command_shows_how_it_is_called(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    assert f"\n  vg-train {' '.join(words)}" in capsys.readouterr().out


@pytest.mark.slow
def test_the_demo_writes_a_page_from_the_files_of_its_folder_and_anew_each_time(tmp_path, capsys):
    out = tmp_path / "demo"
    words = ["demo", "--out", str(out), "--steps", "2", "--videos", "16", "--figures", "2"]
    words += ["--score-clips", "2", "--persons", "8"]
    assert main(words) == 0
    page = (out / "index.html").read_text()
    scores = json.loads((out / "scores.json").read_text())["scores"]
    assert scores.keys() == {"other real clips", "untrained", "trained"}
    for row in scores.values():
        assert f"<td>{row['frechet_distance']:.4g}</td>" in page
    persons = json.loads((out / "persons" / "scores.json").read_text())
    assert f"<td>{persons['encoder']['map']:.1%}</td>" in page
    assert not re.search(r"https?://", page)
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) > 16
    assert [source for source in sources if not (out / source).is_file()] == []

    report = json.loads((out / "scores.json").read_text())
    report["scores"]["trained"]["frechet_distance"] = 12345.0
    (out / "scores.json").write_text(json.dumps(report))
    assert "1.234e+04" in write_page(out).read_text()

    (out / "stale").touch()
    shutil.rmtree(out / "clips")
    assert main(words) == 0
    assert not (out / "stale").exists()
    assert json.loads((out / "scores.json").read_text())["scores"] == scores
    assert "deleting the demo that was there" in capsys.readouterr().out
