import copy
import dataclasses
import json
from collections.abc import Iterator
from itertools import count, islice

import pytest
import torch
from vg_layers import SingleDevice
from vg_video import g3an
from vg_video.data.clips import Batch
from vg_video.seeds import seeded

MICRO = g3an.G3ANConfig(
    generator=g3an.GeneratorConfig(
        appearance_dim=4, widths=(8, 8, 8, 8, 4), classes=("left", "right"), attention_after=1, spectral_norm=False
    ),
    video_discriminator=g3an.VideoDiscriminatorConfig(width=4, norm="none", classes=2),
    image_discriminator=g3an.ImageDiscriminatorConfig(width=4, norm="none"),
    steps=4,
    batch_size=3,
    learning_rate=2e-3,
    final_rate=0.1,
    frames_per_clip=2,
    r1_weight=0.5,
    r1_every=2,
    augment=True,
    ema_decay=0.9,
)
THESIS = dataclasses.replace(  # the nets of the thesis, with their norms, made narrow
    g3an.G3ANConfig(),
    generator=g3an.GeneratorConfig(appearance_dim=4, widths=(8, 8, 8, 8, 4), attention_after=1),
    video_discriminator=g3an.VideoDiscriminatorConfig(width=4),
    image_discriminator=g3an.ImageDiscriminatorConfig(width=4),
    steps=3,
    batch_size=3,
)


def clips(b: int, start: int = 0, frames: int = 16) -> Iterator[Batch]:
    """A bright square on dark ground that walks left (label 0) or right (label 1), another start in each clip."""
    for index in count(start):
        draw = seeded(7, index)
        label = torch.randint(2, (b,), generator=draw)
        video = torch.full((b, 3, frames, 64, 64), -0.8)
        for clip, right, place in zip(video, label, torch.randint(64, (b,), generator=draw), strict=True):
            for t in range(frames):
                clip[:, t, 24:40] = clip[:, t, 24:40].index_fill(
                    2, (place + (2 * right - 1) * 2 * t + torch.arange(16)) % 64, 0.8
                )
        yield Batch(index, video, label)


def run(state: g3an.TrainState, steps: int) -> list[dict[str, torch.Tensor]]:
    batches = clips(state.config.batch_size, state.step)
    return [step.losses for step in islice(g3an.train(state, batches), steps)]


@pytest.mark.parametrize("config", [MICRO, THESIS], ids=["tiny options", "thesis"])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(config):
    whole, first = g3an.TrainState(config, seed=5), g3an.TrainState(config, seed=5)
    losses = run(whole, config.steps)
    run(first, 2)
    saved = copy.deepcopy(first.state_dict())
    saved["meta"] = json.loads(json.dumps(saved["meta"]))
    resumed = g3an.TrainState(config, seed=5)
    resumed.load_state_dict(saved)
    rest = run(resumed, config.steps)
    assert resumed.step == whole.step == config.steps
    assert [{k: v.item() for k, v in step.items()} for step in rest] == [
        {k: v.item() for k, v in step.items()} for step in losses[2:]
    ]
    end, wanted = resumed.state_dict()["tensors"], whole.state_dict()["tensors"]
    assert end.keys() == wanted.keys()
    assert all(torch.equal(end[key], wanted[key]) for key in wanted)


def test_another_seed_or_rank_draws_other_noise():
    def first_losses(seed: int, rank: int) -> list[float]:
        engine = SingleDevice()
        engine.global_rank = rank
        state = g3an.TrainState(MICRO, seed, engine)
        state.generator.load_state_dict(g3an.TrainState(MICRO).generator.state_dict())
        step = next(g3an.train(state, clips(3)))
        return [step.losses["generator_video"].item(), step.losses["generator_image"].item()]

    assert first_losses(0, 0) == first_losses(0, 0)
    assert first_losses(0, 0) != first_losses(0, 1)
    assert first_losses(0, 0) != first_losses(1, 0)


def test_steps_and_losses_are_those_of_the_config():
    losses = run(g3an.TrainState(MICRO), 100)
    assert len(losses) == MICRO.steps
    names = {"video_discriminator", "image_discriminator", "generator_video", "generator_image"}
    names |= {"video_class", "generator_video_class"}  # MICRO has labels
    assert [set(step) - names for step in losses] == [{"video_r1", "image_r1"}, set()] * 2  # r1_every=2
    assert all(loss.isfinite() and not loss.requires_grad for step in losses for loss in step.values())


def test_nothing_is_trained_when_all_steps_are_done():
    state = g3an.TrainState(MICRO)
    state.step = MICRO.steps
    assert run(state, 1) == []


def test_without_averaging_the_sampled_generator_is_the_trained_one():
    state = g3an.TrainState(THESIS)
    run(state, 1)
    assert state.ema is None and state.averaged is state.generator


def test_the_learning_rate_falls_in_the_second_half_only():
    config = dataclasses.replace(MICRO, steps=100)
    assert [config.rate(step) for step in (0, 25, 50)] == [1, 1, 1]
    assert config.rate(75) == pytest.approx(0.55)
    assert config.rate(100) == pytest.approx(0.1)
    assert g3an.G3ANConfig().rate(50_000) == 1


def test_longer_clips_train_longer_videos():
    config = dataclasses.replace(MICRO, steps=1)
    (step,) = g3an.train(g3an.TrainState(config), clips(2, frames=20))
    assert step.losses["generator_video"].isfinite()


def test_the_video_discriminator_learns_labels_and_teaches_them_to_the_generator():
    config = dataclasses.replace(MICRO, r1_weight=0.0, augment=False)
    (losses,) = run(g3an.TrainState(config), 1)
    state, batch = g3an.TrainState(config), next(clips(config.batch_size))
    with torch.no_grad():
        _, classes = state.nets["video_discriminator"](batch.video)
    torch.testing.assert_close(losses["video_class"], torch.nn.functional.cross_entropy(classes, batch.label))
    assert losses["generator_video_class"].isfinite()
    unlabeled = run(g3an.TrainState(config.with_classes(())), 1)[0]
    assert not any("class" in name for name in unlabeled)


def test_wrong_labels_are_refused_with_half_the_weight_as_by_algorithm_1():
    told = dataclasses.replace(MICRO.video_discriminator, auxiliary=False)
    config = dataclasses.replace(MICRO, video_discriminator=told, r1_weight=0.0, augment=False)
    (found,) = run(g3an.TrainState(config), 1)
    state = g3an.TrainState(config)
    (without,) = run(g3an.TrainState(dataclasses.replace(config, wrong_labels=False)), 1)
    batch = next(clips(config.batch_size))
    with torch.no_grad():
        judge = state.nets["video_discriminator"]
        true, wrong = (judge(batch.video, label) for label in (batch.label, 1 - batch.label))  # of two labels
    refused = torch.nn.functional.softplus(-true).mean() + torch.nn.functional.softplus(wrong).mean()
    torch.testing.assert_close(found["video_discriminator"], (without["video_discriminator"] + refused) / 2)
    assert found["image_discriminator"] == without["image_discriminator"]


@pytest.mark.parametrize("norm", ["none", "spectral", "batch"])
def test_a_temporal_pyramid_takes_the_place_of_the_video_discriminator(norm):
    """Table 5.2: image discriminator, losses and optimizers stay."""
    config = dataclasses.replace(
        MICRO, pyramid_speeds=3, video_discriminator=dataclasses.replace(MICRO.video_discriminator, norm=norm)
    )
    state = g3an.TrainState(config)
    assert state.discriminators == (
        *("video_discriminator_1", "video_discriminator_2", "video_discriminator_4"),
        "image_discriminator",
    )
    losses = run(state, 2)
    assert {"generator_video_1", "generator_video_2", "generator_video_4", "video_4_r1"} <= losses[0].keys()
    assert all(loss.isfinite() for step in losses for loss in step.values())


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch(3, torch.zeros(2, 3, 16, 64, 64), torch.tensor([0, 1])), "batch 3 came at step 0"),
        (Batch(0, torch.zeros(2, 3, 18, 64, 64), torch.tensor([0, 1])), "nearest: 16 or 20"),
        (Batch(0, torch.zeros(2, 3, 16, 64, 64), None), "label is None"),
        (Batch(0, torch.zeros(2, 3, 16, 64, 64), torch.tensor([0, 2])), "from 0 to 1"),
        (Batch(0, torch.zeros(2, 3, 16, 32, 32), torch.tensor([0, 1])), "64, 64"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        next(g3an.train(g3an.TrainState(MICRO), iter([batch])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda meta, tensors: meta.update(system="mintgan"), "system is 'mintgan', wanted 'g3an'"),
        (lambda meta, tensors: meta.update(seed=1), "seed is 1, wanted 0"),
        (
            lambda meta, tensors: meta["config"]["generator"].update(motion_dim=9),
            "generator.motion_dim is 9, wanted 10",
        ),
        (lambda meta, tensors: tensors.pop("ema.updates"), "the first is ema.updates"),
        (lambda meta, tensors: tensors.update(extra=torch.zeros(1)), "the first is extra"),
    ],
)
def test_a_state_of_another_run_is_refused_by_name(change, message):
    state = g3an.TrainState(MICRO)
    saved = copy.deepcopy(state.state_dict())
    change(saved["meta"], saved["tensors"])
    with pytest.raises(ValueError, match="state") as error:
        state.load_state_dict(saved)
    assert message in str(error.value)


def test_training_gives_samples_the_brightness_contrast_and_motion_of_the_clips():
    """A journey: train on walking squares, sample, compare."""
    config = dataclasses.replace(MICRO, steps=45, learning_rate=5e-3, final_rate=1.0, augment=False)
    state = g3an.TrainState(config, seed=1)
    real = next(clips(32)).video

    def brightness(video: torch.Tensor) -> torch.Tensor:
        return (video.mean((0, 1, 2, 4)) - real.mean((0, 1, 2, 4))).abs().mean()  # of each row

    before = g3an.sample(state.averaged, 16, seed=1)
    run(state, config.steps)
    after = g3an.sample(state.averaged, 16, seed=1)
    assert brightness(after) < brightness(before)
    assert before.std() < 0.2 * real.std() and 0.4 * real.std() < after.std()
    motion, wanted = ([video.diff(dim=2).abs().mean() for video in (before, after)], real.diff(dim=2).abs().mean())
    assert motion[0] < 0.1 * wanted and 0.5 * wanted < motion[1]
