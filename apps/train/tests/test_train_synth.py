"""Built-in videos are written by the command line, and read as any others."""

import json

import pytest
from vg_train.cli import main
from vg_video.data.folder import scan_folder

SMALL = ["--frames", "4", "--resolution", "16", "--identities", "2"]


@pytest.mark.parametrize(("kind", "labels"), [("actions", 10), ("faces", 6), ("robot", 0)])
def test_built_in_videos_are_written_with_what_they_show(kind, labels, tmp_path, capsys):
    count = max(labels, 3)
    assert main(["synth", kind, str(tmp_path / "videos"), "--count", str(count), *SMALL]) == 0
    assert f"{count} videos of 4 frames of 16x16 in {tmp_path / 'videos'}" in capsys.readouterr().out
    scan = scan_folder(tmp_path / "videos")
    assert len(scan.sources) == count
    assert len({source.label for source in scan.sources} - {None}) == labels
    known = json.loads((tmp_path / "videos/factors.json").read_text())
    assert len(known) == count and all(len(factors) > 10 for factors in known.values())


def test_the_same_seed_writes_the_same_files_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert main(["synth", "robot", str(tmp_path / name), "--count", "2", "--seed", str(seed), *SMALL]) == 0
    first, again, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("a", "b", "c")
    )
    assert first == again and first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


@pytest.mark.parametrize("kind", ["actions", "faces", "robot"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--frames", "3"], "frames=3, count=240; at least 4 and 1 are wanted"),
        (["--resolution", "8"], "resolution=8"),
        (["--count", "0"], "count=0"),
        (["--identities", "0"], "identities=0; 1 .. "),
        (["--seed", "-1"], "seed=-1; 0 .. 2^64 - 1 is wanted"),
    ],
)
def test_settings_that_make_no_sense_are_told_in_one_line(kind, options, message, tmp_path, capsys):
    assert main(["synth", kind, str(tmp_path / "videos"), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not (tmp_path / "videos").exists()


@pytest.mark.parametrize("kind", ["actions", "faces", "robot"])
def test_help_shows_how_it_is_called(kind, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["synth", kind, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert f"\n  vg-train synth {kind} videos" in out and "--resolution" in out
