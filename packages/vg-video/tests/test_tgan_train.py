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
from vg_layers.adversarial import LossKind
from vg_video import tgan
from vg_video.data.clips import Batch
from vg_video.seeds import seeded

RELEASED = dataclasses.replace(  # the released recipe, made narrow
    tgan.TGANConfig(),
    generator=tgan.GeneratorConfig(latent_dim=4, temporal_widths=(6, 5, 4, 3), widths=(6, 5, 4, 3, 3)),
    video_discriminator=tgan.VideoDiscriminatorConfig(width=2),
    steps=4,
    batch_size=3,
)
OPTIONS = dataclasses.replace(  # all other settings, with clipping after each step
    RELEASED,
    generator=dataclasses.replace(RELEASED.generator, start="lecun", shift=False),
    video_discriminator=tgan.VideoDiscriminatorConfig(width=2, norm="none", start="lecun"),
    optimizer="adam",
    final_rate=0.1,
    clip_every=1,
    augment=True,
    ema_decay=0.9,
).with_classes(("left", "right"))


def clips(b: int, start: int = 0, frames: int = 16) -> Iterator[Batch]:
    """A bright square that walks left (label 0) or right (1), another place and ground in each clip."""
    for index in count(start):
        draw = seeded(7, index)
        label = torch.randint(2, (b,), generator=draw)
        place, ground = torch.randint(64, (b,), generator=draw), torch.rand(b, 3, generator=draw) - 1
        first = place[:, None] + 2 * (2 * label[:, None] - 1) * torch.arange(frames)
        columns = (first[..., None] + torch.arange(16)) % 64  # (b, t, 16)
        rows = torch.zeros(b, frames, 64).scatter(2, columns, 1.0)
        video = ground[:, :, None, None, None].repeat(1, 1, frames, 64, 64)
        video[:, :, :, 24:40] += rows[:, None, :, None]
        yield Batch(index, video, label)


def run(state: tgan.TrainState, steps: int, frames: int = 16) -> list[dict[str, Tensor]]:
    batches = clips(state.config.batch_size, state.step, frames)
    return [step.losses for step in islice(tgan.train(state, batches), steps)]


@contextmanager
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


class RMSprop:
    """The optimizer written out."""

    def __init__(self, net: nn.Module, rate: float) -> None:
        self.parameters, self.rate = list(net.parameters()), rate
        self.squares = [torch.zeros_like(p) for p in self.parameters]

    def descend(self, gradients: tuple[Tensor, ...]) -> None:
        with torch.no_grad():
            for p, square, g in zip(self.parameters, self.squares, gradients, strict=True):
                square.mul_(0.99).add_(0.01 * g**2)
                p -= self.rate * g / (square.sqrt() + 1e-8)


def clip(net: nn.Module) -> None:
    """Singular value clipping as it was published: by SVD, layer by layer; batch norm's gains by its deviation."""
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Conv3d):
                u, values, v = torch.linalg.svd(layer.weight.flatten(1), full_matrices=False)
                layer.weight.copy_((u @ torch.diag(values.clamp(max=1)) @ v).view_as(layer.weight))
            elif isinstance(layer, nn.BatchNorm3d):
                for i, deviation in enumerate(layer.running_var.sqrt()):
                    layer.weight[i] = min(max(layer.weight[i], 0.01 * deviation), deviation)


def norms(net: nn.Module) -> list[float]:
    """The largest singular value of each layer's matrix."""
    weights = [
        layer.weight.flatten(1) for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear)
    ]
    return [torch.linalg.svdvals(weight.detach())[0].item() for weight in weights]


def gains(net: nn.Module) -> list[Tensor]:
    """Gains of the batch norms, by their running deviations: what they multiply their input by."""
    layers = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d)]
    return [layer.weight.detach() / layer.running_var.sqrt() for layer in layers]


def test_two_steps_are_the_released_ones_written_out():
    """Both gradients are those before any update; the second step ends with clipping, of weights that need it."""
    config = dataclasses.replace(RELEASED, clip_every=2, steps=2)
    with float64():
        state = tgan.TrainState(config)
        with torch.no_grad():
            for parameter in state.nets["video_discriminator"].parameters():
                parameter.mul_(40 if parameter.ndim > 1 else 1)
        g, d = (copy.deepcopy(net) for net in state.nets.values())
        of_g, of_d = RMSprop(g, 5e-5), RMSprop(d, 5e-5)
        batches = [Batch(b.index, b.video.double(), b.label) for b in islice(clips(3), 2)]
        found = [step.losses for step in tgan.train(state, batches)]
        for step, batch in enumerate(batches):
            slow = [2 * torch.rand(4, generator=seeded(0, step, i)) - 1 for i in range(3)]
            fake = g(torch.stack(slow))
            by_d = -d(fake).sum() / 3
            gradients = torch.autograd.grad(by_d, of_g.parameters)
            loss_d = -d(batch.video).sum() / 3 + d(fake.detach()).sum() / 3
            of_d.descend(torch.autograd.grad(loss_d, of_d.parameters))
            of_g.descend(gradients)
            wanted = {"generator_video": by_d.item(), "video_discriminator": loss_d.item()}
            assert {name: loss.item() for name, loss in found[step].items()} == pytest.approx(wanted, rel=1e-6)
        assert max(norms(d)) > 1.1
        clip(d)
        for net, slow in zip(state.nets.values(), (g, d), strict=True):
            for name, value in slow.state_dict().items():
                torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-7, atol=1e-9, msg=name)


@pytest.mark.parametrize("config", [RELEASED, OPTIONS], ids=["released", "options"])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(config):
    whole, first = tgan.TrainState(config, seed=5), tgan.TrainState(config, seed=5)
    losses = run(whole, config.steps)
    run(first, 2)
    saved = copy.deepcopy(first.state_dict())
    saved["meta"] = json.loads(json.dumps(saved["meta"]))
    resumed = tgan.TrainState(config, seed=5)
    resumed.load_state_dict(saved)
    rest = run(resumed, config.steps)
    assert resumed.step == whole.step == config.steps
    assert [{k: v.item() for k, v in step.items()} for step in rest] == [
        {k: v.item() for k, v in step.items()} for step in losses[2:]
    ]
    end, wanted = resumed.state_dict()["tensors"], whole.state_dict()["tensors"]
    assert end.keys() == wanted.keys()
    assert all(torch.equal(end[key], wanted[key]) for key in wanted)
    kept = {key.rpartition(".")[2] for key in end if key.startswith("optimizers.")}
    assert kept == ({"step", "square_avg"} if config.optimizer == "rmsprop" else {"step", "exp_avg", "exp_avg_sq"})


@pytest.mark.parametrize("speeds", [0, 4])
def test_all_singular_values_are_1_at_most_after_each_fifth_step(speeds):
    """At a rate at which they leave the bound in a step; those of a pyramid in the place of D, too."""
    config = dataclasses.replace(RELEASED, discriminator_learning_rate=0.1, steps=11, pyramid_speeds=speeds)
    state, largest = tgan.TrainState(config), []
    nets = [state.nets[name] for name in state.discriminators]
    assert len(nets) == max(1, speeds)
    for step in tgan.train(state, clips(3)):
        largest.append(max(norm for net in nets for norm in norms(net)))
        if (step.index + 1) % 5 == 0:
            assert largest[-1] <= 1 + 1e-5
            for gain in (gain for net in nets for gain in gains(net)):
                assert (gain > 0.01 - 1e-6).all() and (gain < 1 + 1e-6).all()
    assert [value > 1.01 for value in largest] == [True] * 4 + [False] + [True] * 4 + [False] + [True]


COMMON = {"video_discriminator", "generator_video"}


def changed(generator: dict | None = None, discriminator: dict | None = None, **changes) -> tgan.TGANConfig:
    """The narrow released recipe with other settings."""
    if generator:
        changes["generator"] = dataclasses.replace(RELEASED.generator, **generator)
    if discriminator:
        changes["video_discriminator"] = dataclasses.replace(RELEASED.video_discriminator, **discriminator)
    return dataclasses.replace(RELEASED, **changes)


SWITCHES = {
    "released": RELEASED,
    "labels": RELEASED.with_classes(("left", "right")),
    "without shift in G": changed({"shift": False}),
    "without shift in D": changed(discriminator={"shift": False}),
    "without norm in D": changed(discriminator={"norm": "none"}),
    "32 frames": changed({"temporal_widths": (6, 5, 4, 3, 3)}),
    "pyramid": changed(pyramid_speeds=4),
    "pyramid of 8 frames": changed({"temporal_widths": (6, 5, 4)}, pyramid_speeds=2),
}


def parameters(state: tgan.TrainState) -> list[tuple[str, torch.Size]]:
    return [(f"{name}.{key}", p.shape) for name, net in state.nets.items() for key, p in net.named_parameters()]


def test_each_switch_changes_the_parameters():
    assert len({tuple(parameters(tgan.TrainState(config))) for config in SWITCHES.values()}) == len(SWITCHES)


@pytest.mark.parametrize("name", SWITCHES)
def test_a_step_has_the_losses_of_its_switches(name):
    config = SWITCHES[name]
    (losses,) = run(tgan.TrainState(config), 1, config.generator.frames)
    of_pyramid = [f"video_{2**speed}" for speed in range(config.pyramid_speeds)]
    names = [name.replace("video", "video_discriminator") for name in of_pyramid]
    assert losses.keys() == ({*names, *(f"generator_{name}" for name in of_pyramid)} or COMMON)
    assert all(loss.isfinite() and not loss.requires_grad for loss in losses.values())


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_every_row_of_table_2_1_trains_it(kind):
    state = tgan.TrainState(dataclasses.replace(OPTIONS, loss=kind))
    before = [p.clone() for net in state.nets.values() for p in net.parameters()]
    (losses,) = run(state, 1)
    assert all(loss.isfinite() for loss in losses.values())
    after = [p for net in state.nets.values() for p in net.parameters()]
    assert any(not torch.equal(a, b) for a, b in zip(after, before, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SWITCHES, "options"])
def test_each_switch_trains_twenty_steps(name):
    config = dataclasses.replace((SWITCHES | {"options": OPTIONS})[name], steps=20)
    state = tgan.TrainState(config)
    before = {key: value.clone() for key, value in state.generator.state_dict().items()}
    losses = run(state, 20, config.generator.frames)
    assert len(losses) == 20
    assert all(loss.isfinite() for step in losses for loss in step.values())
    after = state.generator.state_dict()
    assert all(after[key].isfinite().all() for key in after)
    assert any(not torch.equal(after[key], before[key]) for key in after)


def test_the_start_of_the_weights_changes_them_and_the_first_losses():
    states = [tgan.TrainState(changed({"start": start}, {"start": start})) for start in ("uniform", "lecun")]
    assert parameters(states[0]) == parameters(states[1])
    first = [run(state, 1)[0] for state in states]
    assert first[0]["video_discriminator"] != first[1]["video_discriminator"]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch(3, torch.zeros(2, 3, 16, 64, 64), torch.tensor([0, 1])), "batch 3 came at step 0"),
        (Batch(0, torch.zeros(2, 3, 20, 64, 64), torch.tensor([0, 1])), "frames=20, wanted 16"),
        (Batch(0, torch.zeros(2, 3, 16, 64, 64), None), "label is None"),
        (Batch(0, torch.zeros(2, 3, 16, 64, 64), torch.tensor([0, 2])), "from 0 to 1"),
        (Batch(0, torch.zeros(2, 3, 16, 32, 64), torch.tensor([0, 1])), "video has shape"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        next(tgan.train(tgan.TrainState(OPTIONS), iter([batch])))


def test_defaults_are_the_released_numbers():
    config = tgan.TGANConfig()
    assert (config.learning_rate, config.discriminator_learning_rate, config.batch_size) == (5e-5, None, 32)
    assert (config.optimizer, config.loss, config.clip_every, config.generator_first) == ("rmsprop", "wgan", 5, True)
    assert not config.r1_weight and not config.augment


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "sgd"}, "optimizer='sgd', wanted one of rmsprop, adam"),
        (
            {"video_discriminator": tgan.VideoDiscriminatorConfig(classes=2)},
            "classes=2, wanted 0 as in generator.classes",
        ),
        ({"generator": tgan.GeneratorConfig(temporal_widths=(4, 4, 4))}, "gives 8 frames, wanted 16 at least"),
        ({"pyramid_speeds": 5}, "frames=16 with speeds=5, wanted"),
        ({"pyramid_speeds": -1}, "pyramid_speeds=-1, wanted at least 0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0, wanted a positive number"),
    ],
)
def test_settings_that_make_no_run_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RELEASED, **changes)
