"""The feature network against public numbers, its loader, and random features that react to what they see."""

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from vg_metrics.features import RANDOM_LABEL, FeatureNetwork, resnext3d, video_features
from vg_metrics.features.preprocess import central_frames
from vg_metrics.features.resnext3d import ResNeXt3D, load, random_weights
from vg_metrics.features.video import MEAN, prepare
from vg_metrics.folders import load_clips
from vg_metrics.functional import kernel_distance


@pytest.fixture(scope="module")
def random_state() -> dict[str, torch.Tensor]:
    return random_weights(0, classes=7).state_dict()


def test_network_meets_the_numbers_of_the_released_evaluation(fixtures: Path):
    """resnext101/data.npz (g3an-project 74764fd): weights from their names, the clip after the official transform."""
    spec = importlib.util.spec_from_file_location("fill", fixtures / "fill.py")
    assert spec and spec.loader
    fill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fill)
    keys = json.loads((fixtures / "resnext101" / "state.json").read_text())
    data = np.load(fixtures / "resnext101" / "data.npz")

    network = load({f"module.{key}": value for key, value in fill.fill(keys).items()})
    video = torch.from_numpy(np.stack([data["frames"], fill.frames_uint8("resnext.clip2", 16, 64, 64)]))
    clips = prepare(video.permute(0, 4, 1, 2, 3))
    np.testing.assert_allclose(clips[0, :, ::4, ::2, ::2], data["clip_112_every4_px"], atol=1e-5)
    with torch.no_grad():
        features = network.pool(clips).numpy()
    for got, wanted in ((features[0], data["features"][0]), (features[1], data["features2"][0])):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert np.abs(features[0] - features[1]).max() > 100 * 1e-5 * np.abs(features).max()  # the two clips do differ


def test_official_sizes_are_met():
    with torch.device("meta"):
        assert sum(p.numel() for p in ResNeXt3D().parameters()) == 48_340_816


def test_preprocessing_is_central_frames_pillow_bilinear_minus_mean(rng):
    video = torch.randint(256, (2, 3, 21, 60, 90), generator=rng, dtype=torch.uint8)
    got = prepare(video)
    for t in (0, 15):
        frame = Image.fromarray(video[1, :, 10 - 8 + t].permute(1, 2, 0).numpy())
        wanted = np.asarray(frame.resize((112, 112), Image.Resampling.BILINEAR), dtype=np.float32) - np.float32(MEAN)
        np.testing.assert_allclose(got[1, :, t], wanted.transpose(2, 0, 1), atol=1e-5)
    torch.testing.assert_close(prepare(video / 127.5 - 1), got)  # bytes survive the way through [-1, 1]


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (torch.zeros(1, 3, 15, 8, 8), "15 frames, wanted at least 16"),
        (torch.zeros(3, 16, 8, 8), r"wanted \(b, 3, t, h, w\)"),
        (torch.full((1, 3, 16, 8, 8), 255.0), r"holds 255, wanted floats in \[-1, 1\]"),
        (torch.full((1, 3, 16, 8, 8), torch.nan), "holds nan"),
        (torch.zeros(1, 3, 16, 8, 8).long(), "torch.int64"),
    ],
)
def test_clips_of_another_kind_are_refused(video, message):
    with pytest.raises(ValueError, match=message):
        prepare(video)


@pytest.mark.parametrize("kind", ["pth", "old_pth", "safetensors", "mapping"])
def test_checkpoints_of_every_kind_load_the_same_weights(kind, random_state, tmp_path):
    path = tmp_path / "weights"
    if kind == "mapping":
        source = {key: value.numpy() for key, value in random_state.items()}
    elif kind == "safetensors":
        save_file(random_state, path)
        source = path
    else:  # as published: wrapped, from DataParallel, without the counters of later versions
        state = {f"module.{k}": v for k, v in random_state.items() if not k.endswith("num_batches_tracked")}
        torch.save({"epoch": 1, "state_dict": state}, path, _use_new_zipfile_serialization=kind == "pth")
        source = path
    network = load(source)
    assert not network.training
    for key in ("conv1.weight", "layer3.22.bn3.weight", "layer4.0.downsample.1.running_var", "fc.weight"):
        assert torch.equal(network.state_dict()[key], random_state[key])


def test_loading_leaves_the_random_state_alone(random_state):
    before = torch.get_rng_state()
    load(random_state)
    random_weights(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_wrong_checkpoints_are_refused_by_name(random_state, tmp_path):
    def changed(**change: torch.Tensor) -> dict[str, torch.Tensor]:
        return random_state | {key.replace("__", "."): value for key, value in change.items()}

    with pytest.raises(ValueError, match=r"ResNeXt-101, which has 522 keys: 1 unknown \(first layer5.weight\)$"):
        load(changed(layer5__weight=torch.zeros(1)))
    with pytest.raises(ValueError, match=r"1 missing \(first bn1.bias\)$"):
        load({key: value for key, value in random_state.items() if key != "bn1.bias"})
    with pytest.raises(ValueError, match=r"1 of another shape \(first bn1.bias \(3,\) for \(64,\)\)$"):
        load(changed(bn1__bias=torch.zeros(3)))
    with pytest.raises(ValueError, match=r"522 missing \(first conv1.weight\), 1 unknown \(first encoder\)$"):
        load({"encoder": torch.zeros(1)})
    with pytest.raises(FileNotFoundError, match="absent"):
        load(tmp_path / "absent.pth")
    for name, content in (("text.pth", b"not a checkpoint"), ("half.pth", b"PK\x03\x04half"), ("empty.pth", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name} is no checkpoint"):
            load(tmp_path / name)


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("executed"),)


def test_no_checkpoint_runs_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Bomb()}, "bomb.pth")
    with pytest.raises(ValueError, match=r"bomb\.pth is no checkpoint"):
        load("bomb.pth")
    assert not Path("executed").exists()


@pytest.fixture(scope="module")
def random_features() -> FeatureNetwork:
    return video_features("random")


def test_random_features_are_labelled_and_seeded(random_features):
    assert random_features.label == RANDOM_LABEL == "random features, comparable only within this run"
    assert random_features.checksum == video_features("random").checksum != video_features("random", seed=1).checksum
    with pytest.raises(ValueError, match="layer is 'fc'"):
        video_features(layer="fc")


def test_weights_from_a_file_show_its_checksum_and_layer(random_state, tmp_path, rng):
    path = tmp_path / "kinetics.safetensors"
    save_file(random_state, path)
    pool, logits = (video_features(path, layer=layer) for layer in ("pool", "logits"))
    assert pool.checksum == logits.checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    assert logits.label == "3-D ResNeXt-101, logits, kinetics.safetensors"
    assert "16 central frames, Pillow bilinear to 112x112" in logits.preprocessing
    video = 2 * torch.rand(1, 3, 16, 24, 24, generator=rng) - 1
    expected = pool(video) @ random_state["fc.weight"].T + random_state["fc.bias"]
    assert expected.shape == (1, logits.width) == (1, 7)
    torch.testing.assert_close(logits(video), expected, rtol=1e-4, atol=1e-4)


def test_random_features_tell_other_clips_from_more_of_the_same(random_features, rng):
    """Drifting waves against more of them, against their blur and against noise."""
    t, y, x = torch.arange(16.0).view(16, 1, 1), torch.arange(32.0).view(32, 1), torch.arange(32.0)

    def waves(count: int) -> torch.Tensor:
        speed, down, right, phase = (torch.randn(count, 3, 1, 1, 1, generator=rng) for _ in range(4))
        return torch.sin(0.2 * speed * t + 0.5 * down * y + 0.5 * right * x + 3 * phase)

    more = waves(3)
    blurred = F.avg_pool3d(more, (1, 8, 8)).repeat_interleave(8, 3).repeat_interleave(8, 4)
    noise = 2 * torch.rand(3, 3, 16, 32, 32, generator=rng) - 1
    reference = random_features(waves(3))
    near, soft, rough = (kernel_distance(reference, random_features(v))[0].item() for v in (more, blurred, noise))
    assert 3 * abs(near) < min(soft, rough)


@pytest.mark.slow
def test_random_features_tell_real_clips_from_blurred_and_noisy_ones(random_features, realdata, rng):
    """Weizmann in two halves: the other half is near, blurred and noisy copies of it are far beyond the error."""
    clips = torch.cat([central_frames(source.read()[None], 16) for source in load_clips(realdata / "weizmann")])
    clips = clips[torch.randperm(36, generator=rng)]
    half, other = clips.split(18)
    blurred = F.avg_pool3d(other.float(), (1, 8, 8)).repeat_interleave(8, 3).repeat_interleave(8, 4).byte()
    noisy = (other + 20 * torch.randn(other.shape, generator=rng)).clamp(0, 255).byte()
    reference = random_features(half)
    distance = {
        name: kernel_distance(reference, random_features(v))
        for name, v in (("other", other), ("blurred", blurred), ("noisy", noisy))
    }
    near, error = distance["other"]
    assert abs(near) < 2 * error
    for name in ("blurred", "noisy"):
        far, far_error = distance[name]
        assert far > 5 * abs(near) and far - near > far_error + error


def test_more_frames_than_16_can_enter_the_network(random_features, rng, monkeypatch):
    monkeypatch.setattr(resnext3d, "random_weights", lambda seed: random_features.module)
    network = video_features(frames=32)
    video = torch.randint(256, (1, 3, 33, 12, 12), generator=rng, dtype=torch.uint8)
    prepared = prepare(video, 32)
    assert prepared.shape == (1, 3, 32, 112, 112) and "32 central frames" in network.preprocessing
    with pytest.raises(ValueError, match="31 frames, wanted at least 32"):
        network(video[:, :, :31])


def test_single_clips_of_several_sizes_give_the_features_of_batches(random_features, rng):
    shapes = ((3, 16, 20, 20), (3, 19, 30, 40), (3, 16, 20, 20))
    clips = [torch.randint(256, shape, generator=rng, dtype=torch.uint8) for shape in shapes]
    together = random_features.extract(clips, batch_size=2)
    assert together.shape == (3, random_features.width) == (3, 2048)
    torch.testing.assert_close(together[1:2], random_features(clips[1][None]), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="no clips"):
        random_features.extract([])
