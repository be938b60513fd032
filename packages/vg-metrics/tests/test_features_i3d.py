"""I3D against its layers one after another under the keys of the public file, and the TorchScript file's call."""

import hashlib

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from vg_metrics.features import RANDOM_LABEL, i3d_features
from vg_metrics.features.i3d import I3D, load, prepare, prepare_bytes
from vg_metrics.features.weights import draw

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")

MIXED = {  # output channels: 1x1, 1x1 then 3x3, 1x1 then 3x3, after the pool
    "Mixed_3b": (64, (96, 128), (16, 32), 32),
    "Mixed_3c": (128, (128, 192), (32, 96), 64),
    "MaxPool3d_4a_3x3": ((3, 3, 3), (2, 2, 2)),
    "Mixed_4b": (192, (96, 208), (16, 48), 64),
    "Mixed_4c": (160, (112, 224), (24, 64), 64),
    "Mixed_4d": (128, (128, 256), (24, 64), 64),
    "Mixed_4e": (112, (144, 288), (32, 64), 64),
    "Mixed_4f": (256, (160, 320), (32, 128), 128),
    "MaxPool3d_5a_2x2": ((2, 2, 2), (2, 2, 2)),
    "Mixed_5b": (256, (160, 320), (32, 128), 128),
    "Mixed_5c": (384, (192, 384), (48, 128), 128),
}


def official_shapes() -> dict[str, tuple[int, ...]]:
    """Keys and shapes of i3d_pretrained_400.pt."""
    units = {"Conv3d_1a_7x7": (64, 3, 7), "Conv3d_2b_1x1": (64, 64, 1), "Conv3d_2c_3x3": (192, 64, 3)}
    channels = 192
    for name, widths in MIXED.items():
        if name.startswith("Mixed"):
            one, (two, three), (four, five), six = widths
            rows = {"b0": (one, channels, 1), "b1a": (two, channels, 1), "b1b": (three, two, 3)}
            rows |= {"b2a": (four, channels, 1), "b2b": (five, four, 3), "b3b": (six, channels, 1)}
            units |= {f"{name}.{branch}": row for branch, row in rows.items()}
            channels = one + three + five + six
    shapes: dict[str, tuple[int, ...]] = {}
    for unit, (width, inner, kernel) in units.items():
        shapes[f"{unit}.conv3d.weight"] = (width, inner, kernel, kernel, kernel)
        shapes |= {f"{unit}.bn.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{unit}.bn.num_batches_tracked"] = ()
    return shapes | {"logits.conv3d.weight": (400, 1024, 1, 1, 1), "logits.conv3d.bias": (400,)}


@pytest.fixture
def official(rng) -> dict[str, Tensor]:
    state = {}
    for key, shape in official_shapes().items():
        value = torch.randn(shape, generator=rng)
        if len(shape) == 5:
            value *= (2 / value[0].numel()) ** 0.5
        elif key.endswith(("running_var", "bn.weight")):
            value = 1 + 0.2 * value.abs()
        state[key] = 0.1 * value if key.endswith(("bias", "running_mean")) else value
    return state


def tensorflow_padding(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """SAME: output sizes are rounded up, what is missing is split, the larger half at the end."""
    pads: list[int] = []
    for size, window, step in zip(x.shape[2:], kernel, stride, strict=True):
        outputs = -(-size // step)
        missing = max((outputs - 1) * step + window - size, 0)
        pads = [missing // 2, missing - missing // 2, *pads]
    return F.pad(x, pads)


def layers(state: dict[str, Tensor], x: Tensor) -> Tensor:
    def unit(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = state[f"{name}.conv3d.weight"]
        x = F.conv3d(tensorflow_padding(x, weight.shape[2:], (stride,) * 3), weight, stride=stride)
        mean, variance, scale, shift = (
            state[f"{name}.bn.{part}"].view(-1, 1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return ((x - mean) / (variance + 1e-5).sqrt() * scale + shift).clamp_min(0)

    def pool(x: Tensor, window: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
        return F.max_pool3d(tensorflow_padding(x, window, stride), window, stride)

    x = pool(unit("Conv3d_1a_7x7", x, 2), (1, 3, 3), (1, 2, 2))
    x = pool(unit("Conv3d_2c_3x3", unit("Conv3d_2b_1x1", x)), (1, 3, 3), (1, 2, 2))
    for name, setting in MIXED.items():
        if name.startswith("MaxPool"):
            x = pool(x, *setting)
            continue
        branches = [unit(f"{name}.b0", x)]
        branches += [unit(f"{name}.{b}b", unit(f"{name}.{b}a", x)) for b in ("b1", "b2")]
        x = torch.cat([*branches, unit(f"{name}.b3b", pool(x, (3, 3, 3), (1, 1, 1)))], 1)
    averaged = torch.stack([x[:, :, t : t + 2].mean((2, 3, 4)) for t in range(x.shape[2] - 1)])
    weight, bias = state["logits.conv3d.weight"][:, :, 0, 0, 0], state["logits.conv3d.bias"]
    return (averaged @ weight.T + bias).mean(0)


def test_official_sizes_are_met():
    with torch.device("meta"):
        network = I3D()
    assert sum(parameter.numel() for parameter in network.parameters()) == 12_697_264
    assert len(network.state_dict()) == len(official_shapes()) == 344


@torch.no_grad()
@pytest.mark.parametrize("shape", [(9, 33, 40), (17, 32, 50)])
def test_i3d_is_its_layers_one_after_another_under_official_keys(shape, official, rng, tmp_path):
    torch.save(official, tmp_path / "i3d.pt")
    network = load(tmp_path / "i3d.pt")
    clips = 2 * torch.rand(2, 3, *shape, generator=rng) - 1
    got, wanted = network(clips), layers(official, clips)
    assert got.shape == (2, 400) and (got[0] - got[1]).abs().max() > 0.01
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_other_weights_are_refused_with_the_official_keys(official):
    with pytest.raises(ValueError, match=r"I3D, which has 287 keys: 1 missing \(first Mixed_4c.b2a.conv3d.weight\)$"):
        load({key: value for key, value in official.items() if key != "Mixed_4c.b2a.conv3d.weight"})
    with pytest.raises(ValueError, match=r"287 keys: 1 of another shape \(first logits.conv3d.weight"):
        load(official | {"logits.conv3d.weight": torch.zeros(400, 512, 1, 1, 1)})
    assert load(official | {f"logits.conv3d.{k}": official[f"logits.conv3d.{k}"][:9] for k in ("weight", "bias")})(
        torch.zeros(1, 3, 9, 32, 32)
    ).shape == (1, 9)


def test_preprocessing_is_bilinear_of_bytes_to_224_and_minus_1_to_1(rng):
    video = torch.randint(256, (2, 3, 18, 30, 50), generator=rng, dtype=torch.uint8)
    got = prepare(video, 9)
    assert got.shape == (2, 3, 9, 224, 224)
    wanted = F.interpolate(video[:, :, 9].float(), (224, 224), mode="bilinear", align_corners=False)  # 5th of 5 to 13
    torch.testing.assert_close(got[:, :, 4], 2 * wanted / 255 - 1, rtol=0, atol=1e-5)
    torch.testing.assert_close(prepare(video / 127.5 - 1, 9), got)
    assert torch.equal(prepare_bytes(video / 127.5 - 1), video[:, :, 1:17])


def test_random_i3d_is_labelled_and_reacts(rng):
    features = i3d_features("random", frames=9)
    assert (features.name, features.label, features.width) == ("i3d/logits", RANDOM_LABEL, 400)
    clip = torch.randint(256, (3, 9, 8, 8), generator=rng, dtype=torch.uint8)
    first, second = features(torch.stack([clip, clip // 4]))
    assert (first - second).norm() > 0.05 * first.norm() > 0


def test_a_state_dict_file_is_labelled_unverified(tmp_path):
    torch.save(
        {
            key.removeprefix("stages.").replace("logits.", "logits.conv3d."): value
            for key, value in draw(I3D, 0).state_dict().items()
        },
        tmp_path / "i3d_pretrained_400.pt",
    )
    features = i3d_features(tmp_path / "i3d_pretrained_400.pt")
    assert features.label == "I3D, logits, layout from documentation, unverified, i3d_pretrained_400.pt"
    assert features.preprocessing == "16 central frames, bilinear without antialiasing to 224x224, [-1, 1]"


class Program(nn.Module):
    """Called like i3d_torchscript.pt: 400 numbers that tell what it was given."""

    def forward(self, x: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False) -> Tensor:
        assert x.dtype == torch.uint8 and rescale and resize
        levels = x.float().mean((2, 3, 4)) if return_features else torch.zeros(len(x), 3)
        return levels.repeat(1, 134)[:, :400]


def test_the_torchscript_file_is_given_bytes_and_resizes_itself(rng, tmp_path):
    path = tmp_path / "i3d_torchscript.pt"
    torch.jit.script(Program()).save(path)
    features = i3d_features(path)
    clips = [torch.randint(256, (3, 16, *size), generator=rng, dtype=torch.uint8) for size in ((8, 9), (8, 9), (5, 6))]
    got = features.extract(clips, batch_size=2)
    torch.testing.assert_close(got[:, :3], torch.stack([clip.float().mean((1, 2, 3)) for clip in clips]))
    assert got.shape == (3, features.width) == (3, 400)
    assert features.label == "I3D, logits, layout from documentation, unverified, i3d_torchscript.pt"
    assert features.checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    assert features.preprocessing.endswith("(by the TorchScript program)")
    assert not features.module.training


def test_programs_of_another_kind_and_too_few_frames_are_refused(tmp_path):
    torch.jit.script(nn.ReLU()).save(tmp_path / "relu.pt")
    wanted = r"relu.pt holds no I3D: it takes \(input\), wanted also rescale, resize, return_features"
    with pytest.raises(ValueError, match=wanted):
        i3d_features(tmp_path / "relu.pt")
    with pytest.raises(ValueError, match="frames=8, wanted at least 9"):
        i3d_features(frames=8)
    with pytest.raises(FileNotFoundError, match="absent"):
        i3d_features(tmp_path / "absent.pt")
