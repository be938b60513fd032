"""Outputs of the released code (sergeytulyakov/mocogan), from weights that are a function of their names."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from vg_video import mocogan
from vg_video.mocogan import official

CLASSES = 6


def draw(name: str, shape: list[int]) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(name.encode())).normal(size=shape)


def weight(key: str, shape: list[int]) -> np.ndarray:
    """The fixtures' rule, by the last word of the key."""
    if key.endswith("num_batches_tracked"):
        return np.zeros((), "int64")
    values = draw(key, shape)
    if len(shape) > 1:
        values = 0.02 * values
    elif key.endswith("running_var"):
        values = 1 + 0.1 * np.abs(values)
    else:
        values = 0.1 * values + (key.endswith("weight"))  # scales of norms are around 1, all else is around 0
    return values.astype("float32")


@pytest.fixture
def released(fixtures):
    """Function that builds a net from the checkpoint that the fixtures describe."""
    keys = json.loads((fixtures / "mocogan" / "keys.json").read_text())

    def build(name: str, part: str) -> torch.nn.Module:
        net = official.load({key: weight(key, shape) for key, shape in keys[name].items()}, part)
        assert sum(p.numel() for p in net.parameters()) == keys["params"][name]
        return net

    return build


def tensors(path: Path) -> dict[str, torch.Tensor]:
    with np.load(path) as arrays:
        return {key: torch.from_numpy(array) for key, array in arrays.items() if array.dtype.kind != "U"}


def test_generator_equals_the_released_one(released, fixtures):
    data = tensors(fixtures / "mocogan" / "videogenerator_eval.npz")
    generator = released("VideoGenerator", "generator")
    assert not generator.training
    assert generator.config == mocogan.GeneratorConfig(classes=tuple("012345"))
    with torch.inference_mode():
        noise = {"content": data["z_content"], "start": data["h0"], "motion": data["eps"].transpose(0, 1)}
        video = generator(**noise, label=data["category"].argmax(1))
    for found, wanted in (
        (video[:, :, 0], data["frame0"]),
        (video[:, :, :, ::4, ::4], data["video_s4"]),
        (video.mean(), data["mean"]),
        (video.std(), data["std"]),
    ):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize(
    ("name", "part", "shape"),
    [
        ("ImageDiscriminator", "image_discriminator", (4, 3, 64, 64)),
        ("PatchImageDiscriminator", "image_discriminator", (4, 3, 64, 64)),
        ("VideoDiscriminator", "video_discriminator", (2, 3, 16, 64, 64)),
        ("PatchVideoDiscriminator", "video_discriminator", (2, 3, 16, 64, 64)),
    ],
)
def test_discriminators_equal_the_released_ones_in_logits_and_gradients(name, part, shape, mode, released, fixtures):
    data = tensors(fixtures / "mocogan" / f"{name.lower()}.npz")
    net = released(name, part).train(mode == "train")
    values = (draw(part.removesuffix("_discriminator"), list(shape)).clip(-3, 3) / 3).astype("float32")
    inputs = torch.from_numpy(values).requires_grad_()
    logits = net(inputs)
    torch.testing.assert_close(logits, data[f"out_{mode}"], rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad(logits.sum(), inputs)
    assert gradient.norm().item() == pytest.approx(data[f"gradx_norm_{mode}"].item(), rel=1e-4)


def state(part: str) -> dict[str, np.ndarray]:
    """A small checkpoint of the released form, of patch nets where there are any."""
    if part == "generator":
        shapes = {"recurrent.weight_ih": (12, 4), "recurrent.weight_hh": (12, 4)}
        shapes |= {"recurrent.bias_ih": (12,), "recurrent.bias_hh": (12,)}
        widths = [5 + 2 + 4, 9, 8, 7, 6, 3]  # content, categories and motion
        shapes |= {f"main.{3 * level}.weight": (widths[level], widths[level + 1], 4, 4) for level in range(5)}
        norms = {f"main.{3 * level + 1}": widths[level + 1] for level in range(4)}
    else:
        video, outputs = part == "video_discriminator", 4 if part == "video_discriminator" else 1
        kernel = (4, 4, 4) if video else (4, 4)
        shapes = {"main.1.weight": (2, 3, *kernel), "main.4.weight": (4, 2, *kernel), "main.8.weight": (8, 4, *kernel)}
        shapes[f"main.{11 if video else 12}.weight"] = (outputs, 8, *kernel)
        norms = {"main.5": 4, "main.9": 8}
    for name, width in norms.items():
        shapes |= {f"{name}.{key}": (width,) for key in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{name}.num_batches_tracked"] = ()
    return {key: np.ones(shape, "int64" if key.endswith("tracked") else "float32") for key, shape in shapes.items()}


def test_sizes_and_the_prefix_of_data_parallel_are_read_off(tmp_path):
    torch.save({f"module.{key}": torch.tensor(array) for key, array in state("").items()}, tmp_path / "d.pth")
    net = official.load(tmp_path / "d.pth", "image_discriminator")
    assert net.config == mocogan.ImageDiscriminatorConfig(width=2)
    assert torch.equal(net.net[1].weight, torch.ones(2, 3, 4, 4))
    net = official.load(state("video_discriminator"), "video_discriminator")
    assert net.config == mocogan.VideoDiscriminatorConfig(width=2, classes=3, patch=True)
    generator = official.load(state("generator"), "generator", content_dim=5)
    assert generator.config == mocogan.GeneratorConfig(
        content_dim=5, motion_dim=4, widths=(9, 8, 7, 6), classes=("0", "1")
    )


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("video_discriminator", lambda s: s.pop("main.11.weight"), "main.11.weight is missing"),
        ("video_discriminator", lambda s: s.update({"main.13.weight": np.ones(8)}), "main.15.weight is missing"),
        ("image_discriminator", lambda s: s.pop("main.9.bias"), "1 keys are missing .*, the first is main.9.bias"),
        ("image_discriminator", lambda s: s.update(other=np.zeros(3)), "unknown, the first is other"),
        ("image_discriminator", lambda s: s.update({"main.5.bias": np.zeros(3)}), r"main.5.bias has shape \[3\]"),
        ("generator", lambda s: s.pop("recurrent.bias_hh"), "the first is recurrent.bias_hh"),
        ("generator", lambda s: None, "content_dim=50, wanted at most 7: main.0.weight takes 11 numbers, 4 of them"),
        ("encoder", lambda s: None, "part='encoder', wanted one of generator, video_discriminator, image_discr"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_key(part, change, message):
    changed = state(part)
    change(changed)
    dim = {"content_dim": 5} if "recurrent" in message else {}
    with pytest.raises(ValueError, match=message):
        official.load(changed, part, **dim)
