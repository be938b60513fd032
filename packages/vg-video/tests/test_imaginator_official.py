"""Outputs of the released code (wyhsirius/ImaGINator @259c6a2), from weights that are a function of their names."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from vg_layers import fold_for_inference
from vg_video import imaginator, training
from vg_video.data.clips import Batch
from vg_video.imaginator import official

CLASSES = 6
PARTS = {"G": "generator", "VD": "video_discriminator", "ID": "image_discriminator"}


@pytest.fixture
def fill(fixtures) -> ModuleType:
    """The fixtures' own rule for weights and inputs."""
    spec = importlib.util.spec_from_file_location("imaginator_fill", fixtures / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def released(fill, fixtures):
    """Function that builds a net from the checkpoint that the fixtures describe."""

    def build(part: str) -> torch.nn.Module:
        spec = json.loads((fixtures / f"imaginator_{part}" / "state.json").read_text())
        state = fill.fill(spec)
        assert fill.digest(state) == spec["digest"], "numpy draws other numbers than when the outputs were computed"
        net = official.load(state, part)
        assert sum(p.numel() for p in net.parameters()) == spec["parameters"]
        return net

    return build


def tensors(path: Path) -> dict[str, torch.Tensor]:
    with np.load(path) as arrays:
        return {key: torch.from_numpy(array) for key, array in arrays.items()}


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_generator_equals_the_released_one(released, fixtures):
    data = tensors(fixtures / "imaginator_generator" / "data.npz")
    generator = released("generator")
    assert not generator.training
    assert generator.config == imaginator.GeneratorConfig(classes=tuple("012345"), appearance_norm=False)
    for net in (generator, fold_for_inference(generator)):
        with torch.inference_mode():
            video = net(data["x"], data["z"], data["c"].argmax(1))
        close(video[0, :, ::4], data["out_0_every4"])
        close(video[1, :, ::4, ::2, ::2], data["out_1_every2_px"])


def test_image_discriminator_equals_the_released_one(released, fixtures):
    data = tensors(fixtures / "imaginator_image_discriminator" / "data.npz")
    with torch.inference_mode():
        close(released("image_discriminator")(data["x"]), data["out"])


def test_video_discriminator_equals_the_released_one(released, fill, fixtures):
    net, data = released("video_discriminator"), fixtures / "imaginator_video_discriminator" / "data.npz"
    assert net.config == imaginator.VideoDiscriminatorConfig(classes=CLASSES)
    if not data.is_file():
        pytest.skip("the outputs are kept back in this copy of the fixtures; the training step covers the net")
    video = torch.from_numpy(fill.video_input("d.video32", (2, 3, 32, 64, 64)))
    with torch.inference_mode():
        close(net(video, tensors(data)["c"].argmax(1)), tensors(data)["out"])


def test_a_training_step_has_the_released_losses_gradients_and_statistics(released, fill, fixtures, monkeypatch):
    spec = json.loads((fixtures / "imaginator_train_step.json").read_text())
    real = torch.from_numpy(fill.video_input("d.video32", (2, 3, 32, 64, 64))).double()
    noise = iter(torch.tensor(spec["z"]).double())
    times = iter(time for time in spec["frame_indices_in_call_order"] for _ in range(len(real)))  # real, then generated

    class State(imaginator.TrainState):
        """The run of the fixture, in float64 as float32 flips some LeakyReLUs; gradients do not depend on Adam."""

        def build(self, config: imaginator.ImaGINatorConfig) -> dict[str, torch.nn.Module]:
            return {part: released(part).double().train() for part in PARTS.values()}

        def optimizer(self, name: str, net: torch.nn.Module) -> torch.optim.Optimizer:
            return torch.optim.SGD(net.parameters(), lr=0.0)

    monkeypatch.setattr(imaginator.Generator, "latents", lambda net, frames, draw: {"noise": next(noise)})
    monkeypatch.setattr(training.part, "sample_frames", lambda clip, count, draw: clip[:, :, next(times)])
    state = State(imaginator.imaginator_official(tuple("012345")))
    (step,) = imaginator.train(state, [Batch(0, real, torch.tensor(spec["labels"]))])

    found = {
        "G_vid_recon": step.losses["reconstruction"] / 100,
        "G_vid_loss": step.losses["generator_video"],
        "G_img_loss": step.losses["generator_image"],
        "D_vid_loss": step.losses["video_discriminator"],
        "D_img_loss": step.losses["image_discriminator"],
    }
    assert {name: loss.item() for name, loss in found.items()} == pytest.approx(spec["losses"], rel=1e-6)
    names = {"G": official.GENERATOR, "VD": official.VIDEO_DISCRIMINATOR, "ID": official.SPECTRAL_NORM}
    norms = {
        f"{short}.grad_norm.{official_name(key, names[short])}": parameter.grad.norm().item()
        for short, part in PARTS.items()
        for key, parameter in state.nets[part].named_parameters()
    }
    assert norms == pytest.approx(spec["grad_norms"], rel=1e-3, abs=1e-5)  # a bias before batch norm has rounding only
    for short, after in spec["after"].items():
        values = {official_name(key, names[short]): v for key, v in state.nets[PARTS[short]].state_dict().items()}
        for key, projection in after.items():
            assert fill.project(values[key].numpy(), key, 4).tolist() == pytest.approx(projection, abs=1e-5), key


def official_name(key: str, names: tuple[tuple[str, str], ...]) -> str:
    for ours, theirs in names:
        key = key.replace(ours, theirs, 1)
    return key


def state(part: str) -> dict[str, np.ndarray]:
    """A small checkpoint of the released form."""
    shapes = {"net.0": (2, 3, 4, 4), "net.2": (4, 2, 4, 4), "net.4": (8, 4, 4, 4), "net.6": (16, 8, 4, 4)}
    if part == "video_discriminator":
        shapes = {"net1.0": (2, 3, 4, 4, 4), "net2.0": (4, 5, 4, 4, 4), "net2.2": (8, 4, 4, 4, 4)}
        shapes |= {"net2.4": (16, 8, 4, 4, 4), "net2.6": (1, 16, 2, 4, 4)}
    else:
        shapes["net.8"] = (1, 16, 4, 4)
    found = {}
    for name, shape in shapes.items():
        found[f"{name}.weight_orig"], found[f"{name}.bias"] = np.ones(shape, "float32"), np.zeros(shape[0], "float32")
        found[f"{name}.weight_u"] = np.ones(shape[0], "float32")
        found[f"{name}.weight_v"] = np.ones(np.prod(shape[1:]), "float32")
    return found


def test_sizes_and_the_prefix_of_data_parallel_are_read_off(tmp_path):
    torch.save({f"module.{key}": torch.tensor(array) for key, array in state("").items()}, tmp_path / "d.pth")
    loaded = official.load(tmp_path / "d.pth", "image_discriminator")
    assert torch.equal(loaded.net[0].parametrizations.weight.original, torch.ones(2, 3, 4, 4))
    net = official.load(state("video_discriminator"), "video_discriminator")
    assert net.config == imaginator.VideoDiscriminatorConfig(width=2, classes=3)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("video_discriminator", lambda s: s.pop("net1.0.weight_orig"), "net1.0.weight_orig is missing"),
        ("video_discriminator", lambda s: s.pop("net2.4.bias"), "1 keys are missing .*, the first is net2.4.bias"),
        ("image_discriminator", lambda s: s.update(other=np.zeros(3)), "unknown, the first is other"),
        ("image_discriminator", lambda s: s.update({"net.2.bias": np.zeros(3)}), r"net.2.bias has shape \[3\]"),
        ("generator", lambda s: None, "enc.b1.0.weight is missing"),
        ("decoder", lambda s: None, "part='decoder', wanted one of generator, video_discriminator, image_discr"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_key(part, change, message):
    changed = state(part)
    change(changed)
    with pytest.raises(ValueError, match=message):
        official.load(changed, part)
