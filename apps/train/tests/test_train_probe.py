"""The probe, and what it measures of generators that we know."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vg_train.probe.clips import BuiltIn, Cut
from vg_train.probe.command import ProbeModel, command, measure
from vg_train.probe.disentanglement import appearance_inputs, crossed, disentanglement, table_size
from vg_train.probe.factors import LABEL, Window
from vg_train.probe.net import ProbeNet
from vg_train.probe.obedience import obedience
from vg_train.probe.statistics import wilson
from vg_train.probe.training import Probe, ProbeConfig, load_or_train
from vg_video import g3an, imaginator, mintgan, mocogan, tgan, vgan
from vg_video.data.synthetic import SyntheticActions
from vg_video.data.transforms import to_float
from vg_video.generator import VideoGenerator

SHORT = Cut(set="faces", frames=4, length=4)
MICRO = ProbeConfig(clips=24, epochs=2, examined=12, width=2)


# --- generators that we know: the built-in clips themselves


class Oracle:
    """Reads the factors of clips that it was told of without fault."""

    def __init__(self, built_in):
        self.factors, self.known = built_in.factors, {}

    def learn(self, video, known):
        for number, frames in enumerate(video):
            self.known[frames.numpy().tobytes()] = {name: value[number] for name, value in known.items()}

    def predict(self, video):
        frames = video.add(1).mul(127.5).round().to(torch.uint8)
        found = [self.known[one.numpy().tobytes()] for one in frames]
        read = {name: torch.stack([one[name] for one in found]) for name in found[0]}
        return {
            factor.name: F.one_hot(read[factor.name], factor.size).float() if factor.names else read[factor.name]
            for factor in self.factors
        }


@dataclass(frozen=True)
class Config:
    classes: tuple[str, ...]


class Player(VideoGenerator):
    """The built-in set as a generator, which obeys its inputs, or does not."""

    system, frames, resolution = "player", 4, 64

    def __init__(self, built_in, oracle, *, obeys=True, entangled=False, classes=None):
        super().__init__()
        self.config = Config(built_in.classes if classes is None else classes)
        self.anything = nn.Parameter(torch.zeros(()))
        self.built_in, self.oracle, self.obeys, self.entangled = built_in, oracle, obeys, entangled

    def latents(self, frames, draw):
        appearance = torch.randint(1000, (1,), generator=draw)
        return {"appearance": appearance, "motion": torch.randint(1000, (1,), generator=draw)}

    def forward(self, appearance, motion, label=None):
        clips = []
        for a, m, number in zip(appearance.tolist(), motion.tolist(), label.tolist(), strict=True):
            look = a[0] + self.entangled * m[0]
            label = self.built_in.classes.index(self.classes[number]) if self.obeys else m[0] % 6
            source = replace(self.built_in.source, identities=10_000_000 + m[0] - look)
            clips.append(self.built_in._example(source, 6 * (10_000_000 + m[0]) + label, Window(0, 1, 4)))
        video = torch.stack([video for video, _ in clips])
        self.oracle.learn(video, {name: torch.stack([known[name] for _, known in clips]) for name in clips[0][1]})
        return to_float(video)


@pytest.fixture(scope="module")
def faces():
    return BuiltIn(SHORT)


def test_a_generator_that_obeys_is_found_to(faces):
    oracle = Oracle(faces)
    result = obedience(Player(faces, oracle), oracle, faces, count=20, seed=3)
    assert result["obeyed"]["share"] == 1
    assert result["obeyed"]["count"] == 24  # rounded up to a multiple of 6
    assert result["obeyed"]["low"] == pytest.approx(wilson(24, 24)[0])
    assert result["above_twice_chance"]
    for label, row in result["confusion"].items():
        assert row == {other: 4 * (other == label) for other in faces.classes}


def test_a_generator_that_ignores_labels_is_found_to(faces):
    oracle = Oracle(faces)
    result = obedience(Player(faces, oracle, obeys=False), oracle, faces, count=60, seed=0)
    assert result["obeyed"]["low"] < result["chance"] < result["obeyed"]["high"]
    assert not result["above_twice_chance"]


def test_labels_of_a_model_go_by_their_names(faces):
    oracle, classes = Oracle(faces), ("surprise", "anger", "fear")
    result = obedience(Player(faces, oracle, classes=classes), oracle, faces, count=6, seed=0)
    assert result["obeyed"]["share"] == 1
    assert result["chance"] == pytest.approx(1 / 3)
    assert result["confusion"]["anger"] == {label: 2 * (label == "anger") for label in faces.classes}
    with pytest.raises(ValueError, match="'sorrow', wanted only happiness"):
        obedience(Player(faces, oracle, classes=("sorrow",)), oracle, faces, count=6, seed=0)


def shares_of(generator, oracle, faces):
    for batch in faces.crossed(*table_size(48, 6)):
        oracle.learn(batch.video, batch.targets)
    return disentanglement(generator, oracle, faces, count=48, seed=0)["factors"]


def test_built_in_clips_are_disentangled_and_so_is_a_generator_that_plays_them(faces):
    oracle = Oracle(faces)
    rows = shares_of(Player(faces, oracle), oracle, faces)
    for factor in faces.factors:
        row = rows[factor.name]
        for kind in ("model", "built_in"):
            right, wrong = ("appearance", "motion") if factor.side == "appearance" else ("motion", "appearance")
            assert row[kind][right] == pytest.approx(1, abs=1e-4), factor
            assert row[kind][wrong] == pytest.approx(0, abs=1e-4), factor
    assert rows[LABEL]["model"]["label"] == pytest.approx(1)
    assert abs(rows["yaw(t)"]["model"]["label"]) < 0.5
    assert 0.3 < rows["wall"]["spread"] < 3


def test_a_generator_whose_motion_changes_the_looks_is_found_to(faces):
    oracle = Oracle(faces)
    rows = shares_of(Player(faces, oracle, entangled=True), oracle, faces)
    for name in ("wall", "shirt", "hair_style", "skin"):
        assert rows[name]["model"]["appearance"] < 0.3, name
        assert rows[name]["built_in"]["appearance"] == pytest.approx(1, abs=1e-4)
    assert rows["yaw(t)"]["model"]["motion"] == pytest.approx(1, abs=1e-4)


def test_a_generator_that_ignores_labels_has_no_share_of_the_label(faces):
    oracle = Oracle(faces)
    rows = shares_of(Player(faces, oracle, obeys=False), oracle, faces)
    assert rows[LABEL]["model"]["motion"] == pytest.approx(1)
    assert rows[LABEL]["model"]["label"] < 0.5


class Still(VideoGenerator):
    """Shows the image that it is given for ever."""

    system, frames, resolution, takes_image = "still", 4, 64, True

    def __init__(self, classes):
        super().__init__()
        self.config = Config(classes)
        self.anything = nn.Parameter(torch.zeros(()))

    def latents(self, frames, draw):
        return {"noise": torch.randn(3, generator=draw)}

    def forward(self, noise, image, label=None):
        return image.unsqueeze(2).repeat(1, 1, 4, 1, 1)


def test_a_generator_that_repeats_its_image_obeys_no_more_than_the_image_itself(faces):
    torch.manual_seed(0)
    net = ProbeNet(faces.factors, 2)
    result = obedience(Still(faces.classes), net.eval(), faces, count=36, seed=0)
    assert result["obeyed"] == result["first_frame"]["asked"]
    own = result["first_frame"]["own"]
    assert own["low"] < 1 / 6 < own["high"]  # the faces are at rest: they say nothing


def test_images_decide_all_that_a_repeated_image_shows(faces):
    torch.manual_seed(0)
    net = ProbeNet(faces.factors, 2)
    result = disentanglement(Still(faces.classes), net.eval(), faces, count=24, seed=0)
    assert result["appearance_inputs"] == ["image"]
    for factor in faces.factors:
        assert result["factors"][factor.name]["model"]["appearance"] == pytest.approx(1, abs=1e-3), factor


def test_each_system_has_its_appearance_inputs():
    generators = {
        "g3an": g3an.Generator(g3an.tiny().generator),
        "mintgan": mintgan.Generator(replace(mintgan.tiny().generator, noise=True)),
        "mocogan": mocogan.Generator(mocogan.tiny().generator),
        "mocogan from images": mocogan.Generator(replace(mocogan.tiny().generator, image_conditioned=True)),
        "imaginator": imaginator.Generator(imaginator.tiny().generator),
        "vgan": vgan.Generator(vgan.tiny().generator),
        "tgan": tgan.Generator(tgan.tiny().generator),
    }
    assert {name: appearance_inputs(generator) for name, generator in generators.items()} == {
        "g3an": {"appearance"},
        "mintgan": {"appearance", "noise"},
        "mocogan": {"content"},
        "mocogan from images": {"image"},
        "imaginator": {"image"},
        "vgan": set(),
        "tgan": set(),
    }


@pytest.mark.parametrize(
    ("count", "labels", "expected"),
    [
        (400, (6, 6), (16, 24)),
        (400, (10, 10), (20, 20)),
        (400, (0, 0), (20, 20)),
        (1, (0, 6), (2, 12)),
        (9, (2, 3), (2, 12)),
    ],
)
def test_a_table_has_about_as_many_looks_as_motions(count, labels, expected):
    assert table_size(count, *labels) == expected


def test_crossed_inputs_share_what_they_should(faces):
    config = g3an.GeneratorConfig(widths=(8, 8, 8, 8, 4), appearance_dim=8, attention_after=1, classes=faces.classes)
    generator = g3an.Generator(config).eval()
    built_in = BuiltIn(Cut(set="faces", frames=16, length=16))
    asked = []
    generator.register_forward_pre_hook(lambda net, _, given: asked.append(given), with_kwargs=True)
    batches = list(crossed(generator, 2, 12, built_in, seed=0))
    assert [batch.shape for batch in batches] == [(12, 3, 16, 64, 64)] * 2
    first, second = asked
    assert torch.equal(first["motion"], second["motion"]) and torch.equal(first["label"], second["label"])
    assert first["label"].tolist() == [0, 1, 2, 3, 4, 5] * 2
    assert (first["appearance"] == first["appearance"][0]).all() and (
        second["appearance"] == second["appearance"][0]
    ).all()
    assert (first["appearance"] != second["appearance"]).all()
    assert (first["motion"][0] != first["motion"][1]).all()


# --- the net and its folder


def test_a_probe_is_trained_once_and_read_again(tmp_path):
    probe = load_or_train(tmp_path / "new" / "probe", SHORT, MICRO, {"command": "test"})
    again = load_or_train(tmp_path / "new" / "probe", SHORT, MICRO, {"command": "another"})
    torch.testing.assert_close(again.net.state_dict(), probe.net.state_dict(), rtol=0, atol=0)
    assert again.known == probe.known
    assert not again.net.training
    stored = json.loads((tmp_path / "new" / "probe" / "probe.json").read_text())
    assert stored["known"][LABEL]["count"] == 12
    assert stored["known"][LABEL]["chance"] == pytest.approx(1 / 6)
    assert stored["provenance"] == {"command": "test"}


def test_training_a_probe_is_a_function_of_its_settings_and_leaves_the_global_generator_alone(tmp_path):
    before = torch.get_rng_state()
    first, second = (load_or_train(tmp_path / name, SHORT, MICRO, {}).net.state_dict() for name in ("a", "b"))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_probe_of_other_clips_or_a_damaged_one_is_refused(tmp_path):
    load_or_train(tmp_path, SHORT, MICRO, {})
    with pytest.raises(ValueError, match=r"probe.json: is a probe of .*'length': 4.* wanted .*'length': 5"):
        load_or_train(tmp_path, replace(SHORT, length=5), MICRO, {})
    weights = tmp_path / "probe.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"probe.safetensors: is damaged"):
        load_or_train(tmp_path, SHORT, MICRO, {})


def test_a_probe_learns(faces):
    """On its own training clips the loss falls: the gradient reaches every weight."""
    net = ProbeNet(faces.factors, 4)
    examples = faces.examples("training", 12)
    net.measure(examples.targets)
    video, known = next(examples.batches(12))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        loss = net.loss(video, known)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in net.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


def test_measures_are_predicted_in_their_own_units(faces):
    torch.manual_seed(0)
    net = ProbeNet(faces.factors, 2)
    examples = faces.examples("training", 12)
    net.measure(examples.targets)
    nn.init.zeros_(net.heads["head(t)"].weight)
    nn.init.zeros_(net.heads["head(t)"].bias)
    read = net.predict(to_float(examples.video))
    torch.testing.assert_close(read["head(t)"][3, 1], examples.targets["head(t)"].flatten(0, 1).mean(0))
    torch.testing.assert_close(read[LABEL].sum(-1), torch.ones(12))


# --- the command


@pytest.fixture
def model(tmp_path) -> Path:
    config = g3an.GeneratorConfig(
        widths=(8, 8, 8, 8, 4), appearance_dim=8, attention_after=1, classes=SyntheticActions.classes
    )
    folder = tmp_path / "run" / "model"
    g3an.Generator(config).save_pretrained(folder)
    return folder


def options(model: Path, *more: str) -> list[str]:
    micro = ["--training.clips", "32", "--training.examined", "20", "--training.width", "2", "--count", "20"]
    return [str(model), "--set", "actions", "--probe", str(model.parent / "probe"), *micro, *more]


def test_the_command_writes_what_it_prints(model, capsys):
    command(options(model, "--accuracy", "0"))
    printed = capsys.readouterr().out
    report = json.loads((model.parent / "probe-actions.json").read_text())
    assert report["obedience"]["obeyed"]["count"] == 20
    assert sum(sum(row.values()) for row in report["obedience"]["confusion"].values()) == 20
    assert report["disentanglement"]["looks"] == 2
    assert list(report["disentanglement"]["factors"]) == list(report["probe"])
    cut = {"set": "actions", "frames": 16, "steps": [1, 1], "length": 32}
    assert report["protocol"] == {"system": "g3an", "clips": 20, "seed": 0, "cut": cut}
    assert report["provenance"]["command"].startswith("vg-train probe")
    assert f"{report['obedience']['obeyed']['share']:.1%}" in printed
    assert "trousers" in printed and "hands(t)" in printed
    assert "probe-actions.json" in printed


def test_a_probe_that_cannot_tell_real_clips_measures_no_obedience(model):
    with pytest.raises(ValueError, match="of held-out clips, wanted 95%"):
        command(options(model))
    assert not (model.parent / "probe-actions.json").exists()


def test_a_model_of_one_noise_and_no_labels_is_not_measured(faces, tmp_path):
    class Noise(Still):
        takes_image = False

    probe = Probe(ProbeNet(faces.factors, 2).eval(), {})
    report = measure(Noise(()), probe, SHORT, count=2, seed=0)
    assert report["obedience"] is None
    assert report["disentanglement"] is None
    with pytest.raises(ValueError, match="count=0"):
        measure(Noise(()), probe, SHORT, count=0, seed=0)


def test_the_settings_teach_what_they_are(capsys):
    with pytest.raises(SystemExit):
        command(["--help"])
    assert "Built-in set that the model was trained on" in capsys.readouterr().out
    assert ProbeModel.__doc__
