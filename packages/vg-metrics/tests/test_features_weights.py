"""Weights from files of every kind, the errors that name keys, and random weights."""

import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from vg_metrics.features.weights import draw, fit, is_torchscript, load_torchscript, read_weights, rows

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")


def build() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(5, 2))


def official(key: str) -> str:
    return f"net/{key}"


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return {official(key): value for key, value in build().state_dict().items()}


@pytest.mark.parametrize("kind", ["npz", "compressed_npz", "pth", "safetensors"])
def test_files_are_told_by_their_content(kind, state, tmp_path):
    path = tmp_path / "weights"
    if "npz" in kind:
        save = np.savez_compressed if kind == "compressed_npz" else np.savez
        with path.open("wb") as file:
            save(file, **{key: value.numpy() for key, value in state.items()})
    elif kind == "pth":
        torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    else:
        save_file(state, path)
    read = read_weights(path)
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], state[key]) for key in state)
    network = fit(build, read, path, "net", official)
    assert not network.training and torch.equal(network[2].weight, state["net/2.weight"])


def test_wrong_keys_are_counted_and_the_first_of_each_fault_named_in_one_line(state, tmp_path):
    del state["net/0.bias"], state["net/1.num_batches_tracked"]  # the counter may be missing
    faulty = state | {"head": torch.zeros(2), "tail": torch.zeros(2), "net/2.weight": torch.zeros(2, 6)}
    with pytest.raises(ValueError) as error:
        fit(build, faulty, tmp_path / "net.pth", "net", official)
    assert str(error.value) == (
        f"{tmp_path}/net.pth holds no net, which has 8 keys: 1 missing (first net/0.bias), 2 unknown (first head), "
        "1 of another shape (first net/2.weight (2, 6) for (2, 5))"
    )
    with pytest.raises(ValueError, match="the mapping holds no net"):
        fit(build, {}, {}, "net")


def test_half_precision_and_a_missing_counter_are_taken(state):
    network = fit(
        build, {key: value.half() for key, value in state.items() if "num" not in key}, state, "net", official
    )
    assert network[0].weight.dtype == torch.float32 and network[1].num_batches_tracked == 0
    torch.testing.assert_close(network[0].weight, state["net/0.weight"].half().float(), rtol=0, atol=0)


def test_npz_with_objects_in_it_is_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"objects.npz is no checkpoint of tensors, .* \(Object arrays"):
        read_weights(tmp_path / "objects.npz")


def test_rows_of_a_weight_or_the_default(state):
    assert (rows(state, "net/2.weight", 9), rows(state, "absent", 9), rows({"a": torch.zeros(())}, "a", 9)) == (2, 9, 9)


def test_random_weights_are_seeded_keep_the_scale_and_leave_the_global_state_alone():
    before = torch.get_rng_state()
    first, same, other = (draw(lambda: nn.Linear(900, 800), seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.weight, same.weight) and not torch.equal(first.weight, other.weight)
    assert first.bias.count_nonzero() == 0 and not first.training
    assert first.weight.var().item() == pytest.approx(2 / 900, rel=0.02)  # keeps the power of what a ReLU lets through
    damped = draw(lambda: nn.Linear(900, 800), 3, slope=5**0.5)
    assert damped.weight.var().item() == pytest.approx(1 / (3 * 900), rel=0.02)
    normalization = draw(lambda: nn.BatchNorm3d(4), 0)
    x = torch.rand(1, 4, 2, 2, 2)
    torch.testing.assert_close(normalization(x), x, rtol=1e-5, atol=1e-5)


def test_torchscript_is_told_from_checkpoints_and_runs(state, tmp_path):
    script, weights, text = (tmp_path / name for name in ("script.pt", "weights.pt", "text.pt"))
    torch.jit.script(nn.ReLU()).save(script)
    torch.save(state, weights)
    text.write_text("text")
    assert [is_torchscript(path) for path in (script, weights, text)] == [True, False, False]
    assert load_torchscript(script)(torch.tensor([-1.0, 2.0])).tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"script.pt is a TorchScript program, wanted a checkpoint of tensors"):
        read_weights(script)
    with pytest.raises(ValueError, match=r"weights.pt is no TorchScript"):
        load_torchscript(weights)
    with pytest.raises(FileNotFoundError, match="absent"):
        load_torchscript(tmp_path / "absent.pt")
    with zipfile.ZipFile(tmp_path / "damaged.pt", "w") as archive:
        archive.writestr("damaged/constants.pkl", b"no constants")
    with pytest.raises(ValueError, match=r"damaged.pt cannot be loaded as TorchScript \(\S"):
        load_torchscript(tmp_path / "damaged.pt")
