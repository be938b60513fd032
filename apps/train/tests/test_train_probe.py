"""The probe: its statistics, what it is told about built-in clips, and what it measures of generators that we know."""

import json
import math
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest
import torch
from scipy.stats import binomtest
from torch import nn
from torch.nn import functional as F
from vg_train.probe.clips import BuiltIn, Cut, seen
from vg_train.probe.command import ProbeModel, command, measure
from vg_train.probe.disentanglement import appearance_inputs, crossed, disentanglement, table_size
from vg_train.probe.factors import LABEL, Window, targets
from vg_train.probe.net import ProbeNet
from vg_train.probe.obedience import obedience
from vg_train.probe.statistics import variance_shares, wilson
from vg_train.probe.training import Probe, ProbeConfig, load_or_train
from vg_video import g3an, imaginator, mintgan, mocogan, tgan, vgan
from vg_video.data.synthetic import SyntheticActions, SyntheticFaces, SyntheticRobot
from vg_video.data.transforms import to_float
from vg_video.generator import VideoGenerator

SHORT = Cut(set="faces", frames=4, length=4)
MICRO = ProbeConfig(clips=24, epochs=2, examined=12, width=2)


# --- statistics


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (1, 3), (133, 400), (381, 400)])
def test_the_interval_of_a_share_is_wilsons(hits, count):
    expected = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert wilson(hits, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_an_interval_of_impossible_counts_is_refused():
    for hits, count in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match=f"hits={hits}, count={count}"):
            wilson(hits, count)


def slow_shares(values, labels):
    """Two-way analysis of variance, one cell after another."""
    looks, motions, _ = values.shape
    grand = values.mean((0, 1))
    square = {"look": 0.0, "motion": 0.0, "label": 0.0, "rest": 0.0, "noise": 0.0}
    for i, j in product(range(looks), range(motions)):
        look, motion = values[i].mean(0), values[:, j].mean(0)
        label = values[:, labels == labels[j]].mean((0, 1))
        square["look"] += float(((look - grand) ** 2).sum())
        square["motion"] += float(((motion - grand) ** 2).sum())
        square["label"] += float(((label - grand) ** 2).sum())
        square["noise"] += float(((motion - label) ** 2).sum())
        square["rest"] += float(((values[i, j] - look - motion + grand) ** 2).sum())
    total = sum(float(((values[i, j] - grand) ** 2).sum()) for i, j in product(range(looks), range(motions)))
    classes = len(labels.unique())
    rest = square["rest"] / ((looks - 1) * (motions - 1))
    noise = square["noise"] / (motions - classes)
    return {
        "appearance": (square["look"] - (looks - 1) * rest) / total,
        "motion": (square["motion"] - (motions - 1) * rest) / total,
        "label": (square["label"] - (classes - 1) * noise) / total,
    }


def test_shares_are_those_of_an_analysis_of_variance(rng):
    values = torch.randn(3, 8, 5, generator=rng, dtype=torch.float64)
    values += torch.randn(3, 1, 5, generator=rng) + 2 * torch.randn(1, 8, 5, generator=rng)
    labels = torch.tensor([0, 1, 2, 3]).repeat(2)
    shares = variance_shares(values, labels)
    for name, expected in slow_shares(values, labels).items():
        assert getattr(shares, name) == pytest.approx(expected, rel=1e-9)
    assert shares.appearance + shares.motion + shares.both == pytest.approx(1)
    assert shares.variance == pytest.approx(float(values.var((0, 1), correction=0).sum()))


def test_what_looks_and_motions_add_is_split_as_their_variances():
    looks, motions = torch.tensor([-3.0, 3.0]), torch.tensor([-1.0, 1.0, -1.0, 1.0])  # variances 9 and 1
    values = (looks[:, None] + motions)[..., None]
    shares = variance_shares(values, torch.tensor([0, 1, 0, 1]))
    assert (shares.appearance, shares.motion, shares.both) == pytest.approx((0.9, 0.1, 0.0))
    assert shares.label == pytest.approx(0.1)  # the label is all there is to a motion
    shares = variance_shares(values, torch.tensor([0, 0, 1, 1]))
    assert shares.label < 0 < shares.motion  # here it is nothing: less than chance would give


def test_chance_alone_gives_no_share(rng):
    labels = torch.arange(10) % 5
    draws = [variance_shares(torch.randn(6, 10, 1, generator=rng), labels) for _ in range(400)]
    for name in ("appearance", "motion", "label"):
        assert abs(sum(getattr(shares, name) for shares in draws) / 400) < 0.02
    assert sum(shares.both for shares in draws) / 400 == pytest.approx(1, abs=0.02)


def test_what_is_the_same_in_all_clips_has_no_shares():
    assert variance_shares(torch.full((3, 4, 2), 0.3)) is None


def test_shares_of_too_few_clips_are_refused():
    with pytest.raises(ValueError, match="1 looks, 4 motions"):
        variance_shares(torch.ones(1, 4, 1))
    with pytest.raises(ValueError, match=r"labels come \[3, 1\] times"):
        variance_shares(torch.rand(2, 4, 1), torch.tensor([0, 0, 0, 1]))


# --- what is known about clips


@pytest.mark.parametrize("kind", [SyntheticFaces, SyntheticActions, SyntheticRobot])
def test_each_factor_is_told_in_the_shape_that_is_promised(kind):
    built_in = BuiltIn(Cut(set=kind.__name__.removeprefix("Synthetic").lower(), frames=3, steps=(2, 2), length=9))
    batch = built_in.examples("training", 4)
    assert sorted(batch.targets) == sorted(factor.name for factor in built_in.factors)
    assert batch.video.shape == (4, 3, 3, 64, 64)
    for factor in built_in.factors:
        shape = (4,) if factor.names else (4, 3, factor.size) if factor.moving else (4, factor.size)
        assert batch.targets[factor.name].shape == shape


def test_a_window_has_the_frames_and_the_curves_of_its_part_of_the_clip():
    source = SyntheticFaces(frames=9)
    clip = source.clip(5)
    known = targets(source, clip, Window(start=2, step=3, frames=3))
    assert known["intensity(t)"].flatten().tolist() == clip.tracks["intensity"][[2, 5, 8]].tolist()
    assert known["head(t)"].tolist() == clip.tracks["head"][[2, 5, 8]].tolist()
    assert known[LABEL] == source.classes.index(clip.label)
    assert known["hair_style"] == source.looks.factors["hair_style"].index(clip.appearance["hair_style"])
    red = int(str(clip.appearance["wall"])[1:3], 16)
    assert float(known["wall"][0]) == pytest.approx(red / 255)


def test_a_faster_clip_has_more_cycles_per_frame_and_a_later_one_another_phase():
    source = SyntheticActions(frames=16)
    clip = source.clip(3)
    plain, fast = (targets(source, clip, Window(4, step, 3)) for step in (1, 4))
    assert float(fast["speed"]) == pytest.approx(4 * float(plain["speed"]))
    angle = 2 * math.pi * (clip.motion["phase"] + 4 * clip.motion["speed"])
    assert plain["phase"].tolist() == pytest.approx([math.cos(angle), math.sin(angle)], abs=1e-6)


def test_things_that_only_their_numbers_tell_apart_are_one_factor():
    source = SyntheticRobot(frames=2)
    clip = source.clip(0)
    swapped = clip.appearance | {"color1": clip.appearance["color2"], "color2": clip.appearance["color1"]}
    tracks = clip.tracks | {"objects": clip.tracks["objects"][:, [1, 0, 2, 3]]}
    other = replace(clip, appearance=swapped, tracks=tracks)
    known, same = (targets(source, one, Window(0, 1, 2)) for one in (clip, other))
    assert known["color"].shape == (3,)
    assert known["objects(t)"].shape == (2, 4)
    torch.testing.assert_close(known, same)


def test_looks_of_models_of_training_and_of_examining_are_never_the_same():
    built_in = BuiltIn(SHORT)
    source = built_in.source
    looks = {
        "models": [source.looks.look(number) for number in range(30)],
        "training": [source.clip(built_in._index("training", number)).appearance for number in range(30)],
        "held out": [source.clip(built_in._index("held out", number)).appearance for number in range(30)],
    }
    flat = [tuple(look.values()) for part in looks.values() for look in part]
    assert len(set(flat)) == 90


def test_crossed_clips_show_each_look_with_each_motion():
    built_in = BuiltIn(SHORT)
    first, second = built_in.crossed(2, 7)
    for factor in built_in.factors:
        one, other = first.targets[factor.name], second.targets[factor.name]
        if factor.side == "appearance":
            assert (one == one[0]).all() and (other == other[0]).all(), factor
        else:
            torch.testing.assert_close(one, other)
    assert first.targets[LABEL].tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert (first.targets["intensity(t)"][0] != first.targets["intensity(t)"][6]).any()
    assert any((first.targets[name] != second.targets[name]).any() for name in ("hair_style", "extra", "top", "shape"))


def test_first_frames_are_those_of_held_out_videos_and_all_at_rest():
    built_in = BuiltIn(SHORT)
    images, labels = built_in.first_frames(7, 64)
    batch = built_in.examples("held out", 7)
    torch.testing.assert_close(images, to_float(batch.video[:, :, 0]))
    assert labels.tolist() == batch.targets[LABEL].tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert (batch.targets["intensity(t)"][:, 0] == 0).all()


def test_a_probe_sees_16_frames_and_64_pixels():
    video = torch.arange(40.0)[:, None, None].expand(2, 3, 40, 128, 128) + torch.tensor([0.0, 1.0]).repeat(64)
    small = seen(video)
    assert small.shape == (2, 3, 14, 64, 64)
    torch.testing.assert_close(small[0, 0, :, 5, 7], torch.arange(0.5, 40, 3))


def test_clips_that_cannot_be_cut_are_refused():
    with pytest.raises(ValueError, match="length=30, wanted at least 31"):
        Cut(set="faces", steps=(2, 2), length=30)
    with pytest.raises(ValueError, match="frames=1"):
        Cut(set="faces", frames=1)


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
