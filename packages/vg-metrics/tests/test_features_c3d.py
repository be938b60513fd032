"""C3D against its layers one after another, under the keys of the public file, and both preprocessings."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from vg_metrics.features import RANDOM_LABEL, FeatureNetwork, c3d_features
from vg_metrics.features.c3d import C3D, load, load_mean, prepare_tganv1, prepare_tganv2

CONVOLUTIONS = {
    "conv1a": (64, 3),
    "conv2a": (128, 64),
    "conv3a": (256, 128),
    "conv3b": (256, 256),
    "conv4a": (512, 256),
    "conv4b": (512, 512),
    "conv5a": (512, 512),
    "conv5b": (512, 512),
}
LINEAR = {"fc6": (4096, 512 * 4 * 4), "fc7": (4096, 4096), "fc8": (101, 4096)}
SHAPES = {name: (*shape, 3, 3, 3) for name, shape in CONVOLUTIONS.items()} | LINEAR
OFFICIAL = {f"{name}/W": shape for name, shape in SHAPES.items()} | {f"{n}/b": s[:1] for n, s in SHAPES.items()}


@pytest.fixture(scope="module")
def random_c3d() -> FeatureNetwork:
    return c3d_features("random")


@pytest.fixture
def mean(rng) -> Tensor:
    return 255 * torch.rand(3, 16, 128, 171, generator=rng)


@pytest.fixture
def video(rng) -> Tensor:
    return torch.randint(256, (2, 3, 17, 40, 60), generator=rng, dtype=torch.uint8)


def chainer_pool(x: Tensor, window: tuple[int, int, int]) -> Tensor:
    """Maximum over windows that begin inside, the last ones cut: every size divided and rounded up."""
    missing = [-size % step for size, step in zip(x.shape[2:], window, strict=True)]
    padded = F.pad(x, [side for size in reversed(missing) for side in (0, size)], value=-torch.inf)
    for axis, step in enumerate(window, 2):
        padded = padded.unflatten(axis, (-1, step)).amax(axis + 1)
    return padded


def layers(state: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """fc7 and logits from weights under Chainer's keys."""
    for name in CONVOLUTIONS:
        x = F.conv3d(x, state[f"{name}/W"], state[f"{name}/b"], padding=1).clamp_min(0)
        if name in ("conv1a", "conv2a", "conv3b", "conv4b", "conv5b"):
            x = chainer_pool(x, (1, 2, 2) if name == "conv1a" else (2, 2, 2))
    fc6 = (x.reshape(len(x), -1) @ state["fc6/W"].T + state["fc6/b"]).clamp_min(0)
    fc7 = (fc6 @ state["fc7/W"].T + state["fc7/b"]).clamp_min(0)
    return {"fc7": fc7, "logits": fc7 @ state["fc8/W"].T + state["fc8/b"]}


def test_official_sizes_are_met():
    with torch.device("meta"):
        network = C3D()
    assert sum(parameter.numel() for parameter in network.parameters()) == 78_409_573
    assert len(network.state_dict()) == len(OFFICIAL) == 22


@torch.no_grad()
def test_c3d_is_its_layers_one_after_another(random_c3d, video, mean):
    network = random_c3d.module
    state = {k.replace(".weight", "/W").replace(".bias", "/b"): v for k, v in network.state_dict().items()}
    clip = prepare_tganv2(video[:1], mean)
    wanted = layers(state, clip)
    got = network.features(clip)
    assert wanted["fc7"].std() > 1  # random weights react
    torch.testing.assert_close(got, wanted["fc7"], rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(network.fc8(got), wanted["logits"], rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_each_layer_is_what_the_network_gives(random_c3d, monkeypatch):
    """Without the convolutions, whose result is stood in for."""
    network, fc7 = random_c3d.module, torch.rand(2, 4096)
    monkeypatch.setattr(network, "features", lambda clips: fc7)
    logits = fc7 @ network.fc8.weight.T
    torch.testing.assert_close(network(None), logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.probabilities(None), logits.exp() / logits.exp().sum(1, keepdim=True))
    assert (random_c3d.name, random_c3d.width) == ("c3d/fc7", 4096)


def test_the_official_file_is_read(tmp_path):
    """conv3d_deepnetA_ucf.npz as Chainer writes it, in half precision here."""
    path = tmp_path / "c3d.npz"
    arrays = {key: np.broadcast_to(np.float16(0), shape) for key, shape in OFFICIAL.items()}
    arrays["fc8/b"] = np.arange(101, dtype=np.float32)
    arrays["conv1a/W"] = np.random.default_rng(0).normal(size=OFFICIAL["conv1a/W"]).astype(np.float32)
    np.savez_compressed(path, **arrays)
    np.savez(tmp_path / "mean2.npz", mean=np.full((3, 16, 128, 171), 100.0))
    features = c3d_features(path, tmp_path / "mean2.npz", layer="logits", preprocessing="tganv1")
    assert torch.equal(features.module.fc8.bias, torch.arange(101.0))
    np.testing.assert_array_equal(features.module.conv1a.weight.detach(), arrays["conv1a/W"])
    assert (features.name, features.width) == ("c3d/logits", 101)
    assert features.label == "C3D, logits, tganv1, layout from documentation, unverified, c3d.npz"
    assert features.checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256((tmp_path / "mean2.npz").read_bytes()).hexdigest()
    assert "OpenCV cubic" in features.preprocessing and f"mean2.npz, sha256 {digest}" in features.preprocessing


def test_other_weights_are_refused_with_the_official_keys():
    def arrays(**change: tuple[int, ...]) -> dict[str, Tensor]:
        shapes = OFFICIAL | {key.replace("__", "/"): shape for key, shape in change.items()}
        return {key: torch.zeros(1).expand(shape) for key, shape in shapes.items()}

    with pytest.raises(ValueError, match=r"C3D, which has 22 keys: 1 missing \(first conv3b/W\)$"):
        load({key: value for key, value in arrays().items() if key != "conv3b/W"})
    with pytest.raises(ValueError, match=r"22 keys: 1 unknown \(first bn1a/gamma\)$"):
        load(arrays(bn1a__gamma=(64,)))
    with pytest.raises(ValueError, match=r"first fc6/W \(1024, 2048\) for \(4096, 8192\)"):
        load(arrays(fc6__W=(1024, 2048)))
    with pytest.raises(ValueError, match=r"22 missing \(first conv1a/W\), 1 unknown \(first state\)$"):
        load({"state": torch.zeros(3)})


def test_tganv1_is_cubic_to_128_minus_the_middle_of_the_mean_then_the_middle(video, mean):
    cv2 = pytest.importorskip("cv2")
    floats = video.float() / 128 - 1
    got = prepare_tganv1(floats, mean)
    assert got.shape == (2, 3, 16, 112, 112)
    for t in (0, 9):
        frame = np.ascontiguousarray(floats[1, :, t].permute(1, 2, 0).numpy() * 128 + 128)  # 16 of 17: from 0 on
        large = cv2.resize(frame, (128, 128), interpolation=cv2.INTER_CUBIC)
        wanted = large.transpose(2, 0, 1)[::-1] - mean[:, t, :, 21:149].numpy()
        np.testing.assert_allclose(got[1, :, t], wanted[:, 8:120, 8:120], atol=5e-3)
    torch.testing.assert_close(prepare_tganv1(video, mean), got)  # bytes are the levels


def test_tganv2_is_bilinear_to_112_minus_a_corner_of_the_mean(video, mean):
    got = prepare_tganv2(video, mean)
    assert got.shape == (2, 3, 16, 112, 112)
    y, x = np.linspace(0, 39, 112), np.linspace(0, 59, 112)
    top, left = np.minimum(y.astype(int), 38), np.minimum(x.astype(int), 58)
    down, right = (y - top)[:, None], x - left
    frame = video[1, :, 5].double().numpy()
    corners = [frame[:, top + i][:, :, left + j] for i in (0, 1) for j in (0, 1)]
    weights = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    wanted = sum(c * w for c, w in zip(corners, weights, strict=True))[::-1] - mean[:, 5, 8:120, 8:120].numpy()
    np.testing.assert_allclose(got[1, :, 5], wanted, atol=2e-3)


def test_the_mean_is_read_in_any_shape_and_others_are_refused(mean, tmp_path):
    np.savez(tmp_path / "mean2.npz", mean=mean.numpy()[None])
    assert torch.equal(load_mean(tmp_path / "mean2.npz"), mean)
    np.savez(tmp_path / "other.npz", average=np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"other.npz holds no mean clip of C3D: found average \(3, 4\), wanted mean"):
        load_mean(tmp_path / "other.npz")


def test_random_weights_are_labelled(random_c3d):
    assert random_c3d.label == RANDOM_LABEL
    assert "128 everywhere" in random_c3d.preprocessing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "fc6"}, "layer is 'fc6', wanted one of fc7, logits, prob"),
        ({"preprocessing": "tgan"}, "preprocessing is 'tgan', wanted one of tganv1, tganv2"),
        ({"weights": "c3d.npz"}, r"c3d.npz needs the mean file that was published with it \(mean2.npz\)"),
        ({"weights": "c3d.npz", "mean": "mean2.npz"}, "No such file or directory: 'c3d.npz'"),
    ],
)
def test_what_is_missing_or_unknown_is_named(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        c3d_features(**arguments)
    assert not list(Path().iterdir())
