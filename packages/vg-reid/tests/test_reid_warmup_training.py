"""Each warm-up on a few drawn persons: it learns, resumes exactly, and its options do what they say."""

import copy
import dataclasses
import json
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from vg_reid.data.augment import Augment
from vg_reid.data.images import PersonImages
from vg_reid.data.layouts import Person
from vg_reid.encoder import EncoderConfig, random_encoder
from vg_reid.warmup import act, cluster_contrast, jvtc, mmcl, source
from vg_reid.warmup.procedure import DivergenceError, embed_all, update
from vg_reid.warmup.times import read_times
from vg_reid.warmup.views import Styles, draw_views, read_styles

SIZE = {"height": 32, "width": 16}
TINY = EncoderConfig(backbone="tiny", embedding_dim=16, parts=1, **SIZE)
SHORT = {"encoder": TINY, "epochs": 3, "learning_rate": 0.02, "new_rate": 2.0, "epoch_steps": 2}
PIDS, CAMERAS, SHOTS = 5, 2, 3


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> list[Person]:
    """Five persons of two colors each, three times by each of two cameras, one brighter than the other; also as the
    other camera would see them."""
    folder, draw, found = tmp_path_factory.mktemp("warmup"), torch.Generator().manual_seed(3), []
    colors = torch.rand(PIDS, 2, 3, generator=draw)
    for pid, camera, shot in ((p, c, s) for p in range(PIDS) for c in range(CAMERAS) for s in range(SHOTS)):
        halves = colors[pid].repeat_interleave(16, 0)[:, None].expand(-1, 16, -1)
        image = halves + 0.05 * torch.randn(32, 16, 3, generator=draw)
        frame = 5_000 * pid + 700 * camera + 10 * shot
        path = folder / f"{pid + 1:04d}_c{camera + 1}s1_{frame:06d}_{shot:02d}.png"
        fake = path.with_name(f"{path.stem}_fake_{camera + 1}to{2 - camera}.jpg")
        for to, where in ((camera, path), (1 - camera, fake)):
            pixels = (255 * (0.8 * image + 0.15 * to)).clamp(0, 255).byte().numpy()
            Image.fromarray(pixels).save(where)
        found.append(Person(path, pid + 1, camera))
    return found


@pytest.fixture(scope="module")
def images(persons: list[Person]) -> PersonImages:
    return PersonImages(persons, augment=Augment(crop=False, jitter=False), **SIZE)


@pytest.fixture(scope="module")
def styles(persons: list[Person]) -> Styles:
    return read_styles(persons, persons[0].path.parent, augment=Augment(crop=False, jitter=False), **SIZE)


@pytest.fixture(scope="module")
def others(persons: list[Person]) -> PersonImages:
    """Another dataset: two persons."""
    return PersonImages(persons[:12], augment=Augment(crop=False, jitter=False), **SIZE)


JVTC = jvtc.JVTCConfig(
    **SHORT | {"epochs": 4},
    batch_size=6,
    views=2,
    global_from=2,
    relabel_every=2,
    joint_from=4,
    k1=4,
    k2=2,
    eps_share=0.05,
    joint_eps_share=0.05,
)
RUNS = {
    "jvtc": lambda d, **o: (jvtc, jvtc.TrainState(dataclasses.replace(JVTC, **o)), {"times": d.times}),
    "jvtc with styles and source": lambda d, **o: (
        jvtc,
        jvtc.TrainState(dataclasses.replace(JVTC, source_classes=2, source_batch=6, unit_memory=True, **o)),
        {"times": d.times, "styles": d.styles, "source": source.SourceSet(d.others)},
    ),
    "mmcl": lambda d, **o: (
        mmcl,
        mmcl.TrainState(
            dataclasses.replace(mmcl.MMCLConfig(**SHORT, batch_size=6, single_epochs=1, hard_share=0.2), **o)
        ),
        {"styles": d.styles},
    ),
    "act": lambda d, **o: (
        act,
        act.TrainState(
            dataclasses.replace(
                act.ACTConfig(
                    **SHORT | {"epochs": 4, "learning_rate": 1e-3},
                    relabel_every=2,
                    batch_size=8,
                    instances=2,
                    k1=5,
                    k2=2,
                    eps_share=0.12,
                    min_samples=3,
                ),
                **o,
            )
        ),
        {"source": d.others},
    ),
    "source": lambda d, **o: (
        source,
        source.TrainState(dataclasses.replace(source.SourceConfig(**SHORT, classes=PIDS, batch_size=10), **o)),
        {},
    ),
    "cluster contrast": lambda d, **o: (
        cluster_contrast,
        cluster_contrast.TrainState(
            dataclasses.replace(
                cluster_contrast.ClusterContrastConfig(
                    **SHORT | {"learning_rate": 1e-3}, batch_size=6, instances=2, k1=6, k2=2, min_samples=2
                ),
                **o,
            )
        ),
        {},
    ),
}


@pytest.fixture(scope="module")
def data(persons, images, styles, others) -> SimpleNamespace:
    times = read_times([person.path for person in persons])
    return SimpleNamespace(images=images, styles=styles, others=others, times=times)


def steps(name: str, data: SimpleNamespace, state=None, **options) -> tuple:
    """A new run, or that of a state: the state and its steps."""
    module, fresh, given = RUNS[name](data, **options)
    state = state or fresh
    return state, module.train(state, data.images, **given)


def values(losses: Iterator) -> list[dict[str, float]]:
    return [{key: loss.item() for key, loss in step.losses.items()} for step in losses]


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(name, data):
    whole, losses = steps(name, data)
    wanted = values(losses)
    assert all(math.isfinite(value) for step in wanted for value in step.values())
    for done in (1, len(wanted) // 2):  # in the middle of an epoch, and at its end
        first, losses = steps(name, data)
        assert values(islice(losses, done)) == wanted[:done]
        saved = copy.deepcopy(first.state_dict())
        saved["meta"] = json.loads(json.dumps(saved["meta"]))
        resumed, losses = steps(name, data)
        resumed.load_state_dict(saved)
        assert values(losses) == wanted[done:]
        assert (resumed.epoch, resumed.batch, resumed.step) == (whole.config.epochs, 0, len(wanted))
        end, same = whole.state_dict()["tensors"], resumed.state_dict()["tensors"]
        assert end.keys() == same.keys()
        assert all(torch.equal(end[key], same[key]) for key in end)


LEARNS = {
    "jvtc": ("global", {"joint_from": None, "global_from": 1, "relabel_every": 1, "learning_rate": 0.003}),
    "mmcl": ("multi", {"learning_rate": 0.003}),
    "act": ("partner", {"first_share": 1.0}),
    "source": ("source", {}),
    "cluster contrast": ("contrast", {}),
}


@pytest.mark.parametrize("name", LEARNS)
def test_the_loss_falls(name, data):
    term, options = LEARNS[name]
    _, losses = steps(name, data, **options | {"epochs": 12})
    found = [step[term] for step in values(losses) if term in step]
    third = len(found) // 3
    assert sum(found[-third:]) < 0.9 * sum(found[:third]), found


@pytest.mark.parametrize("name", RUNS)
def test_all_trained_nets_change_and_another_seed_draws_others(name, data):
    module, state, given = RUNS[name](data)
    start = copy.deepcopy(state.nets)
    for _ in islice(module.train(state, data.images, **given), 2):
        pass
    for key, net in state.nets.items():
        moved = [not torch.equal(a, b) for a, b in zip(net.parameters(), start[key].parameters(), strict=True)]
        assert all(moved), key
    other = type(state)(state.config, seed=1)
    assert not torch.equal(other.encoder.conv1.weight, start["encoder"].conv1.weight)


def test_weights_to_start_from_are_all_nets_own(data):
    encoder = random_encoder(TINY, seed=9)
    config = RUNS["act"](data)[1].config
    state = act.TrainState(config, encoder=encoder)
    for net in state.nets.values():
        assert torch.equal(net.conv1.weight, encoder.conv1.weight)
    assert state.encoder.config.weights == "trained"
    with pytest.raises(ValueError, match="the encoder to start from has embedding_dim=512, wanted 16"):
        act.TrainState(config, encoder=random_encoder(EncoderConfig(backbone="tiny")))


def test_of_an_imagenet_model_only_the_backbone_is_taken():
    start = random_encoder(EncoderConfig(backbone="tiny", weights="imagenet"), seed=9)
    state, plain = (mmcl.TrainState(mmcl.MMCLConfig(**SHORT, batch_size=6), encoder=e) for e in (start, None))
    assert torch.equal(state.encoder.layer3[0].conv2.weight, start.layer3[0].conv2.weight)
    assert torch.equal(state.encoder.feat.weight, plain.encoder.feat.weight)
    with pytest.raises(ValueError, match="has backbone='tiny', wanted 'resnet50'"):
        source.TrainState(source.SourceConfig(classes=2), encoder=start)


def test_jvtc_adds_the_global_loss_and_clusters_in_their_epochs(data):
    state, losses = steps("jvtc", data)
    n, seen = len(data.images), []
    for step in losses:
        seen.append((set(step.losses), len(state.labels.unique())))
    assert [terms for terms, _ in seen] == [{"local"}] * 2 + [{"local", "global"}] * 6
    assert [count for _, count in seen][:2] == [n] * 2
    assert all(1 < count < n for _, count in seen[2:])
    assert [(report["epoch"], report["clusters"]) for report in state.reports] == [(1, seen[2][1]), (3, seen[6][1])]
    assert state.reports[0]["images"] == n and 0 < state.reports[0]["eps"] < 1


def test_jvtc_clusters_each_slot_of_time_on_its_own(data):
    times = data.times._replace(slots=torch.arange(30) % 2)
    state = jvtc.TrainState(JVTC)
    for _ in jvtc.train(state, data.images, times=times):
        pass
    assert not set(state.labels[::2].tolist()) & set(state.labels[1::2].tolist())
    assert len(state.labels.unique()) == state.reports[-1]["clusters"] < 30


def test_jvtc_source_labels_decide_the_classifier(data):
    with pytest.raises(ValueError, match="source_classes=0, but the source set has 2 identities"):
        jvtc.train(jvtc.TrainState(JVTC), data.images, times=data.times, source=source.SourceSet(data.others))
    with pytest.raises(ValueError, match="joint_from=4 needs the times"):
        jvtc.train(jvtc.TrainState(JVTC), data.images)


def test_jvtc_with_a_source_set_goes_round_the_target_images(data):
    state, losses = steps("jvtc with styles and source", data, epoch_steps=0, epochs=3, joint_from=None)
    assert len(values(losses)) == 3 * 2  # 12 source images, 6 a step
    assert {"encoder", "classifier"} == set(state.nets)


def test_mmcl_changes_to_predicted_labels(data):
    _, losses = steps("mmcl", data)
    assert [set(step) for step in values(losses)] == [{"single"}] * 2 + [{"multi"}] * 4


def test_act_trains_by_turns_and_keeps_the_radius_of_its_first_clusters(data):
    state, losses = steps("act", data)
    first = next(losses)
    assert set(first.losses) == {"partner"}
    eps = state.memory["eps"].clone()
    turns = [set(step) for step in values(losses)]
    assert turns == ([{"encoder"}, {"partner"}] * 9)[: len(turns)] and len(turns) >= 3
    assert torch.equal(state.memory["eps"], eps)
    assert (state.labels >= 0).all()
    assert [state.config.share(epoch) for epoch in (0, 3)] == pytest.approx([0.6, 1.0])


def test_a_divergent_loss_stops_before_the_weights_change(data):
    state = jvtc.TrainState(JVTC)
    before = copy.deepcopy(state.encoder.state_dict())
    with pytest.raises(DivergenceError, match="loss local is nan at step 0"):
        update(state, {"local": state.encoder.conv1.weight.sum() * torch.nan})
    with pytest.raises(DivergenceError, match="gradient of encoder is nan"):
        weight = state.encoder.conv1.weight
        update(state, {"local": torch.where(weight > 9, weight / 0, 0).sum() + (weight * 0).sqrt().sum() * 0})
    assert all(torch.equal(before[key], value) for key, value in state.encoder.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 9}, "config.epochs is 4, wanted 9"),
        (
            {"encoder": EncoderConfig(backbone="tiny", embedding_dim=17, parts=1, **SIZE)},
            "embedding_dim is 16, wanted 17",
        ),
    ],
)
def test_the_state_of_another_run_is_refused(data, change, message):
    saved = jvtc.TrainState(JVTC).state_dict()
    with pytest.raises(ValueError, match=message):
        jvtc.TrainState(dataclasses.replace(JVTC, **change)).load_state_dict(saved)
    with pytest.raises(ValueError, match="system is 'vg-reid/jvtc', wanted 'vg-reid/mmcl'"):
        RUNS["mmcl"](data)[1].load_state_dict(saved)


def test_the_memory_of_another_dataset_is_refused(data):
    state, losses = steps("jvtc", data)
    next(losses)
    with pytest.raises(ValueError, match="the state is of 30 images, found 12"):
        next(jvtc.train(state, data.others, times=data.times))


def test_rates_fall_every_few_epochs_and_new_layers_have_their_own(data):
    state, losses = steps("source", data, decay_every=2, epochs=3)
    rates = []
    for _ in losses:
        rates.append([group["lr"] for group in state.optimizers["encoder"].param_groups])
    assert rates == [pytest.approx([0.02 * share, 0.04 * share]) for share in (1, 1, 1, 1, 0.1, 0.1)]
    new = {id(p) for p in state.optimizers["encoder"].param_groups[1]["params"]}
    names = {key.split(".")[0] for key, p in state.encoder.named_parameters() if id(p) in new}
    assert names == {"feat", "feat_bn"}


def test_the_defaults_are_the_papers_numbers():
    run = jvtc.JVTCConfig()
    assert (run.epochs, run.batch_size * run.views, run.learning_rate, run.new_rate) == (100, 128, 0.01, 10)
    assert [run.rate(epoch) for epoch in (0, 39, 40, 80)] == pytest.approx([1, 1, 0.1, 0.01])
    assert mmcl.MMCLConfig().encoder.embedding_dim == 2048 and not mmcl.MMCLConfig().encoder.linear
    assert act.ACTConfig().share(0) == pytest.approx(0.28) and act.ACTConfig().share(299) == pytest.approx(1)
    assert [act.ACTConfig().rate(epoch) for epoch in (0, 299)] == [1, 1]


def test_views_with_styles_are_of_distinct_cameras(data, persons):
    plain = dataclasses.replace(data.styles, images=PersonImages(data.styles.images.persons, **SIZE))
    views = draw_views(data.images, [0, 7, 29], 2, (0, 5), plain)
    assert views.shape == (3, 2, 3, 32, 16)
    for view, index in zip(views, (0, 7, 29), strict=True):
        own, other = plain.images.batch(plain.places[index].tolist())
        pair = {tuple(one.flatten().tolist()) for one in view}
        assert pair == {tuple(own.flatten().tolist()), tuple(other.flatten().tolist())}
    with pytest.raises(ValueError, match="views=3, wanted at most the 2 cameras"):
        draw_views(data.images, [0], 3, (0, 5), plain)


def test_views_without_styles_are_augmented_each_on_its_own(data):
    views = draw_views(data.images, [4], 3, (0, 1))[0]
    assert not torch.equal(views[0], views[1]) and not torch.equal(views[1], views[2])
    assert torch.equal(views, draw_views(data.images, [4], 3, (0, 1))[0])
    assert not torch.equal(views, draw_views(data.images, [4], 3, (0, 2))[0])


def test_missing_transfers_are_counted_and_named(persons, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"0001_c1s1_000000_00_fake_1to2.jpg is missing, one of 30"):
        read_styles(persons, tmp_path)
    with pytest.raises(ValueError, match="found 1 cameras"):
        read_styles(persons[:3], tmp_path)
    with pytest.raises(ValueError, match="has no camera"):
        read_styles([Person(Path("a.jpg"), 1, -1)], tmp_path)


def test_features_are_of_plain_images_in_eval_mode(data):
    encoder = random_encoder(TINY).train()
    features = embed_all(encoder, data.images, batch_size=7)
    assert encoder.training and features.shape == (30, 16)
    plain = PersonImages(data.images.persons, **SIZE).batch(range(30))
    torch.testing.assert_close(features, encoder.eval()(plain).unit)


def test_act_gives_an_outlier_the_label_of_the_nearest_clustered_image(data):
    state, losses = steps("act", data)
    next(losses)
    fresh = RUNS["act"](data)[1]
    features = embed_all(fresh.encoder, data.images, code=lambda codes: F.normalize(act.pooled(codes, 1)))
    noisy, clean = state.memory["noisy"].nonzero().flatten(), (~state.memory["noisy"]).nonzero().flatten()
    assert len(noisy) == state.reports[0]["outliers"] > 0
    for image in noisy:
        nearest = clean[(features[clean] @ features[image]).argmax()]
        assert state.labels[image] == state.labels[nearest]
