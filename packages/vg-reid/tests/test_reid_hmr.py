"""HMR and SPIN: rotations, crops and cameras against slow formulas, checkpoints of the public layouts."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from vg_reid.mesh import hmr_official
from vg_reid.mesh.crop import WeakCamera, perspective_translation, project, square_box, square_crop
from vg_reid.mesh.hmr import FEATURES, HMR, SPIN, rotation_6d_matrix
from vg_reid.mesh.rotate import rotation_matrix

IDENTITY = torch.eye(3, dtype=torch.float64)


@pytest.fixture(scope="module")
def spin() -> SPIN:
    return SPIN().eval()


@pytest.fixture(scope="module")
def hmr() -> HMR:
    return HMR().eval()


def their_hmr_state(net: HMR, batch: int = 5) -> dict[str, Tensor]:
    """The state of a net with the keys of the PyTorch port of HMR, as DataParallel saves it."""
    state = {}
    for key, value in net.state_dict().items():
        if key == "mean_theta":
            state["module.regressor.mean_theta"] = value.repeat(batch, 1)
        elif key.startswith("fc"):
            layer, name = key.split(".")
            state[f"module.regressor.fc_blocks.regressor_fc_{int(layer[2]) - 1}.{name}"] = value
        else:
            state[f"module.encoder.{key}"] = value
    return state


def test_rotation_6d_gives_rotations_with_the_first_column_kept_in_direction(rng: torch.Generator) -> None:
    values = torch.randn(40, 7, 6, generator=rng, dtype=torch.float64)
    matrices = rotation_6d_matrix(values)
    torch.testing.assert_close(matrices @ matrices.mT, IDENTITY.expand(40, 7, 3, 3))
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(40, 7, dtype=torch.float64))
    first = values[3, 5].reshape(3, 2)[:, 0]
    torch.testing.assert_close(matrices[3, 5, :, 0], first / first.norm())


def test_rotation_6d_is_gram_schmidt_of_two_columns(rng: torch.Generator) -> None:
    values = torch.randn(6, generator=rng, dtype=torch.float64)
    a = [values[0].item(), values[2].item(), values[4].item()]
    b = [values[1].item(), values[3].item(), values[5].item()]
    length = math.sqrt(sum(x * x for x in a))
    a = [x / length for x in a]
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    b = [y - dot * x for x, y in zip(a, b, strict=True)]
    length = math.sqrt(sum(x * x for x in b))
    b = [x / length for x in b]
    c = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    expected = torch.tensor([a, b, c], dtype=torch.float64).T
    torch.testing.assert_close(rotation_6d_matrix(values), expected)


def test_rotation_6d_of_a_rotation_is_that_rotation(rng: torch.Generator) -> None:
    rotation = rotation_matrix(torch.randn(9, 3, generator=rng, dtype=torch.float64))
    torch.testing.assert_close(rotation_6d_matrix(rotation[..., :2].flatten(1)), rotation)


@pytest.mark.parametrize("size", [(64, 128), (128, 64), (63, 128), (5, 8), (2, 2), (1, 1), (7, 7)])
def test_the_crop_is_the_square_around_the_middle_with_zeros_outside(size: tuple[int, int]) -> None:
    width, height = size
    pixels = np.random.default_rng(0).integers(1, 256, (height, width, 3), dtype=np.uint8)
    box = square_box(width, height)
    assert box.side == max(size)
    assert box.scale == max(size) / 200
    crop = square_crop(Image.fromarray(pixels), size=box.side)  # at its own size nothing is resampled
    for y in range(box.side):
        for x in range(box.side):
            inside = 0 <= x + box.left < width and 0 <= y + box.top < height
            expected = pixels[y + box.top, x + box.left] / 255 if inside else np.zeros(3)
            np.testing.assert_allclose(crop[:, y, x].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "CMYK", "I;16", "RGBA", "P", "1"])
def test_the_crop_takes_any_mode(mode: str) -> None:
    image = Image.new(mode, (2, 2)) if mode != "I;16" else Image.fromarray(np.full((2, 2), 65535, np.uint16))
    crop = square_crop(image)
    assert crop.shape == (3, 224, 224)
    assert crop.min() >= 0 and crop.max() <= 1
    if mode == "I;16":
        torch.testing.assert_close(crop, torch.ones_like(crop))


def test_the_weak_camera_is_a_far_perspective_camera(rng: torch.Generator) -> None:
    camera = WeakCamera(0.87, 0.11, -0.2)
    vertices = torch.rand(50, 3, generator=rng, dtype=torch.float64) - 0.5
    x, y, z = perspective_translation(camera)
    assert z == pytest.approx(2 * 5000 / (224 * 0.87))
    moved = vertices + torch.tensor([x, y, 0.0], dtype=torch.float64)
    seen = 5000 * moved[:, :2] / (z - vertices[:, 2:]) / 112  # pixels from the middle, in halves of 224
    torch.testing.assert_close(seen, project(vertices, camera), atol=0.02, rtol=0)


def test_a_camera_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="scale 0"):
        perspective_translation(WeakCamera(0.0, 0.0, 0.0))


def test_spin_repeats_its_three_layers_from_the_mean(spin: SPIN, rng: torch.Generator) -> None:
    images = torch.rand(1, 3, 64, 64, generator=rng)
    with torch.no_grad():
        found = spin(images)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        features = spin.features((images - mean[:, None, None]) / std[:, None, None])
        theta = torch.cat([spin.init_pose, spin.init_shape, spin.init_cam], 1)
        for _ in range(3):
            hidden = spin.fc2(spin.fc1(torch.cat([features, theta], 1)))
            theta = theta + torch.cat([spin.decpose(hidden), spin.decshape(hidden), spin.deccam(hidden)], 1)
    torch.testing.assert_close(found.rotations, rotation_6d_matrix(theta[:, :144].reshape(1, 24, 6)))
    torch.testing.assert_close(found.shape, theta[:, 144:154])
    torch.testing.assert_close(found.camera, theta[:, 154:])


def test_hmr_has_85_numbers_and_starts_upright(hmr: HMR, rng: torch.Generator) -> None:
    assert hmr.mean_theta.shape == (1, 85)
    assert hmr.fc1.in_features == FEATURES + 85 == 2133
    torch.nn.init.zeros_(hmr.fc3.weight)
    torch.nn.init.zeros_(hmr.fc3.bias)
    with torch.no_grad():
        found = hmr(torch.rand(2, 3, 64, 64, generator=rng))
    assert found.rotations.shape == (2, 24, 3, 3)
    torch.testing.assert_close(found.rotations[0, 0], torch.diag(torch.tensor([1.0, -1.0, -1.0])), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.camera, torch.tensor([[0.9, 0.0, 0.0]]).expand(2, 3))


def test_the_checkpoint_of_spin_is_read_key_by_key(tmp_path: Path, spin: SPIN) -> None:
    state = {key: value for key, value in spin.state_dict().items() if not key.endswith("num_batches_tracked")}
    torch.save(
        {"model": state, "optimizer": {"state": {}, "param_groups": [{"lr": 3e-5}]}, "epoch": 64}, tmp_path / "m.pt"
    )
    loaded = hmr_official.load(tmp_path / "m.pt", "spin")
    for key, value in spin.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value)
    assert not loaded.training


def test_the_checkpoint_of_hmr_is_read_key_by_key(tmp_path: Path, hmr: HMR) -> None:
    torch.save(their_hmr_state(hmr) | {"module.smpl.v_template": torch.zeros(4, 3)}, tmp_path / "gen_1_2_.pkl")
    loaded = hmr_official.load(tmp_path / "gen_1_2_.pkl", "hmr")
    for key, value in hmr.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value)


def test_mean_parameters_come_from_their_file_where_the_checkpoint_lacks_them(tmp_path: Path, spin: SPIN) -> None:
    state = {key: value for key, value in spin.state_dict().items() if not key.startswith("init_")}
    torch.save({"model": state}, tmp_path / "m.pt")
    with pytest.raises(ValueError, match=r"lacks the mean parameters .*init_cam"):
        hmr_official.load(tmp_path / "m.pt", "spin")
    np.savez(tmp_path / "mean.npz", pose=np.arange(144.0), shape=np.arange(10.0), cam=np.array([0.8, 0.1, 0.2]))
    loaded = hmr_official.load(tmp_path / "m.pt", "spin", tmp_path / "mean.npz")
    torch.testing.assert_close(loaded.init_pose, torch.arange(144.0)[None])
    torch.testing.assert_close(loaded.init_cam, torch.tensor([[0.8, 0.1, 0.2]]))


def test_mean_parameters_of_hmr_start_upright_with_scale_0_9(tmp_path: Path, hmr: HMR) -> None:
    torch.save(their_hmr_state(hmr), tmp_path / "gen.pkl")
    np.savez(tmp_path / "mean.npz", pose=np.ones(72), shape=np.full(10, 2.0))
    theta = hmr_official.load(tmp_path / "gen.pkl", "hmr", tmp_path / "mean.npz").mean_theta[0]
    torch.testing.assert_close(theta[:6], torch.tensor([0.9, 0.0, 0.0, math.pi, 0.0, 0.0]))
    torch.testing.assert_close(theta[6:75], torch.ones(69))
    torch.testing.assert_close(theta[75:], torch.full((10,), 2.0))


def test_wrong_files_are_named_with_what_is_wrong(tmp_path: Path, spin: SPIN) -> None:
    state = spin.state_dict()
    torch.save({"model": {**state, "extra.weight": torch.zeros(1)}}, tmp_path / "unknown.pt")
    with pytest.raises(ValueError, match=r"unknown.pt has 1 keys that spin does not know: extra.weight"):
        hmr_official.load(tmp_path / "unknown.pt", "spin")
    torch.save({"model": {key: value for key, value in state.items() if key != "deccam.bias"}}, tmp_path / "lacks.pt")
    with pytest.raises(ValueError, match=r"lacks.pt lacks 1 keys of spin: deccam.bias"):
        hmr_official.load(tmp_path / "lacks.pt", "spin")
    torch.save({"model": {**state, "deccam.bias": torch.zeros(4)}}, tmp_path / "shape.pt")
    with pytest.raises(ValueError, match=r"shape.pt does not fit spin: .*deccam.bias"):
        hmr_official.load(tmp_path / "shape.pt", "spin")
    torch.save({"model": {**state, "fc1.bias": [1, 2]}}, tmp_path / "list.pt")
    with pytest.raises(ValueError, match=r"list.pt: key 'fc1.bias' holds a list"):
        hmr_official.load(tmp_path / "list.pt", "spin")
    with pytest.raises(ValueError, match=r"keys that hmr does not know: deccam\.bias"):
        hmr_official.load(tmp_path / "unknown.pt", "hmr")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pt does not exist"):
        hmr_official.load(tmp_path / "none.pt", "spin")
    (tmp_path / "model.ckpt-667589.index").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="a TensorFlow checkpoint is not read"):
        hmr_official.load(tmp_path / "model.ckpt-667589", "hmr")
    (tmp_path / "junk.pt").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"junk\.pt is not a readable checkpoint"):
        hmr_official.load(tmp_path / "junk.pt", "spin")
    torch.save({"fc1.bias": torch.zeros(3)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    old = (tmp_path / "old.pt").read_bytes()
    at = old.rindex(b"X") + 5  # the number of the storage, told a second time
    (tmp_path / "old.pt").write_bytes(old[:at] + b"x" + old[at + 1 :])
    with pytest.raises(ValueError, match=r"old\.pt is not a readable checkpoint \(storage key"):
        hmr_official.load(tmp_path / "old.pt", "spin")
    torch.save(torch.zeros(3), tmp_path / "tensor.pt")
    with pytest.raises(ValueError, match=r"tensor\.pt holds a Tensor"):
        hmr_official.load(tmp_path / "tensor.pt", "spin")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pose": np.zeros(72), "shape": np.zeros(10)}, "'pose' has 72 numbers, wanted 144 for spin"),
        ({"pose": np.zeros(144)}, "'shape' is missing"),
        ({"pose": np.zeros(144), "shape": np.zeros(10), "cam": np.zeros(2)}, "'cam' has 2 numbers"),
    ],
)
def test_wrong_mean_parameters_are_named(
    tmp_path: Path, spin: SPIN, arrays: dict[str, np.ndarray], message: str
) -> None:
    torch.save({"model": spin.state_dict()}, tmp_path / "m.pt")
    np.savez(tmp_path / "mean.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        hmr_official.load(tmp_path / "m.pt", "spin", tmp_path / "mean.npz")


def test_mean_parameters_in_hdf5_are_refused_with_the_way_out(tmp_path: Path, spin: SPIN) -> None:
    torch.save({"model": spin.state_dict()}, tmp_path / "m.pt")
    with pytest.raises(ValueError, match=r"is HDF5, wanted an \.npz"):
        hmr_official.load(tmp_path / "m.pt", "spin", tmp_path / "neutral_smpl_mean_params.h5")
