"""What the commands say of themselves, and how they write files."""

import subprocess
import sys

import pytest
from vg_metrics.__main__ import COMMANDS, main
from vg_metrics.files import write_file


def test_unknown_flags_are_refused_with_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["video-fid", "a", "b", "--featurs", "random"])
    assert stop.value.code == 2
    assert "--features" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"python -m vg_metrics {command} " in " ".join(capsys.readouterr().out.split())


def test_protocols_are_listed_without_waiting_for_pytorch():
    code = (
        "import sys; from vg_metrics.__main__ import main; main(['protocols']); main(['protocols', 'thesis_ch5']);"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tganv2_ucf101_fid" in done.stdout and "400 class logits" in done.stdout


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_file(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
