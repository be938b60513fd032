"""POST /videos."""

import asyncio
import json
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from vg_serve import Limits, Settings, create_app, videos
from vg_video import g3an, imaginator, vgan
from vg_video.data.codec import read_video
from vg_video.models import load_generator


def frames_of(answer: httpx.Response, folder: Path) -> np.ndarray:
    """The frames of a returned file, uint8 (t, h, w, 3)."""
    assert answer.status_code == 200, answer.text
    path = folder / "clips.bin"
    path.write_bytes(answer.content)
    return read_video(path)[0]


@pytest.mark.parametrize(("kind", "media_type"), [("mp4", "video/mp4"), ("gif", "image/gif")])
def test_the_file_holds_the_samples_of_the_model(
    client: TestClient, video_model: Path, tmp_path: Path, kind: str, media_type: str
) -> None:
    answer = client.post("/videos", json={"seed": 5, "label": "wave", "count": 3, "frames": 20, "format": kind})
    assert answer.headers["content-type"] == media_type
    frames = frames_of(answer, tmp_path)
    wanted = videos.grid(g3an.sample(load_generator(video_model), 3, seed=5, label="wave", frames=20))
    assert frames.shape == wanted.shape == (20, 130, 130, 3)
    assert np.abs(frames.astype(int) - wanted).mean() < 6  # lossy colors


def test_a_request_gives_the_same_clips_again_and_another_seed_others(client: TestClient) -> None:
    first, again, other = (client.post("/videos", json={"seed": seed, "label": "walk"}) for seed in (1, 1, 2))
    assert first.content == again.content
    assert first.content != other.content


def test_labels_go_by_name_and_by_index(client: TestClient) -> None:
    walk, one, wave, name = (client.post("/videos", json={"label": label}) for label in ("walk", 1, "wave", "3"))
    assert walk.status_code == one.status_code == name.status_code == 200
    assert walk.content == one.content
    assert walk.content != wave.content
    assert name.content == client.post("/videos", json={"label": 0}).content  # class "3" has index 0


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"label": "jump"}, ["jump", "3, walk, wave"]),
        ({"label": 7}, ["7", "walk"]),
        ({"label": True}, ["label"]),
        ({"label": ["walk"]}, ["label"]),
        ({"seed": -1}, ["seed", "greater than or equal to 0"]),
        ({"seed": 2**63}, ["seed"]),
        ({"count": 0}, ["count", "1"]),
        ({"count": 17}, ["count", "17", "16"]),
        ({"frames": 17}, ["frames=17", "16 or 20"]),
        ({"frames": 4096}, ["frames", "4096", "64"]),
        ({"format": "exe"}, ["format", "mp4", "gif"]),
        ({"sead": 3}, ["sead"]),
        ({"seed": "x", "count": "y"}, ["seed", "count"]),
        ([], ["body"]),
    ],
)
def test_a_request_that_cannot_be_met_is_422_and_says_what_is_wanted(
    client: TestClient, request_: object, said: list[str]
) -> None:
    if isinstance(request_, dict):
        request_ = {"label": "walk", **request_}
    answer = client.post("/videos", json=request_)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error"}
    assert "\n" not in answer.json()["error"]
    for part in said:
        assert part in answer.json()["error"]


def test_a_body_that_is_no_json_is_422(client: TestClient) -> None:
    answer = client.post("/videos", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "JSON" in answer.json()["error"]


def test_limits_of_the_server_are_in_force(video_model: Path) -> None:
    client = TestClient(create_app(Settings(video=video_model, limits=Limits(max_clips=2, max_frames=16))))
    assert client.post("/videos", json={"label": "walk", "count": 2}).status_code == 200
    assert "limit of 2" in client.post("/videos", json={"label": "walk", "count": 3}).json()["error"]
    assert "limit of 16" in client.post("/videos", json={"label": "walk", "frames": 20}).json()["error"]


def test_without_a_model_the_answer_names_the_flag() -> None:
    answer = TestClient(create_app(Settings())).post("/videos", json={})
    assert answer.status_code == 503
    assert "--video MODEL" in answer.json()["error"]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_grid_is_row_by_row_and_as_square_as_it_gets(n: int, rng: torch.Generator) -> None:
    clips = torch.rand(n, 3, 2, 5, 3, generator=rng) * 2 - 1
    sheet = videos.grid(clips, gap=1)
    columns = {1: 1, 2: 2, 3: 2, 5: 3, 7: 3}[n]
    rows = {1: 1, 2: 1, 3: 2, 5: 2, 7: 3}[n]
    wanted = np.zeros((2, rows * 6 - 1, columns * 4 - 1, 3), np.uint8)
    for i in range(n):
        for t, y, x, c in np.ndindex(2, 5, 3, 3):
            value = round((clips[i, c, t, y, x].item() + 1) * 127.5)
            wanted[t, i // columns * 6 + y, i % columns * 4 + x, c] = value
    assert np.abs(sheet.astype(int) - wanted).max() <= 1  # halves round either way
    assert not sheet[:, 5::6].any()


def test_the_server_answers_while_it_generates(video_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, finish, at_once = threading.Event(), threading.Event(), []
    real = videos.render

    def slow(*args: object) -> bytes:
        at_once.append(1)
        assert len(at_once) == 1  # one at a time
        started.set()
        assert finish.wait(60)
        at_once.pop()
        return real(*args)

    monkeypatch.setattr(videos, "render", slow)
    app = create_app(Settings(video=video_model))

    async def talk() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            clips = [asyncio.create_task(client.post("/videos", json={"label": "walk"})) for _ in range(2)]
            while not started.is_set():
                await asyncio.sleep(0.01)
            health = await client.get("/health")
            assert not any(task.done() for task in clips)
            finish.set()
            return [health.status_code, *(answer.status_code for answer in await asyncio.gather(*clips))]

    assert asyncio.run(talk()) == [200, 200, 200]


def test_the_documented_media_types_are_those_sent(client: TestClient) -> None:
    answer = client.get("/openapi.json")
    assert set(answer.json()["paths"]["/videos"]["post"]["responses"]["200"]["content"]) == {"video/mp4", "image/gif"}
    assert json.dumps(answer.json()).count("HTTPValidationError") == 0  # one shape of an error


def test_a_model_that_goes_on_from_images_is_refused_at_the_start(tmp_path: Path) -> None:
    widths = {"encoder_widths": (4,) * 4, "decoder_widths": (4,) * 4, "mid_widths": (4,) * 5}
    config = imaginator.GeneratorConfig(appearance_dim=4, noise_dim=4, **widths)
    imaginator.Generator(config).save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="imaginator goes on from an image"):
        create_app(Settings(video=tmp_path / "model"))


def test_a_clip_is_as_long_as_the_models_own_unless_asked_for(tmp_path: Path) -> None:
    vgan.Generator(vgan.GeneratorConfig(noise_dim=4, widths=(4,) * 4)).save_pretrained(tmp_path / "model")
    client = TestClient(create_app(Settings(video=tmp_path / "model")))
    assert client.get("/health").json()["video"]["frames"] == 32
    assert len(frames_of(client.post("/videos", json={"format": "gif"}), tmp_path)) == 32
