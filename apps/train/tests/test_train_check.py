"""`vg-train check`: counts, names and exit code."""

import json
from pathlib import Path

import numpy as np
import pytest
from vg_train.check import command
from vg_video.data.codec import encode_video
from vg_video.data.layouts.weizmann import ACTIONS, PERSONS


@pytest.fixture
def weizmann(tmp_path: Path) -> Path:
    """The 90 videos, the content of all being the same."""
    data = encode_video(np.zeros((3, 16, 16, 3), np.uint8), ".mp4")
    for person in PERSONS:
        for action in ACTIONS:
            take = "1" if person == "lena" and action in ("run", "skip", "walk") else ""
            path = tmp_path / f"data/{action}/{person}_{action}{take}.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return tmp_path / "data"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide terminal without colors."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


def rows(text: str) -> list[list[str]]:
    """The words of each line of a table."""
    return [line.replace("│", " ").split() for line in text.splitlines()]


def test_a_complete_data_set_is_counted_and_ends_well(weizmann, tmp_path, plain, capsys):
    command(["weizmann", str(weizmann), "--out", str(tmp_path / "report.json")])
    shown = capsys.readouterr().out
    assert ["videos", "90", "90"] in rows(shown) and ["train", "subjects", "6", "6"] in rows(shown)
    assert "missing" not in shown and "damaged" not in shown
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["complete"] and report["missing"] == report["damaged"] == []
    assert report["counts"]["test subjects"] == {"expected": 3, "found": 3}


@pytest.mark.parametrize("options", [[], ["--quick"]])
def test_what_is_missing_or_damaged_is_named_and_is_an_error(options, weizmann, tmp_path, plain, capsys):
    (weizmann / "run/lena_run1.avi").unlink()
    (weizmann / "run/ido_run.avi").unlink()
    (weizmann / "jack/denis_jack.avi").write_bytes(b"no video")
    words = ["weizmann", str(weizmann), "--show", "1", "--out", str(tmp_path / "report.json"), *options]
    with pytest.raises(ValueError, match="Weizmann is not complete: 1 counts differ, 2 missing, 1 damaged"):
        command(words)
    shown = capsys.readouterr().out
    assert ["videos", "90", "88"] in rows(shown)
    assert "2 missing, the first 1:\n  ido_run.avi\n" in shown and "lena_run1" not in shown
    assert "1 damaged:\n" in shown and "jack/denis_jack.avi: neither a video" in shown
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["missing"] == ["ido_run.avi", "lena_run1.avi"] and not report["complete"]
    assert Path(report["damaged"][0]["path"]).name == "denis_jack.avi"


def test_a_folder_that_is_none_and_lists_that_do_not_belong_are_told(weizmann, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        command(["mug", str(tmp_path / "nowhere")])
    with pytest.raises(ValueError, match="weizmann is read without lists"):
        command(["weizmann", str(weizmann), "--lists", str(tmp_path)])


def test_an_unknown_layout_is_answered_with_those_that_there_are(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        command(["weissmann", str(tmp_path)])
    assert stop.value.code == 2 and "weizmann" in capsys.readouterr().err


def test_help_names_layouts_and_flags(capsys):
    with pytest.raises(SystemExit) as stop:
        command(["--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0 and "voxceleb2-mini" in shown and "--quick" in shown and "--lists" in shown
