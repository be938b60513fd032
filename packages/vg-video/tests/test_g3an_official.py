"""Outputs of the released code (wyhsirius/g3an-project @74764fd), from weights that are a function of their names.

The smaller files are in data/g3an; all are read from VG_FIXTURES where that is set.
"""

import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from vg_layers import fold_for_inference
from vg_video.g3an import official

DATA = Path(__file__).parent / "data" / "g3an"


def normal(name: str, shape: list[int]) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(shape)).astype("float32")


def spectral_vectors(weight: np.ndarray, name: str, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Five power iterations from the vector drawn for u: nearly the top singular pair."""
    matrix = np.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1).astype("float64")
    u = normal(name, [matrix.shape[0]]).astype("float64")
    u /= np.linalg.norm(u)
    for _ in range(5):
        v = matrix.T @ u
        v /= np.linalg.norm(v)
        u = matrix @ v
        u /= np.linalg.norm(u)
    return u.astype("float32"), v.astype("float32")


def value(key: str, shape: list[int], dtype: str, weight_scale: float, var_scale: float) -> np.ndarray:
    if not dtype.startswith("float"):
        return np.zeros(shape, dtype)
    n, leaf = normal(key, shape), key.rsplit(".", 1)[-1]
    if leaf == "running_var":
        return (np.abs(n) * np.float32(0.1) + np.float32(1)) * np.float32(var_scale)
    if leaf in ("running_mean", "bias"):
        return n * np.float32(0.1)
    if len(shape) == 1:
        return np.float32(0.5 if leaf == "gamma" else 1) + n * np.float32(0.1)
    return n * np.float32(weight_scale)


def checkpoint(folder: Path) -> dict[str, np.ndarray]:
    """The checkpoint that folder/state.json describes."""
    spec = json.loads((folder / "state.json").read_text())
    scales = spec["weight_scale"], spec["running_var_scale"]
    state = {
        key: value(key, meta["shape"], meta["dtype"], *scales)
        for key, meta in spec["tensors"].items()
        if not key.endswith(("weight_u", "weight_v"))
    }
    for base, dim in spec["spectral_norm_dim"].items():
        u, v = spectral_vectors(state[f"{base}.weight_orig"], f"{base}.weight_u", dim)
        state |= {f"{base}.weight_u": u, f"{base}.weight_v": v}
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode() + np.ascontiguousarray(state[key]).tobytes())
    assert digest.hexdigest() == spec["digest"], "numpy draws other numbers than when the outputs were computed"
    return state


def pseudo_video(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Four drifting sinusoids a channel, and grain, in [-1, 1]."""
    b, c, t, h, w = shape
    waves = normal(f"input:{name}:waves", [b, c, 4, 5]).astype("float64")[..., None, None, None]
    a, f_t, f_y, f_x, phase = np.moveaxis(waves, 3, 0)
    tt, yy, xx = np.meshgrid(np.linspace(0, 1, t), np.linspace(0, 1, h), np.linspace(0, 1, w), indexing="ij")
    video = (0.4 * a * np.sin(2 * np.pi * (f_t * tt + 2 * f_y * yy + 2 * f_x * xx + phase))).sum(2)
    video += 0.05 * normal(f"input:{name}:grain", list(shape))
    return torch.from_numpy(np.clip(video, -1, 1).astype("float32"))


def tensors(path: Path) -> dict[str, torch.Tensor]:
    with np.load(path) as arrays:
        return {key: torch.from_numpy(array) for key, array in arrays.items()}


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def check_generator(folder: Path) -> None:
    generator = official.load(checkpoint(folder), "generator")
    assert not generator.training
    check_outputs(generator, folder)
    check_outputs(fold_for_inference(generator), folder)


def check_outputs(generator: nn.Module, folder: Path) -> None:
    data = tensors(folder / "data.npz")
    appearance, motion = data["za"].flatten(1), data["zm"].flatten(2).mT
    with torch.inference_mode():
        video = generator(appearance, motion)
        close(video[1, :, ::4, ::2, ::2], data["out_1_every2_px"])
        if "out_0_every2" in data:
            close(video[0, :, ::2], data["out_0_every2"])
        if "zm_len3" in data:
            longer = generator(appearance[:1], data["zm_len3"].flatten(2).mT)
            close(longer[0, :, ::4, ::2, ::2], data["out_len3_every4_px"])


def test_generator_with_attention_equals_the_released_one():
    check_generator(DATA / "generator")


@pytest.mark.parametrize("name", ["g3an_generator", "g3an_generator_noattention"])
def test_generators_equal_the_released_ones(name, fixtures):
    check_generator(fixtures / name)


@pytest.mark.parametrize(("name", "kind"), [("2p1d", "2+1d"), ("3d", "3d")])
def test_the_other_convolutions_are_told_by_their_shapes(name, kind, fixtures):
    folder = fixtures / f"g3an_generator_{name}"
    generator = official.load(checkpoint(folder), "generator")
    assert (generator.config.convolution, generator.config.attention_after) == (kind, None)
    if (folder / "data.npz").is_file():  # kept back in some copies of the fixtures
        data = tensors(folder / "data.npz")
        with torch.inference_mode():
            close(generator(data["za"].flatten(1), data["zm"].flatten(2).mT)[0, :, ::4], data["out_0_every4"])


def test_video_discriminator_equals_the_released_one():
    net = official.load(checkpoint(DATA / "video_discriminator"), "video_discriminator")
    with torch.inference_mode():
        logits = net(pseudo_video("d.video16", (2, 3, 16, 64, 64)))
    close(logits, tensors(DATA / "video_discriminator" / "data.npz")["out"])


def test_image_discriminator_equals_the_released_one():
    data = tensors(DATA / "image_discriminator" / "data.npz")
    net = official.load(checkpoint(DATA / "image_discriminator"), "image_discriminator")
    with torch.inference_mode():
        close(net(data["x"]), data["out"])


def attention_checkpoint() -> dict[str, np.ndarray]:
    half = checkpoint(DATA / "attention")  # T-SA and S-SA have the same keys, so the same weights
    return {f"{part}.{key}": array for part in ("tsa", "ssa") for key, array in half.items()}


@pytest.mark.parametrize("part", ["tsa", "ssa"])
def test_attention_equals_the_released_one(part):
    data = tensors(DATA / "attention" / f"{part}.npz")
    attention = official.load(attention_checkpoint(), "attention")
    with torch.inference_mode():
        close(getattr(attention, part)(data["x"]), data["out"])


def test_the_whole_attention_checkpoint_loads(fixtures):
    attention = official.load(checkpoint(fixtures / "g3an_fsa"), "attention")
    assert attention.tsa.value.out_channels == 16


@pytest.mark.parametrize("suffix", [".pth", ".npz", ".safetensors"])
def test_files_and_the_prefix_of_data_parallel_are_read(suffix, tmp_path):
    state = {f"module.{key}": torch.tensor(array) for key, array in attention_checkpoint().items()}
    path = tmp_path / f"attention{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    elif suffix == ".npz":
        np.savez(path, **state)
    else:
        save_file(state, path)
    loaded, wanted = official.load(path, "attention"), official.load(attention_checkpoint(), "attention")
    assert all(torch.equal(value, wanted.state_dict()[key]) for key, value in loaded.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("tsa.q_conv.weight_orig"), "tsa.q_conv.weight_orig is missing"),
        (lambda s: s.pop("ssa.gamma"), "1 keys are missing from the checkpoint, the first is ssa.gamma"),
        (lambda s: s.update({"ssa.delta": s["ssa.gamma"]}), "unknown, the first is ssa.delta"),
        (lambda s: s.update({"ssa.k_conv.bias": np.zeros(3)}), r"ssa.k_conv.bias has shape \[3\], wanted \[2\]"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_key(change, message):
    state = attention_checkpoint()
    change(state)
    with pytest.raises(ValueError, match=message):
        official.load(state, "attention")


def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path):
    for name in ("cut.pth", "cut.npz", "cut.safetensors", "other.txt"):
        (tmp_path / name).write_bytes(b"PK\3\4 half of something")
        with pytest.raises(ValueError, match=name):
            official.load(tmp_path / name, "generator")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        official.load(tmp_path / "nowhere.pth", "generator")
    with pytest.raises(ValueError, match="part='decoder', wanted one of generator"):
        official.load({}, "decoder")  # type: ignore[arg-type]


def test_a_pickle_that_runs_code_is_not_run(tmp_path):
    class Runs:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"net.0.weight_orig": Runs()}, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match=r"bad\.pth"):
        official.load(tmp_path / "bad.pth", "image_discriminator")
    assert not (tmp_path / "ran").exists()
