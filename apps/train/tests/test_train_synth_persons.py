"""Built-in photos of persons are written by the command line."""

import json

import pytest
from vg_reid.data.people import read_people
from vg_train.cli import main

SMALL = ["--identities", "2", "--cameras", "2", "--per-camera", "2"]


def test_drawn_persons_are_written(tmp_path, capsys):
    assert main(["synth", "persons", str(tmp_path / "people"), *SMALL, "--kind", "drawn"]) == 0
    assert f"8 photos of 2 drawn persons in {tmp_path / 'people'}" in capsys.readouterr().out
    assert len(read_people(tmp_path / "people").images) == 8


def test_dressed_persons_are_written_with_projections_and_factors(tmp_path, capsys):
    pytest.importorskip("anny", reason="the extra vg-reid[mesh] is not installed")
    assert main(["synth", "persons", str(tmp_path / "people"), *SMALL]) == 0
    assert "8 photos of 2 dressed persons" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "people/factors.json").read_text())["images"]) == 8
    assert len(list((tmp_path / "people/projections").rglob("*.jpg"))) == 64


def test_numbers_that_make_no_sense_are_told_in_one_line(tmp_path, capsys):
    assert main(["synth", "persons", str(tmp_path / "people"), "--cameras", "1"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "cameras=1" in error and error.count("\n") == 1
