import copy
import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from vg_layers.configs import config_dict, from_dict
from vg_video import mocogan
from vg_video.data.clips import Batch
from vg_video.sampling import sample
from vg_video.seeds import seeded

LABELS = ("left", "right")
NETS = {"content_dim": 4, "motion_dim": 3, "widths": (8, 6, 5, 4)}
PLAIN = dataclasses.replace(  # the released recipe, made narrow
    mocogan.MoCoGANConfig(),
    generator=mocogan.GeneratorConfig(**NETS),
    video_discriminator=mocogan.VideoDiscriminatorConfig(width=2),
    image_discriminator=mocogan.ImageDiscriminatorConfig(width=2),
    steps=3,
    batch_size=3,
)
LABELLED = PLAIN.with_classes(LABELS)
IMAGE = dataclasses.replace(
    mocogan.image_conditioned(LABELS),
    generator=mocogan.GeneratorConfig(**NETS, frames=17, image_conditioned=True, classes=LABELS),
    video_discriminator=mocogan.VideoDiscriminatorConfig(width=2, classes=2),
    image_discriminator=PLAIN.image_discriminator,
    steps=3,
    batch_size=3,
)
OPTIONS = dataclasses.replace(  # what tiny recipes use besides
    LABELLED,
    video_discriminator=mocogan.VideoDiscriminatorConfig(width=2, classes=2, norm="none"),
    image_discriminator=mocogan.ImageDiscriminatorConfig(width=2, patch=False, norm="none"),
    steps=4,
    final_rate=0.1,
    frames_per_clip=2,
    r1_weight=0.5,
    r1_every=2,
    augment=True,
    ema_decay=0.9,
)


def changed(config: mocogan.MoCoGANConfig, video: dict[str, Any], image: dict[str, Any]) -> mocogan.MoCoGANConfig:
    """The same run with other discriminators."""
    return dataclasses.replace(
        config,
        video_discriminator=dataclasses.replace(config.video_discriminator, **video),
        image_discriminator=dataclasses.replace(config.image_discriminator, **image),
    )


NOISY = changed(LABELLED, {"noise": 0.1}, {"noise": 0.1})
PYRAMID = dataclasses.replace(LABELLED, pyramid_speeds=2)


def clips(b: int, start: int = 0, frames: int = 16) -> Iterator[Batch]:
    """A bright square that walks left (label 0) or right (1), another place and ground in each clip."""
    for index in count(start):
        draw = seeded(7, index)
        label = torch.randint(2, (b,), generator=draw)
        place, ground = torch.randint(64, (b,), generator=draw), torch.rand(b, 3, generator=draw) - 1
        first = place[:, None] + (2 * label[:, None] - 1) * torch.arange(frames)
        columns = (first[..., None] + torch.arange(16)) % 64  # (b, t, 16)
        rows = torch.zeros(b, frames, 64).scatter(2, columns, 1.0)
        video = ground[:, :, None, None, None].repeat(1, 1, frames, 64, 64)
        video[:, :, :, 24:40] += rows[:, None, :, None]
        yield Batch(index, video, label)


def run(state: mocogan.TrainState, steps: int) -> list[dict[str, Tensor]]:
    batches = clips(state.config.batch_size, state.step, state.config.generator.frames)
    return [step.losses for step in islice(mocogan.train(state, batches), steps)]


@contextmanager
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


class Adam:
    """The optimizer written out, with the released numbers."""

    def __init__(self, net: nn.Module) -> None:
        self.parameters, self.steps = list(net.parameters()), 0
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]

    def descend(self, loss: Tensor) -> None:
        self.steps += 1
        gradients = torch.autograd.grad(loss, self.parameters)
        with torch.no_grad():
            for p, m, v, g in zip(self.parameters, self.first, self.second, gradients, strict=True):
                g = g + 1e-5 * p
                m.mul_(0.5).add_(0.5 * g)
                v.mul_(0.999).add_(0.001 * g**2)
                at = m / (1 - 0.5**self.steps), v / (1 - 0.999**self.steps)
                p -= 2e-4 * at[0] / (at[1].sqrt() + 1e-8)


def verdict(scores: Tensor, real: bool) -> Tensor:
    """Binary cross-entropy, place by place."""
    probability = scores.sigmoid()
    return -(probability if real else 1 - probability).log().mean()


def told(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy, clip by clip."""
    return -torch.stack([row.softmax(0)[one].log() for row, one in zip(logits, label, strict=True)]).mean()


@pytest.mark.parametrize("config", [PLAIN, LABELLED, IMAGE], ids=["noise", "labels", "image and labels"])
def test_two_steps_are_the_released_ones_written_out(config):
    """D_I and D_V on clips of one draw, G on clips of another; batch norm has the statistics of each forward."""
    with float64():
        state = mocogan.TrainState(config)
        g, d_v, d_i = (copy.deepcopy(net) for net in state.nets.values())
        of_g, of_v, of_i = Adam(g), Adam(d_v), Adam(d_i)
        batches = [
            Batch(b.index, b.video.double(), b.label) for b in islice(clips(3, frames=config.generator.frames), 2)
        ]
        found = [step.losses for step in mocogan.train(state, batches)]
        for step, batch in enumerate(batches):
            x, label = batch.video, batch.label if config.generator.classes else None

            def made(draws: list[torch.Generator], x: Tensor = x, label: Tensor | None = label) -> Tensor:
                noise = [g.latents(x.shape[2], draw) for draw in draws]
                image = x[:, :, 0] if config.generator.image_conditioned else None
                return g(**{k: torch.stack([one[k] for one in noise]) for k in noise[0]}, image=image, label=label)

            def frames(video: Tensor, draws: list[torch.Generator]) -> Tensor:
                times = [int(torch.rand(1, video.shape[2], generator=draw).argsort()[0, 0]) for draw in draws]
                return torch.stack([clip[:, t] for clip, t in zip(video, times, strict=True)])

            def judged(video: Tensor) -> tuple[Tensor, Tensor]:
                return d_v(video) if config.generator.classes else (d_v(video), torch.zeros(3, 2))

            draws = [seeded(0, step, 0, i) for i in range(3)]
            fake = made(draws).detach()
            real_frames, fake_frames = frames(x, draws), frames(fake, draws)
            wanted = {"image_discriminator": verdict(d_i(real_frames), True) + verdict(d_i(fake_frames), False)}
            scores, classes = judged(x)
            wanted["video_discriminator"] = verdict(scores, True) + verdict(judged(fake)[0], False)
            if label is not None:
                wanted["video_class"] = told(classes, label)
            of_i.descend(wanted["image_discriminator"])
            of_v.descend(wanted["video_discriminator"] + wanted.get("video_class", 0))

            draws = [seeded(0, step, 1, i) for i in range(3)]
            fake = made(draws)
            frames(x, draws)
            scores, classes = judged(fake)
            by_g = {"generator_video": verdict(scores, True)}
            by_g["generator_image"] = verdict(d_i(frames(fake, draws)), True)
            if label is not None:
                by_g["generator_video_class"] = told(classes, label)
            if config.generator.image_conditioned:
                by_g["first_frame"] = 10 * (fake[:, :, 0] - x[:, :, 0]).abs().mean()
            of_g.descend(sum(by_g.values()))
            assert {name: loss.item() for name, loss in found[step].items()} == pytest.approx(
                {name: loss.item() for name, loss in (wanted | by_g).items()}, rel=1e-6
            )
        for net, slow in zip(state.nets.values(), (g, d_v, d_i), strict=True):
            for name, value in slow.state_dict().items():
                torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-7, atol=1e-9, msg=name)


@pytest.mark.parametrize("config", [LABELLED, IMAGE, OPTIONS, NOISY, PYRAMID])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(config):
    whole, first = mocogan.TrainState(config, seed=5), mocogan.TrainState(config, seed=5)
    losses = run(whole, config.steps)
    run(first, 2)
    saved = copy.deepcopy(first.state_dict())
    saved["meta"] = json.loads(json.dumps(saved["meta"]))
    torch.manual_seed(9)  # nothing is drawn from PyTorch's own source
    resumed = mocogan.TrainState(config, seed=5)
    resumed.load_state_dict(saved)
    rest = run(resumed, config.steps)
    assert resumed.step == whole.step == config.steps
    assert [{k: v.item() for k, v in step.items()} for step in rest] == [
        {k: v.item() for k, v in step.items()} for step in losses[2:]
    ]
    end, wanted = resumed.state_dict()["tensors"], whole.state_dict()["tensors"]
    assert end.keys() == wanted.keys()
    assert all(torch.equal(end[key], wanted[key]) for key in wanted)


COMMON = {"video_discriminator", "image_discriminator", "generator_video", "generator_image"}
CLASS = {"video_class", "generator_video_class"}
SPEEDS = {f"{side}_{speed}" for side in ("video_discriminator", "generator_video") for speed in (1, 2)}
STILL = {"image_discriminator", "generator_image"}
SWITCHES = {
    "noise": (PLAIN, COMMON),
    "labels": (LABELLED, COMMON | CLASS),
    "image and labels": (IMAGE, COMMON | CLASS | {"first_frame"}),
    "image": (IMAGE.with_classes(()), COMMON | {"first_frame"}),
    "any first frame": (dataclasses.replace(IMAGE, first_frame_weight=0.0), COMMON | CLASS),
    "patches of clips": (changed(PLAIN, {"patch": True}, {}), COMMON),
    "whole frames": (changed(PLAIN, {}, {"patch": False}), COMMON),
    "tiny options": (OPTIONS, COMMON | CLASS | {"video_r1", "image_r1"}),
    "pyramid": (dataclasses.replace(PLAIN, pyramid_speeds=2), STILL | SPEEDS),
    "pyramid and labels": (
        PYRAMID,
        STILL | SPEEDS | {"video_1_class", "video_2_class", "generator_video_1_class", "generator_video_2_class"},
    ),
    "autoencoders": (dataclasses.replace(PLAIN, loss="began"), COMMON),
    "autoencoders and labels": (dataclasses.replace(LABELLED, loss="began"), COMMON),
    "pyramid of autoencoders and labels": (dataclasses.replace(PYRAMID, loss="began"), STILL | SPEEDS),
    "another loss": (
        dataclasses.replace(LABELLED, loss="wgan-gp"),
        COMMON | CLASS | {"video_wgan-gp", "image_wgan-gp"},
    ),
}


def parameters(state: mocogan.TrainState) -> list[tuple[str, torch.Size]]:
    return [(f"{name}.{key}", p.shape) for name, net in state.nets.items() for key, p in net.named_parameters()]


@pytest.mark.parametrize("name", SWITCHES)
def test_a_step_has_the_losses_of_its_switches(name):
    config, wanted = SWITCHES[name]
    (losses,) = run(mocogan.TrainState(config), 1)
    assert losses.keys() == wanted
    assert all(loss.isfinite() and not loss.requires_grad for loss in losses.values())


def test_each_switch_changes_the_parameters_or_the_losses():
    rows = {(*parameters(mocogan.TrainState(config)), *sorted(losses)) for config, losses in SWITCHES.values()}
    assert len(rows) == len(SWITCHES)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, (config, _) in SWITCHES.items() if config.loss != "began"])
def test_each_switch_trains_twenty_steps(name):
    state = mocogan.TrainState(dataclasses.replace(SWITCHES[name][0], steps=20))
    before = {key: value.clone() for key, value in state.generator.state_dict().items()}
    losses = run(state, 20)
    assert len(losses) == 20
    assert all(loss.isfinite() for step in losses for loss in step.values())
    after = state.generator.state_dict()
    assert all(after[key].isfinite().all() for key in after)
    assert any(not torch.equal(after[key], before[key]) for key in after)


def test_noise_in_the_discriminators_changes_the_losses_but_not_from_run_to_run():
    first, again, without = (run(mocogan.TrainState(config), 1)[0] for config in (NOISY, NOISY, LABELLED))
    assert all(first[name] == again[name] for name in first)
    assert all(first[name] != without[name] for name in COMMON)


def test_the_generators_update_is_on_clips_of_its_own():
    """With discriminators that stand still, its loss is not the one on the clips that they were shown."""
    state = mocogan.TrainState(dataclasses.replace(LABELLED, discriminator_learning_rate=1e-30))
    seen = []
    state.nets["video_discriminator"].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    run(state, 1)
    real, fake, fresh = seen
    assert real.shape == fake.shape == fresh.shape
    assert (fake - fresh).abs().amax(dim=(1, 2, 3, 4)).min() > 1e-3


@pytest.mark.parametrize("config", [LABELLED, IMAGE], ids=["labels", "image and labels"])
def test_samples_come_from_the_averaged_generator_at_any_length(config, rng):
    state = mocogan.TrainState(config)
    run(state, 1)
    images = torch.rand(2, 3, 64, 64, generator=rng) * 2 - 1 if config.generator.image_conditioned else None
    for frames in (1, 16, 33):
        clips = sample(state.averaged, 3, seed=1, label="right", frames=frames, images=images, batch_size=2)
        assert clips.shape == (3, 3, frames, 64, 64)
    alone = sample(state.averaged, 1, seed=1, label="right", frames=33, images=images)
    torch.testing.assert_close(alone[0], clips[0])


def test_tiny_trains_with_labels_and_survives_json():
    config = mocogan.tiny(LABELS)
    assert config.generator.classes == LABELS
    assert from_dict(mocogan.MoCoGANConfig, json.loads(json.dumps(config_dict(config)))) == config
    (losses,) = run(mocogan.TrainState(dataclasses.replace(config, batch_size=2)), 1)
    assert losses.keys() == COMMON | CLASS | {"video_r1", "image_r1"}


@pytest.mark.parametrize(
    ("config", "batch", "message"),
    [
        (LABELLED, Batch(3, torch.zeros(2, 3, 16, 64, 64), torch.tensor([0, 1])), "batch 3 came at step 0"),
        (LABELLED, Batch(0, torch.zeros(2, 3, 15, 64, 64), torch.tensor([0, 1])), "t >= 16"),
        (LABELLED, Batch(0, torch.zeros(2, 3, 16, 64, 64), None), "label is None"),
        (LABELLED, Batch(0, torch.zeros(2, 3, 16, 64, 64), torch.tensor([0, 2])), "from 0 to 1"),
        (IMAGE, Batch(0, torch.zeros(2, 3, 16, 32, 64), torch.tensor([0, 1])), "image has shape"),
        (PYRAMID, Batch(0, torch.zeros(2, 3, 32, 64, 64), torch.tensor([0, 1])), "wanted .2, 3, 16, 64, 64."),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(config, batch, message):
    with pytest.raises(ValueError, match=message):
        next(mocogan.train(mocogan.TrainState(config), iter([batch])))


def test_defaults_are_the_released_numbers():
    config, image = mocogan.MoCoGANConfig(), mocogan.image_conditioned(LABELS)
    for of in (config, image):
        assert (of.learning_rate, of.discriminator_learning_rate, of.betas, of.loss) == (2e-4, None, (0.5, 0.999), "ns")
        assert (of.weight_decay, of.batch_size, of.steps, of.frames_per_clip) == (1e-5, 32, 100_000, 1)
        assert not (of.r1_weight or of.augment or of.ema_decay or of.pyramid_speeds or of.generator_first)
    assert (config.generator.frames, config.first_frame_weight) == (16, 0.0)
    assert (image.generator.frames, image.first_frame_weight) == (32, 10.0)
    assert (image.generator.classes, image.video_discriminator.classes) == (LABELS, 2)
    decays = {group["weight_decay"] for o in mocogan.TrainState(PLAIN).optimizers.values() for group in o.param_groups}
    assert decays == {1e-5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first_frame_weight": 1.0}, "first_frame_weight=1.0, wanted 0 unless generator.image_conditioned"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0, wanted at least 0"),
        ({"frames_per_clip": 0}, "frames_per_clip=0"),
        ({"video_discriminator": mocogan.VideoDiscriminatorConfig(classes=2)}, "classes=2, wanted 0 as in generator"),
        (
            {"pyramid_speeds": 2, "video_discriminator": mocogan.VideoDiscriminatorConfig(patch=True)},
            "patches or noise, wanted none",
        ),
        ({"pyramid_speeds": 5}, "frames=16 with speeds=5"),
    ],
)
def test_settings_that_make_no_run_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PLAIN, **change)
