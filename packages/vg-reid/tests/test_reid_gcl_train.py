import dataclasses
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from vg_reid import gcl
from vg_reid.data.augment import Augment
from vg_reid.data.images import PersonImages
from vg_reid.data.layouts import Person, digest
from vg_reid.epochs import epoch_batches
from vg_reid.gcl.batches import read_batch
from vg_reid.gcl.views import generate_views

HEIGHT, WIDTH, PERSONS, EACH = 48, 40, 4, 6


class Silhouettes:
    """Projections as `vg_reid.mesh.projections` gives them: an upright bar, narrower or wider with the turn."""

    def original(self, indices) -> Tensor:
        return self.rotated(indices, [0] * len(indices))

    def rotated(self, indices, azimuths) -> Tensor:
        bars = torch.full((len(indices), 1, HEIGHT, WIDTH), -1.0)
        for bar, index, azimuth in zip(bars, indices, azimuths, strict=True):
            half = 4 + index % 3 + azimuth // 45
            bar[:, 4:44, WIDTH // 2 - half : WIDTH // 2 + half] = 1.0
        return bars


class Watched(PersonImages):
    """Remembers which images were asked for."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[list[int]] = []

    def batch(self, indices, *, seed=0) -> Tensor:
        self.seen.append(list(indices))
        return super().batch(indices, seed=seed)


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> list[Person]:
    """Four persons of one color each, six noisy photos of them."""
    root, draw = tmp_path_factory.mktemp("people"), np.random.default_rng(0)
    colors = np.array([[220, 30, 30], [30, 220, 30], [30, 30, 220], [200, 200, 40]])
    persons = []
    for pid in range(PERSONS):
        for number in range(EACH):
            pixels = colors[pid] + draw.normal(scale=25, size=(HEIGHT, WIDTH, 3))
            path = root / f"{pid + 1:04d}_c{number % 2 + 1}s1_{number:06d}_00.png"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
            persons.append(Person(path, pid + 1, number % 2))
    return persons


@pytest.fixture
def images(people) -> Watched:
    return Watched(people, height=HEIGHT, width=WIDTH)


@pytest.fixture(scope="module")
def config() -> gcl.GCLConfig:
    """Two steps an epoch, one epoch of stage 2 and two of stage 3, with nets of a few channels."""
    tiny = gcl.tiny()
    size = {"height": HEIGHT, "width": WIDTH}
    return dataclasses.replace(
        tiny,
        encoder=dataclasses.replace(tiny.encoder, embedding_dim=16, **size),
        generator=dataclasses.replace(
            tiny.generator,
            structure=dataclasses.replace(tiny.generator.structure, channels=8, blocks=1),
            decoder=dataclasses.replace(tiny.generator.decoder, channels=8, hidden=8),
            **size,
        ),
        discriminator=dataclasses.replace(tiny.discriminator, channels=4, scales=2),
        clusters=gcl.Clustering(share=0.15, k1=6, k2=3),
        schedule=gcl.Schedule(warm_up_epochs=1, joint_epochs=2, epoch_steps=2, batch_size=4, decay_after=1),
    )


def losses_of(steps) -> list[dict[str, float]]:
    return [{name: float(loss) for name, loss in step.losses.items()} for step in steps]


def stored(state: gcl.TrainState) -> dict:
    """A state as a checkpoint has it: copied tensors, and JSON."""
    found = state.state_dict()
    tensors = {name: tensor.clone() for name, tensor in found["tensors"].items()}
    return {"tensors": tensors, "meta": json.loads(json.dumps(found["meta"]))}


def test_a_run_that_was_interrupted_ends_bit_for_bit_as_one_that_was_not(config, images):
    whole = gcl.TrainState(config, seed=3)
    kept, losses = {0: stored(whole)}, []
    for step in gcl.train(whole, images, Silhouettes()):
        losses += losses_of([step])
        kept[step.index + 1] = stored(whole)
    assert len(losses) == 6 and whole.done
    for start in (0, 1, 2, 3, 4):  # before and in stage 2, at the start of stage 3, in it, between its epochs
        state = gcl.TrainState(config, seed=3)
        state.load_state_dict(kept[start])
        assert losses_of(gcl.train(state, images, Silhouettes())) == losses[start:]
        for name, tensor in state.state_dict()["tensors"].items():
            assert torch.equal(tensor, kept[6]["tensors"][name]), name
        assert state.state_dict()["meta"] == whole.state_dict()["meta"]


def test_stage_2_leaves_the_identity_encoder_alone_and_stage_3_trains_it(config, images):
    state = gcl.TrainState(config)
    before = {name: value.clone() for name, value in state.encoder.state_dict().items()}
    structure = state.generator.structure_encoder.stem[0][0].weight.clone()
    for step in gcl.train(state, images, Silhouettes()):
        same = all(torch.equal(value, before[name]) for name, value in state.encoder.state_dict().items())
        assert same == (step.index < 2)
        assert ("original_memory" in step.losses) == (step.index >= 2)
    assert not torch.equal(state.generator.structure_encoder.stem[0][0].weight, structure)


def test_stage_3_sees_clustered_images_only_and_tells_of_its_clusters(config, images, monkeypatch):
    labels = np.repeat(np.arange(PERSONS), EACH)
    labels[[5, 11]] = -1

    def cluster(features, *, report, **_):
        from vg_reid.pseudo import clusters_report

        assert features.shape == (PERSONS * EACH, 16)
        report(clusters_report(labels, 0.3))
        return labels

    monkeypatch.setattr(importlib.import_module("vg_reid.gcl.train"), "cluster", cluster)
    long = dataclasses.replace(config, schedule=dataclasses.replace(config.schedule, epoch_steps=0))
    state = gcl.TrainState(long)
    for _ in gcl.train(state, images, Silhouettes()):
        pass
    assert {index for batch in images.seen[:6] for index in batch} == set(range(24))
    assert len(images.seen) == 6 + 5 + 5
    assert not {5, 11} & {index for batch in images.seen[6:] for index in batch}
    assert [report["epoch"] for report in state.reports] == [1, 2]
    assert state.reports[0] | {"epoch": 0} == {
        "epoch": 0,
        "images": 24,
        "clusters": 4,
        "outliers": 2,
        "smallest": 5,
        "largest": 6,
        "eps": 0.3,
    }


GAN = {"discriminator", "adversarial", "image", "feature"}


@pytest.mark.parametrize(
    ("generation", "terms", "wanted"),
    [
        (True, (), GAN),
        (False, ("original_memory",), {"contrast"}),
        (True, ("original_memory",), GAN | {"original_memory"}),
        (True, ("original_memory", "generated_original"), GAN | {"original_memory", "generated_original"}),
        (
            True,
            ("original_memory", "generated_original", "generated_memory"),
            GAN | {"original_memory", "generated_original", "generated_memory"},
        ),
    ],
    ids=["gan", "vi without gan", "gan + vi", "gan + vi + vi'", "gan + vi + vi' + vi''"],
)
def test_each_row_of_table_6_3_trains_with_its_losses(generation, terms, wanted, config, images):
    schedule = dataclasses.replace(config.schedule, warm_up_epochs=0, joint_epochs=1, epoch_steps=1)
    row = dataclasses.replace(config, generation=generation, contrast=gcl.Contrast(terms=terms), schedule=schedule)
    state = gcl.TrainState(row)
    before = state.encoder.conv1.weight.clone()
    (step,) = gcl.train(state, images, Silhouettes() if generation else None)
    assert step.losses.keys() == wanted
    assert not torch.equal(state.encoder.conv1.weight, before)
    assert (state.bank is None) == (not terms)


def test_rows_of_the_table_start_from_one_warm_up(config, images):
    first = gcl.TrainState(config)
    steps = gcl.train(first, images, Silhouettes())
    for _ in range(2):
        next(steps)
    end_of_stage_2 = stored(first)
    row = dataclasses.replace(config, contrast=gcl.Contrast(terms=("original_memory",)))
    second = gcl.TrainState(row)
    with pytest.raises(ValueError, match=r"contrast\.terms"):
        second.load_state_dict(end_of_stage_2)
    second.load_warm_up(end_of_stage_2)
    assert second.joint and second.step == 2
    assert all(
        torch.equal(end_of_stage_2["tensors"][name], value) for name, value in second.state_dict()["tensors"].items()
    )
    next(steps)
    with pytest.raises(ValueError, match="wanted the end of stage 2, epoch 1"):
        gcl.TrainState(row).load_warm_up(stored(first))
    other = dataclasses.replace(row, generative=dataclasses.replace(row.generative, image_weight=1.0))
    with pytest.raises(ValueError, match=r"generative\.image_weight is 20\.0, wanted 1\.0"):
        gcl.TrainState(other).load_warm_up(end_of_stage_2)


def test_a_shared_warm_up_fixes_what_stage_2_read_of_the_schedule_and_no_more(config, images):
    first = gcl.TrainState(config)
    for _, _step in zip(range(2), gcl.train(first, images, Silhouettes()), strict=False):
        pass
    end_of_stage_2 = stored(first)
    third = {"joint_epochs": 5, "encoder_rate": 0.1, "momentum": 0.0, "decay": 0.5, "decay_after": 2}
    schedule = dataclasses.replace(config.schedule, **third, decay_all=False)
    gcl.TrainState(dataclasses.replace(config, schedule=schedule)).load_warm_up(end_of_stage_2)
    for change in ({"learning_rate": 1.0}, {"batch_size": 6}, {"epoch_steps": 3}, {"weight_decay": 0.0}):
        schedule = dataclasses.replace(config.schedule, **change)
        with pytest.raises(ValueError, match=rf"schedule\.{next(iter(change))} is"):
            gcl.TrainState(dataclasses.replace(config, schedule=schedule)).load_warm_up(end_of_stage_2)


def test_learning_rates_fall_after_the_epochs_of_6_4_2():
    for config, generator in ((gcl.GCLConfig(), 1e-5), (gcl.official(), 1e-4)):
        state = gcl.TrainState(dataclasses.replace(gcl.tiny(), schedule=config.schedule))
        found = {}
        for epoch in (0, 40, 49, 50, 59):
            state.epoch = epoch
            state.set_rates()
            found[epoch] = {name: optimizer.param_groups[0]["lr"] for name, optimizer in state.optimizers.items()}
        assert found[0] == found[49] == {"encoder": 3.5e-4, "generator": 1e-4, "discriminator": 1e-4}
        late = {"encoder": 3.5e-5, "generator": generator, "discriminator": generator}
        assert found[50] == found[59] == pytest.approx(late)
        assert config.schedule.epochs == 60


def test_epochs_are_permutations_that_depend_on_seed_and_epoch_alone():
    members = torch.arange(3, 40, 2)
    epochs = [epoch_batches(members, 4, seed=seed, epoch=epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0))]
    assert epochs[0] == epochs[3] != epochs[1] != epochs[2]
    for batches in epochs:
        flat = [index for batch in batches for index in batch]
        assert [len(batch) for batch in batches] == [4] * 4
        assert len(set(flat)) == 16 and set(flat) <= set(members.tolist())
    assert epoch_batches(members, 4, seed=0, epoch=0, most=2) == epochs[0][:2]
    (few,) = epoch_batches(members, 50, seed=0, epoch=0)
    assert sorted(few) == members.tolist()


def test_new_views_are_drawn_from_all_angles_alike(config, images):
    state, drawn = gcl.TrainState(config), []

    class Asked(Silhouettes):
        def rotated(self, indices, azimuths) -> Tensor:
            drawn.extend(azimuths)
            return super().rotated(indices, azimuths)

    for state.step in range(70):
        read_batch(state, images, Asked(), [0, 1, 2, 3])
    counts = [drawn.count(azimuth) for azimuth in config.azimuths]
    assert config.azimuths == (45, 90, 135, 180, 225, 270, 315)
    assert sum(counts) == 280 and min(counts) > 20  # 40 each on average, deviation 6


def test_augmentation_is_a_function_of_the_step(config, people):
    alone = dataclasses.replace(config, generation=False)
    images = PersonImages(people, height=HEIGHT, width=WIDTH, augment=Augment())
    state = gcl.TrainState(alone)
    first, second = (read_batch(state, images, None, [0, 5]) for _ in range(2))
    state.step = 1
    third = read_batch(state, images, None, [0, 5])
    assert torch.equal(first.images, second.images) and not torch.equal(first.images, third.images)
    with pytest.raises(ValueError, match="flipped or cropped"):
        next(gcl.train(gcl.TrainState(config), images, Silhouettes()))


def test_views_show_the_photo_and_every_angle_and_change_nothing(config, images):
    state = gcl.TrainState(config)
    state.encoder.train()
    before = {name: value.clone() for name, value in state.encoder.state_dict().items()}
    projections, views = generate_views(state.encoder, state.generator, images, Silhouettes(), [0, 7], (90, 180))
    assert projections.shape == (2, 3, 1, HEIGHT, WIDTH) and views.shape == (2, 3, 3, HEIGHT, WIDTH)
    assert torch.equal(projections[:, 0], Silhouettes().original([0, 7]))
    assert torch.equal(projections[:, 2], Silhouettes().rotated([0, 7], [180, 180]))
    assert state.encoder.training
    assert all(torch.equal(value, before[name]) for name, value in state.encoder.state_dict().items())


def test_what_does_not_belong_to_the_run_is_refused(config, people, images):
    with pytest.raises(ValueError, match="found no projections"):
        next(gcl.train(gcl.TrainState(config), images))
    with pytest.raises(ValueError, match="images are 24x12, wanted 48x40"):
        next(gcl.train(gcl.TrainState(config), PersonImages(people, height=24, width=12), Silhouettes()))
    with pytest.raises(ValueError, match="at least 2"):
        next(gcl.train(gcl.TrainState(config), PersonImages(people[:1], height=HEIGHT, width=WIDTH), Silhouettes()))
    state = gcl.TrainState(config)
    next(gcl.train(state, images, Silhouettes()))
    fewer = PersonImages(people[1:], height=HEIGHT, width=WIDTH)
    with pytest.raises(ValueError, match="memory bank is of other images"):
        next(gcl.train(state, fewer, Silhouettes()))
    with pytest.raises(ValueError, match=r"found 5 images, wanted at least clusters\.k1=6"):
        next(gcl.train(gcl.TrainState(config), PersonImages(people[:5], height=HEIGHT, width=WIDTH), Silhouettes()))
    with pytest.raises(ValueError, match="seed is 0, wanted 1"):
        gcl.TrainState(config, seed=1).load_state_dict(stored(state))
    damaged = stored(state)
    del damaged["tensors"]["generator.decoder.tail.1.0.weight"]
    with pytest.raises(ValueError, match=r"1 missing.*generator\.decoder\.tail\.1\.0\.weight"):
        gcl.TrainState(config).load_state_dict(damaged)
    with pytest.raises(ValueError, match="the encoder to start from is"):
        gcl.TrainState(config, encoder=gcl.TrainState(gcl.tiny()).encoder)


def test_images_of_one_folder_a_person_are_told_apart_by_their_folders():
    def persons(*paths: str) -> list[Person]:
        return [Person(Path(path), 1, 0) for path in paths]

    first = digest(persons("a/anna/c1_0.jpg", "a/ben/c1_0.jpg"))
    assert first != digest(persons("a/anna/c1_0.jpg", "a/carl/c1_0.jpg"))
    assert first == digest(persons("/b/c/anna/c1_0.jpg", "/b/c/ben/c1_0.jpg"))  # the same set at another place
    assert digest(persons("a/1.jpg")) == digest(persons("b/1.jpg")) != digest(persons("a/2.jpg"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gcl.Clustering(rule="nope"), "rule='nope', wanted one of share, fixed"),
        (lambda: gcl.Clustering(share=7), "share=7, wanted above 0 and at most 1"),
        (lambda: gcl.Clustering(eps=1.0), "eps=1, wanted at least 0 and below 1"),
        (lambda: gcl.Clustering(min_samples=0), "min_samples=0, wanted at least 1"),
        (lambda: gcl.Clustering(k1=5, k2=9), "k2=9, wanted 1 to k1=5"),
        (lambda: gcl.Contrast(momentum=3), "momentum=3, wanted at least 0 and below 1"),
    ],
)
def test_settings_of_stage_3_are_refused_before_stage_2_begins(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_settings_that_do_not_fit_together_are_refused():
    tiny = gcl.tiny()
    with pytest.raises(ValueError, match="the generator makes 128x64 pixels, wanted 64x64"):
        dataclasses.replace(tiny, encoder=dataclasses.replace(tiny.encoder, height=64))
    with pytest.raises(ValueError, match="code_dim=1024, wanted 512"):
        dataclasses.replace(tiny, encoder=dataclasses.replace(tiny.encoder, parts=2))
    with pytest.raises(ValueError, match="neither generation nor terms"):
        dataclasses.replace(tiny, generation=False, contrast=gcl.Contrast(terms=()))
    with pytest.raises(ValueError, match="batch_size=1, wanted at least 2"):
        gcl.Schedule(batch_size=1)
    with pytest.raises(ValueError, match="norm_updates has"):
        dataclasses.replace(tiny, norm_updates=("generated",))
