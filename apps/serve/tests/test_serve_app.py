"""The application as a whole, and vg-serve as a command."""

import os
import re
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
import torch
import uvicorn
from fastapi.testclient import TestClient
from vg_reid import Gallery
from vg_reid.encoder import EncoderConfig, random_encoder
from vg_serve import Settings, create_app
from vg_serve.cli import main


def test_health_tells_what_is_loaded(client: TestClient) -> None:
    health = client.get("/health").json()
    assert health["video"] == {"name": "waving", "system": "g3an", "labels": ["3", "walk", "wave"], "frames": 16}
    assert health["persons"] == {"name": "office.safetensors", "images": 6, "identities": 5}
    assert health["limits"]["max_clips"] == 16
    assert health["versions"]["torch"] == version("torch")


def test_health_without_models_is_null() -> None:
    health = TestClient(create_app(Settings())).get("/health").json()
    assert health["video"] is None
    assert health["persons"] is None


def test_two_applications_share_nothing(client: TestClient) -> None:
    assert TestClient(create_app(Settings())).post("/videos", json={}).status_code == 503
    assert client.post("/videos", json={"label": "walk"}).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/videos", 405)])
def test_errors_of_the_router_have_the_one_shape(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


def test_a_bug_is_500_without_its_inside(video_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("secret")

    monkeypatch.setattr("vg_serve.videos.render", broken)
    client = TestClient(create_app(Settings(video=video_model)), raise_server_exceptions=False)
    answer = client.post("/videos", json={"label": "walk"})
    assert answer.status_code == 500
    assert set(answer.json()) == {"error"}
    assert "secret" not in answer.text


def test_the_page_asks_no_other_host(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", answer.text)
    assert "default-src 'none'" in answer.text  # the browser holds it to that
    for path in re.findall(r'ask\("(/[^"]+)"', answer.text):
        assert client.options(path).status_code == 405, f"{path} is no route"


BAD_SETTINGS = [
    ("video", "missing", ["missing"]),
    ("video", "empty", ["empty", "config.json"]),
    ("video", "reid_model", ["persons", "vg-reid/encoder", "g3an"]),
    ("video", "cut_model", ["cut", "model.safetensors"]),
    ("video", "bare_model", ["bare", "model.safetensors"]),
    ("reid", "missing", ["missing"]),
    ("reid", "empty", ["empty", "config.json"]),
    ("reid", "video_model", ["waving", "g3an", "vg-reid/encoder"]),
    ("reid", "bare_encoder", ["encoder", "model.safetensors"]),
    ("gallery", "missing", ["missing"]),
    ("gallery", "cut_gallery", ["cut.safetensors"]),
    ("gallery", "empty_gallery", ["none.safetensors", "empty"]),
    ("gallery", "text", ["text.txt"]),
    ("gallery", "empty", ["empty"]),
]


@pytest.fixture
def bad(tmp_path: Path, video_model: Path, reid_model: Path, gallery_file: Path) -> dict[str, Path]:
    """Folders and files that are not what they should be."""
    paths = {name: tmp_path / name for name in ("missing", "empty")}
    paths |= {"cut_model": tmp_path / "cut", "cut_gallery": tmp_path / "cut.safetensors", "text": tmp_path / "text.txt"}
    paths["empty"].mkdir()
    paths["cut_model"].mkdir()
    for file in video_model.iterdir():
        data = file.read_bytes()
        (paths["cut_model"] / file.name).write_bytes(data if file.suffix == ".json" else data[: len(data) // 2])
    for name, model in (("bare_model", video_model), ("bare_encoder", reid_model)):
        paths[name] = tmp_path / name
        paths[name].mkdir()
        (paths[name] / "config.json").write_bytes((model / "config.json").read_bytes())
    whole = gallery_file.read_bytes()
    paths["cut_gallery"].write_bytes(whole[: len(whole) // 2])
    paths["text"].write_text("hello\n")
    paths["empty_gallery"] = tmp_path / "none.safetensors"
    Gallery(32).save(paths["empty_gallery"])
    return paths | {"video_model": video_model, "reid_model": reid_model}


@pytest.mark.parametrize(
    ("flag", "name", "said"), BAD_SETTINGS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_bad_models_end_the_start_with_one_line_and_code_2(
    bad: dict[str, Path], flag: str, name: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(["--port", "0", f"--{flag}", str(bad[name])], said, capsys)


def test_a_gallery_of_another_encoder_is_refused(
    reid_model: Path, gallery_file: Path, tmp_path: Path, rng: torch.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    config = EncoderConfig(backbone="tiny", embedding_dim=32, height=64, width=32)
    random_encoder(config, seed=1).save_pretrained(tmp_path / "other")  # as long, but not comparable
    arguments = ["--port", "0", "--reid", str(tmp_path / "other"), "--gallery", str(gallery_file)]
    assert_refused(arguments, ["office.safetensors", "other"], capsys)
    narrow = Gallery(8)
    narrow.add(torch.randn(1, 8, generator=rng), [0], [0])
    narrow.save(tmp_path / "narrow")
    arguments = ["--port", "0", "--reid", str(reid_model), "--gallery", str(tmp_path / "narrow")]
    assert_refused(arguments, ["narrow", "8", "32"], capsys)


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(["--port", port], [port], capsys)
    assert_refused(["--port", "99999"], ["99999"], capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--galery", "x"], "--gallery"), (["--max-clips", "0"], "max_clips=0"), (["--port", "web"], "web")],
)
def test_a_wrong_flag_or_value_ends_with_code_2_and_what_is_wanted(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def assert_refused(arguments: list[str], said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    started = AssertionError("the server has started")
    with patch.object(uvicorn.Server, "run", side_effect=started), pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1
    for part in said:
        assert part in output.err


def test_the_command_serves_over_a_real_socket(video_model: Path, reid_model: Path, gallery_file: Path) -> None:
    command = [sys.executable, "-c", "from vg_serve.cli import main; main()", "--port", "0"]
    command += ["--video", str(video_model), "--reid", str(reid_model), "--gallery", str(gallery_file)]
    command += ["--max-upload-bytes", "100000"]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=one_thread) as server:
        try:
            address = server.stdout.readline().split()[-1]
            with httpx.Client(base_url=address, timeout=60) as client:
                assert client.get("/health").json()["persons"]["images"] == 6
                assert "<h1>vg</h1>" in client.get("/").text
                assert client.post("/videos", json={"label": "walk"}).headers["content-type"] == "video/mp4"
                assert client.post("/persons/search", files={"photo": bytes(200_000)}).status_code == 413
                assert client.get("/health").status_code == 200  # it has survived that
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
