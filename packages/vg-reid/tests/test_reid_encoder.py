import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from vg_reid import official
from vg_reid.encoder import Encoder, EncoderConfig, random_encoder

# Outputs of GCL's encoder (chenhao2345/GCL @88aed52, torch 2.15, CPU) for weights and inputs that are pure functions
# of names and seeds; "he": weights scaled by sqrt(2 / fan in), "n002": by 0.02.
GOLDEN = Path(__file__).parent / "data" / "gcl_eid.npz"


@pytest.fixture(scope="module")
def shapes() -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in Encoder(EncoderConfig()).state_dict().items()}


@pytest.fixture(scope="module")
def official_state(fill, shapes) -> dict[str, np.ndarray]:
    return {key: fill(key, shape) for key, shape in shapes.items()}


@pytest.mark.parametrize(("name", "gain"), [("he", None), ("n002", 0.02)])
def test_encoder_is_gcls_identity_encoder(name, gain, shapes, fill):
    golden = np.load(GOLDEN)
    images = np.random.default_rng(int(golden["x_seed"])).normal(size=(2, 3, 256, 128)).astype(np.float32)
    encoder = official.load({key: fill(key, shape, gain) for key, shape in shapes.items()})
    with torch.inference_mode():
        codes = encoder(torch.from_numpy(images))
    for field in ("part_code", "embedding", "unit"):
        wanted = golden[f"{name}_{field}"]
        np.testing.assert_allclose(getattr(codes, field).numpy(), wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())


def test_state_has_the_325_official_keys(fixtures, shapes):
    official_keys = json.loads((fixtures / "gcl_eid" / "keys.json").read_text())["tensors"]
    assert {key: list(shape) for key, shape in shapes.items()} == {k: v[0] for k, v in official_keys.items()}
    assert len(shapes) == 325


def test_thesis_sizes_of_the_outputs():
    encoder = random_encoder(EncoderConfig())
    with torch.inference_mode():
        images = torch.zeros(1, 3, 256, 128)
        assert encoder.features(images).shape == (1, 2048, 16, 8)
        codes = encoder(images)
    assert codes.part_code.shape == (1, 2048 * 4)
    assert codes.embedding.shape == (1, 512)


def test_part_code_is_the_mean_of_four_parts_channel_by_channel(rng):
    encoder = random_encoder(EncoderConfig(backbone="tiny")).double()
    images = torch.randn(2, 3, 96, 48, generator=rng, dtype=torch.float64)
    with torch.no_grad():
        features, codes = encoder.features(images), encoder(images)
    b, c, h, _ = features.shape
    assert h % 4 != 0  # parts of unequal height must work as well
    for n in range(b):
        for channel in range(0, c, 37):
            for part in range(4):
                rows = slice(part * h // 4, -(-(part + 1) * h // 4))
                expected = features[n, channel, rows].mean()
                torch.testing.assert_close(codes.part_code[n, channel * 4 + part], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(codes.unit.norm(dim=1), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(codes.unit * codes.embedding.norm(dim=1, keepdim=True), codes.embedding)


def test_gradients_reach_the_first_convolution_through_both_codes(rng):
    encoder = random_encoder(EncoderConfig(backbone="tiny"))
    images = torch.randn(2, 3, 64, 32, generator=rng)
    for field in ("part_code", "embedding"):
        encoder.zero_grad()
        (getattr(encoder(images), field) ** 2).mean().backward()
        assert encoder.conv1.weight.grad.abs().sum() > 0


def test_random_encoder_depends_on_the_seed_alone_and_leaves_the_global_state():
    config = EncoderConfig(backbone="tiny")
    before = torch.get_rng_state()
    first = random_encoder(config, 3).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    again, other = random_encoder(config, 3).state_dict(), random_encoder(config, 4).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_imagenet_weights_fill_the_backbone_and_say_so(official_state):
    imagenet = {key: value for key, value in official_state.items() if not key.startswith("feat")}
    imagenet |= {"fc.weight": np.zeros((1000, 2048), np.float32), "fc.bias": np.zeros(1000, np.float32)}
    encoder = official.load(imagenet)
    assert encoder.config.weights == "imagenet"
    assert not encoder.training
    np.testing.assert_array_equal(encoder.layer4[2].conv3.weight.detach(), official_state["layer4.2.conv3.weight"])


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_jvtc_checkpoint_file_loads_despite_prefix_classifier_and_wrapper(suffix, official_state, tmp_path):
    state = {f"module.{key}": torch.from_numpy(value) for key, value in official_state.items()}
    state["module.classifier.weight"] = torch.zeros(751, 512)
    state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}  # as old PyTorch
    path = tmp_path / f"jvtc{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": state, "epoch": 40}, path)
    else:
        save_file(state, path)
    encoder = official.load(path)
    assert encoder.config.weights == "trained"
    np.testing.assert_array_equal(encoder.feat.weight.detach(), official_state["feat.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s | {"layer5.0.conv1.weight": s["conv1.weight"]}, r"1 keys .*: layer5\.0\.conv1\.weight"),
        (lambda s: {k: v for k, v in s.items() if k != "layer2.1.bn3.bias"}, r"lacks 1 keys .*: layer2\.1\.bn3\.bias"),
        (lambda s: {k: v for k, v in s.items() if k != "feat_bn.weight"}, r"lacks 1 keys .*: feat_bn\.weight"),
        (lambda s: s | {"conv1.weight": np.zeros((64, 3, 3, 3), np.float32)}, "does not fit E_id.*conv1.weight"),
        (lambda s: s | {"conv1.weight": "text"}, "'conv1.weight' holds a str"),
        (lambda s: {}, "lacks 265 keys"),  # without feat.* it is taken for ImageNet's
    ],
)
def test_official_checkpoint_that_does_not_fit_is_an_error_naming_the_key(change, message, official_state):
    with pytest.raises(ValueError, match=message):
        official.load(change(official_state))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_unreadable_checkpoint_is_an_error_naming_the_file(content, suffix, tmp_path):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad{re.escape(suffix)} is not a readable checkpoint"):
        official.load(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_checkpoint_of_old_pytorch_that_is_damaged_anywhere_is_an_error_naming_the_file(tmp_path):
    path = tmp_path / "bad.pth"
    torch.save({"conv1.bias": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for place in range(0, len(whole) - 12, 3):  # the last 12 bytes are the numbers
        for damaged in (whole[:place], whole[:place] + b"\xcb" + whole[place + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"bad\.pth"):
                official.load(path)


def test_checkpoint_that_would_run_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"conv1.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ValueError, match=r"trap\.pth is not a readable checkpoint: wanted tensors only"):
        official.load(tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()


def test_official_load_names_what_it_knows():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth does not exist"):
        official.load("nowhere.pth")
    with pytest.raises(ValueError, match="part='generator', wanted one of identity_encoder, structure_encoder"):
        official.load({}, part="generator")


def test_model_folder_comes_back_bit_for_bit(tmp_path):
    encoder = random_encoder(EncoderConfig(backbone="tiny", embedding_dim=24, height=64, width=32), 5)
    encoder.save_pretrained(tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["system"] == "vg-reid/encoder"
    loaded = Encoder.from_pretrained(tmp_path / "model")
    assert loaded.config == encoder.config
    assert not loaded.training
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in encoder.state_dict().items())
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["README.md", "config.json", "model.safetensors"]


def edit_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_a_tensor(path: Path) -> None:
    state = load_file(path)
    del state["feat.bias"]
    save_file(state, path)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda f: (f / "config.json").unlink(), FileNotFoundError, r"config\.json is missing"),
        (lambda f: (f / "model.safetensors").unlink(), FileNotFoundError, r"model\.safetensors is missing"),
        (lambda f: (f / "config.json").write_text("{"), ValueError, r"config\.json is not JSON"),
        (lambda f: (f / "config.json").write_text("[]"), ValueError, r"of system None, wanted 'vg-reid/encoder'"),
        (lambda f: edit_config(f, system="g3an"), ValueError, "of system 'g3an', wanted 'vg-reid/encoder'"),
        (lambda f: edit_config(f, depth=3), ValueError, r"config\.json: .*'depth'"),
        (
            lambda f: edit_config(f, backbone="vit"),
            ValueError,
            "backbone 'vit' is unknown, wanted one of resnet50, tiny",
        ),
        (lambda f: edit_config(f, weights="mine"), ValueError, "weights 'mine' is unknown"),
        (lambda f: edit_config(f, embedding_dim=0), ValueError, "embedding_dim=0, wanted at least 1"),
        (lambda f: edit_config(f, embedding_dim=7), ValueError, r"model\.safetensors does not fit its config"),
        (lambda f: cut_in_half(f / "model.safetensors"), ValueError, r"model\.safetensors is damaged"),
        (lambda f: drop_a_tensor(f / "model.safetensors"), ValueError, r"does not fit its config.*feat\.bias"),
    ],
)
def test_damaged_model_folder_is_an_error_naming_the_file(damage, error, message, tmp_path):
    random_encoder(EncoderConfig(backbone="tiny")).save_pretrained(tmp_path)
    damage(tmp_path)
    with pytest.raises(error, match=message) as caught:
        Encoder.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)
