import copy
import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers.adversarial import LossKind
from vg_video import vgan
from vg_video.data.clips import Batch
from vg_video.seeds import seeded

NOISE = dataclasses.replace(  # the released recipes, made narrow
    vgan.VGANConfig(),
    generator=vgan.GeneratorConfig(noise_dim=4, widths=(6, 5, 4, 3)),
    video_discriminator=vgan.VideoDiscriminatorConfig(width=2),
    steps=3,
    batch_size=2,
)
IMAGE = dataclasses.replace(
    vgan.image_conditioned(),
    generator=vgan.GeneratorConfig(noise_dim=0, widths=(6, 5, 4, 3), image_conditioned=True),
    video_discriminator=vgan.VideoDiscriminatorConfig(width=2),
    steps=3,
    batch_size=2,
).with_classes(("left", "right"))
OPTIONS = dataclasses.replace(  # what tiny recipes use besides
    NOISE,
    video_discriminator=vgan.VideoDiscriminatorConfig(width=2, norm="none"),
    steps=4,
    final_rate=0.1,
    r1_weight=0.5,
    r1_every=2,
    augment=True,
    ema_decay=0.9,
    generator_first=False,
)


def clips(b: int, start: int = 0, frames: int = 32) -> Iterator[Batch]:
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


def run(state: vgan.TrainState, steps: int) -> list[dict[str, Tensor]]:
    batches = clips(state.config.batch_size, state.step)
    return [step.losses for step in islice(vgan.train(state, batches), steps)]


@contextmanager
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


class Adam:
    """The optimizer written out, with a first beta of 0.5."""

    def __init__(self, net: nn.Module, rate: float) -> None:
        self.parameters, self.rate, self.steps = list(net.parameters()), rate, 0
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]

    def descend(self, gradients: tuple[Tensor, ...]) -> None:
        self.steps += 1
        with torch.no_grad():
            for p, m, v, g in zip(self.parameters, self.first, self.second, gradients, strict=True):
                m.mul_(0.5).add_(0.5 * g)
                v.mul_(0.999).add_(0.001 * g**2)
                at = m / (1 - 0.5**self.steps), v / (1 - 0.999**self.steps)
                p -= self.rate * at[0] / (at[1].sqrt() + 1e-8)


def two_outputs(net: vgan.VideoDiscriminator, video: Tensor, label: Tensor | None) -> Tensor:
    """What stands before the softmax of the released net: a number for real and one for generated."""
    x = net.first(video)
    if label is not None:
        maps = torch.eye(net.config.classes, dtype=x.dtype)[label][:, :, None, None, None].expand(-1, -1, *x.shape[2:])
        x = torch.cat([x, maps], dim=1)
    return net.rest(x).flatten(1)


@pytest.mark.parametrize("config", [NOISE, IMAGE], ids=["noise", "image and labels"])
def test_two_steps_are_the_released_ones_written_out(config):
    """Both gradients are those before any update; cross-entropies are of two outputs, 0 for real, 1 for generated."""
    truth = torch.zeros(2, dtype=torch.long)
    with float64():
        state = vgan.TrainState(config)
        g, d = (copy.deepcopy(net) for net in state.nets.values())
        of_g, of_d = Adam(g, 2e-4), Adam(d, 2e-4)
        batches = [Batch(b.index, b.video.double(), b.label) for b in islice(clips(2), 2)]
        found = [step.losses for step in vgan.train(state, batches)]
        for step, batch in enumerate(batches):
            x = batch.video
            noise = [torch.randn(config.generator.noise_dim, generator=seeded(0, step, i)) for i in range(2)]
            label = batch.label if config.generator.classes else None
            image = x[:, :, 0] if config.generator.image_conditioned else None
            made = g(torch.stack(noise), image=image, label=label, streams=True)
            by_d = F.cross_entropy(two_outputs(d, made.video, label), truth)
            if image is None:
                own = {"mask": 0.1 * made.mask.abs().mean()}
            else:
                own = {"first_frame": 10 * (made.video[:, :, 0] - image).abs().mean()}
            gradients = torch.autograd.grad(by_d + sum(own.values()), of_g.parameters)
            loss_d = F.cross_entropy(two_outputs(d, x, label), truth)
            loss_d = loss_d + F.cross_entropy(two_outputs(d, made.video.detach(), label), truth + 1)
            of_d.descend(torch.autograd.grad(loss_d, of_d.parameters))
            of_g.descend(gradients)
            wanted = {"generator_video": by_d, "video_discriminator": loss_d} | own
            assert {name: loss.item() for name, loss in found[step].items()} == pytest.approx(
                {name: loss.item() for name, loss in wanted.items()}, rel=1e-6
            )
        for net, slow in zip(state.nets.values(), (g, d), strict=True):
            for name, value in slow.state_dict().items():  # Adam scales the rounding errors of offsets before norms up
                torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-7, atol=1e-7, msg=name)


@pytest.mark.parametrize("config", [NOISE, IMAGE, OPTIONS], ids=["noise", "image and labels", "tiny options"])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(config):
    whole, first = vgan.TrainState(config, seed=5), vgan.TrainState(config, seed=5)
    losses = run(whole, config.steps)
    run(first, 2)
    saved = copy.deepcopy(first.state_dict())
    saved["meta"] = json.loads(json.dumps(saved["meta"]))
    resumed = vgan.TrainState(config, seed=5)
    resumed.load_state_dict(saved)
    rest = run(resumed, config.steps)
    assert resumed.step == whole.step == config.steps
    assert [{k: v.item() for k, v in step.items()} for step in rest] == [
        {k: v.item() for k, v in step.items()} for step in losses[2:]
    ]
    end, wanted = resumed.state_dict()["tensors"], whole.state_dict()["tensors"]
    assert end.keys() == wanted.keys()
    assert all(torch.equal(end[key], wanted[key]) for key in wanted)


def of_pyramid(speeds: int) -> set[str]:
    """Names of the losses of the nets in the place of D."""
    names = [f"video_{2**speed}" for speed in range(speeds)]
    return {f"generator_{name}" for name in names} | {name.replace("video", "video_discriminator") for name in names}


COMMON = {"video_discriminator", "generator_video"}
SWITCHES = {
    "noise": (NOISE, COMMON | {"mask"}),
    "labels": (NOISE.with_classes(("left", "right")), COMMON | {"mask"}),
    "image and labels": (IMAGE, COMMON | {"first_frame"}),
    "image": (IMAGE.with_classes(()), COMMON | {"first_frame"}),
    "image and noise": (
        dataclasses.replace(IMAGE, generator=dataclasses.replace(IMAGE.generator, noise_dim=4)),
        COMMON | {"first_frame"},
    ),
    "any mask": (dataclasses.replace(NOISE, mask_weight=0.0), COMMON),
    "any first frame": (dataclasses.replace(IMAGE, first_frame_weight=0.0), COMMON),
    "without batch norm": (OPTIONS, COMMON | {"mask", "video_r1"}),
    "pyramid": (dataclasses.replace(NOISE, pyramid_speeds=4), of_pyramid(4) | {"mask"}),
    "pyramid of an image": (dataclasses.replace(IMAGE, pyramid_speeds=2), of_pyramid(2) | {"first_frame"}),
}


def parameters(state: vgan.TrainState) -> list[tuple[str, torch.Size]]:
    return [(f"{name}.{key}", p.shape) for name, net in state.nets.items() for key, p in net.named_parameters()]


@pytest.mark.parametrize("name", SWITCHES)
def test_a_step_has_the_losses_of_its_switches(name):
    config, wanted = SWITCHES[name]
    (losses,) = run(vgan.TrainState(config), 1)
    assert losses.keys() == wanted
    assert all(loss.isfinite() and not loss.requires_grad for loss in losses.values())


def test_each_switch_changes_the_parameters_or_the_losses():
    rows = {(*parameters(vgan.TrainState(config)), *sorted(losses)) for config, losses in SWITCHES.values()}
    assert len(rows) == len(SWITCHES)


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_every_row_of_table_2_1_trains_it(kind):
    state = vgan.TrainState(dataclasses.replace(OPTIONS, loss=kind, r1_weight=0.0))
    before = [p.clone() for net in state.nets.values() for p in net.parameters()]
    (losses,) = run(state, 1)
    assert all(loss.isfinite() for loss in losses.values())
    after = [p for net in state.nets.values() for p in net.parameters()]
    assert any(not torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_a_pyramid_sees_all_32_frames_16_8_and_4():
    """In the place of D alone (table 5.2), with nets as wide as D, and labels."""
    config = dataclasses.replace(vgan.VGANConfig().with_classes(("left", "right")), pyramid_speeds=4)
    with torch.device("meta"):
        nets = vgan.TrainState.build(vgan.TrainState, config)
    names = [f"video_discriminator_{stride}" for stride in (1, 2, 4, 8)]
    assert list(nets) == ["generator", *names]
    for name, frames in zip(names, (32, 16, 8, 4), strict=True):
        channels = [
            (conv.in_channels, conv.out_channels) for conv in nets[name].modules() if isinstance(conv, nn.Conv2d)
        ]
        assert channels == [(3 * frames, 64), (64 + 2, 128), (128, 256), (256, 512), (512, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_trains_twenty_steps(name):
    state = vgan.TrainState(dataclasses.replace(SWITCHES[name][0], steps=20))
    before = {key: value.clone() for key, value in state.generator.state_dict().items()}
    losses = run(state, 20)
    assert len(losses) == 20
    assert all(loss.isfinite() for step in losses for loss in step.values())
    after = state.generator.state_dict()
    assert all(after[key].isfinite().all() for key in after)
    assert any(not torch.equal(after[key], before[key]) for key in after)


def test_the_penalty_makes_the_mask_small():
    """With a heavy one the foreground gives way within a few steps."""
    areas = []
    for weight in (0.0, 100.0):
        config = dataclasses.replace(NOISE, learning_rate=0.05, mask_weight=weight, steps=5)
        state = vgan.TrainState(config)
        run(state, 5)
        noise = torch.randn(4, 4, generator=seeded(1))
        areas.append(state.generator(noise, streams=True).mask.mean().item())
    assert areas[1] < 0.3 * areas[0]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch(3, torch.zeros(2, 3, 32, 64, 64), torch.tensor([0, 1])), "batch 3 came at step 0"),
        (Batch(0, torch.zeros(2, 3, 16, 64, 64), torch.tensor([0, 1])), "frames=16, wanted 32"),
        (Batch(0, torch.zeros(2, 3, 32, 64, 64), None), "label is None"),
        (Batch(0, torch.zeros(2, 3, 32, 64, 64), torch.tensor([0, 2])), "from 0 to 1"),
        (Batch(0, torch.zeros(2, 3, 32, 32, 64), torch.tensor([0, 1])), "image has shape"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        next(vgan.train(vgan.TrainState(IMAGE), iter([batch])))


def test_defaults_are_the_released_numbers():
    config, image = vgan.VGANConfig(), vgan.image_conditioned(("a", "b"))
    for of in (config, image):
        assert (of.learning_rate, of.discriminator_learning_rate, of.betas, of.loss) == (2e-4, None, (0.5, 0.999), "ns")
        assert of.generator_first and not of.r1_weight and not of.augment
    assert (config.batch_size, config.mask_weight, config.first_frame_weight) == (64, 0.1, 0.0)
    assert (image.batch_size, image.mask_weight, image.first_frame_weight) == (32, 0.0, 10.0)
    assert (image.generator.classes, image.video_discriminator.classes) == (("a", "b"), 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first_frame_weight": 1.0}, "first_frame_weight=1.0, wanted 0 unless generator.image_conditioned"),
        ({"mask_weight": -1.0}, "mask_weight=-1.0, wanted at least 0"),
        (
            {"video_discriminator": vgan.VideoDiscriminatorConfig(classes=2)},
            "classes=2, wanted 0 as in generator.classes",
        ),
        ({"pyramid_speeds": 6}, "frames=32 with speeds=6, wanted"),
        ({"pyramid_speeds": -1}, "pyramid_speeds=-1, wanted at least 0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0, wanted a positive number"),
    ],
)
def test_settings_that_make_no_run_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(NOISE, **changes)
