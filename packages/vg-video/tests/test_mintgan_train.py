"""MintGAN's training: a step written by hand, resuming, options, and a short journey."""

import copy
import dataclasses
import json
from collections.abc import Iterator
from itertools import count, islice

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers.configs import config_dict, from_dict
from vg_video import mintgan
from vg_video.data.clips import Batch
from vg_video.sampling import sample
from vg_video.seeds import seeded
from vg_video.temporal_pyramid import PyramidConfig

NETS = {"resolution": 16, "channel_base": 64, "max_channels": 6}
MICRO = mintgan.MintGANConfig(
    generator=mintgan.GeneratorConfig(
        **NETS, frames=8, appearance_dim=6, motion_dim=3, style_dim=8, directions=8, mapping_layers=2, mapping_rate=0.1
    ),
    video_discriminator=PyramidConfig(**NETS, frames=8, speeds=3),
    image_discriminator=mintgan.ImageDiscriminatorConfig(**NETS),
    steps=4,
    batch_size=2,
    r1_every=2,
)
SPEEDS = {"video_discriminator_1": 1, "video_discriminator_2": 2, "video_discriminator_4": 4}
LOSSES = {
    *SPEEDS,
    *("image_discriminator", "generator_video_1", "generator_video_2", "generator_video_4", "generator_image"),
}
R1 = {"video_1_r1", "video_2_r1", "video_4_r1", "image_r1"}


@pytest.fixture
def exact() -> Iterator[None]:
    """All in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def clips(b: int, start: int = 0, frames: int = 8) -> Iterator[Batch]:
    """A bright square on dark ground that walks right, from another place in each clip."""
    for index in count(start):
        draw = seeded(7, index)
        video = torch.full((b, 3, frames, 16, 16), -0.8)
        for clip, place in zip(video, torch.randint(16, (b,), generator=draw), strict=True):
            for t in range(frames):
                clip[:, t, 6:10] = clip[:, t, 6:10].index_fill(2, (place + t + torch.arange(4)) % 16, 0.8)
        yield Batch(index, video, None)


def changed(generator: dict | None = None, pyramid: dict | None = None, **settings) -> mintgan.MintGANConfig:
    return dataclasses.replace(
        MICRO,
        generator=dataclasses.replace(MICRO.generator, **(generator or {})),
        video_discriminator=dataclasses.replace(MICRO.video_discriminator, **(pyramid or {})),
        **settings,
    )


def run(state: mintgan.TrainState, steps: int) -> list[dict[str, Tensor]]:
    batches = clips(state.config.batch_size, state.step)
    return [step.losses for step in islice(mintgan.train(state, batches), steps)]


# --- a step -----------------------------------------------------------------------------------------------------------


class SlowAdam:
    """Adam as its paper has it."""

    def __init__(self, net: nn.Module, rate: float, betas: tuple[float, float]) -> None:
        self.parameters, self.rate, self.betas, self.steps = list(net.parameters()), rate, betas, 0
        self.means = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]

    def step(self, loss: Tensor) -> None:
        self.steps += 1
        first, second = self.betas
        gradients = torch.autograd.grad(loss, self.parameters, retain_graph=True)
        for parameter, gradient, (mean, square) in zip(self.parameters, gradients, self.means, strict=True):
            mean.mul_(first).add_((1 - first) * gradient)
            square.mul_(second).add_((1 - second) * gradient**2)
            size = (square / (1 - second**self.steps)).sqrt() + 1e-8
            parameter.data -= self.rate * mean / (1 - first**self.steps) / size


def corrected(config: mintgan.MintGANConfig, every: int) -> tuple[float, tuple[float, float]]:
    """StyleGAN2's rate and betas of a net with a penalty at every k-th step."""
    share = every / (every + 1)
    return config.learning_rate * share, (config.betas[0] ** share, config.betas[1] ** share)


class SlowRun:
    """The objective of eq. 5.5, by hand: each D by its own loss, then G by lambda times the pyramid's plus D_I's."""

    def __init__(self, state: mintgan.TrainState) -> None:
        self.config, self.seed, self.index = state.config, state.seed, 0
        self.nets, self.average = copy.deepcopy((state.nets, state.averaged))
        plain = self.config.learning_rate, self.config.betas
        of_generator = (
            corrected(self.config, self.config.path_length_every) if self.config.path_length_weight else plain
        )
        self.optimizers = {
            name: SlowAdam(
                net, *(of_generator if name == "generator" else corrected(self.config, self.config.r1_every))
            )
            for name, net in self.nets.items()
        }
        self.mean_length = torch.zeros(())

    def step(self, real: Tensor) -> dict[str, float]:
        config, generator, losses = self.config, self.nets["generator"], {}
        draws = [seeded(self.seed, self.index, clip) for clip in range(len(real))]
        noise = [generator.latents(8, draw) for draw in draws]
        fake, w = generator(
            *(torch.stack([one[name] for one in noise]) for name in ("appearance", "motion")), codes=True
        )
        views = {name: [self.view(video, stride) for video in (real, fake)] for name, stride in SPEEDS.items()}
        views["image_discriminator"] = [self.frames(video, draws) for video in (real, fake)]
        for name, (truth, made) in views.items():
            loss = F.softplus(-self.nets[name](truth)).mean() + F.softplus(self.nets[name](made.detach())).mean()
            losses[name] = loss.item()
            if self.index % config.r1_every == 0:
                truth = truth.clone().requires_grad_()
                (slope,) = torch.autograd.grad(self.nets[name](truth).sum(), truth, create_graph=True)
                penalty = config.r1_every * config.r1_weight / 2 * slope.square().sum() / len(truth)
                losses[f"{name.replace('_discriminator', '')}_r1"] = penalty.item()
                loss = loss + penalty
            self.optimizers[name].step(loss)
        total = torch.zeros(())
        for name, (_, made) in views.items():
            weight = 1.0 if name == "image_discriminator" else 0.5
            term = weight * F.softplus(-self.nets[name](made)).mean()
            losses[f"generator_{name.replace('_discriminator', '')}"] = term.item()
            total = total + term
        if config.path_length_weight and self.index % config.path_length_every == 0:
            losses["path_length"] = (term := self.path_length(fake, w, draws[0])).item()
            total = total + term
        self.optimizers["generator"].step(total)
        decay = min(config.ema_decay, (self.index + 1) / (self.index + 10))
        for average, weight in zip(self.average.parameters(), generator.parameters(), strict=True):
            average.data = decay * average + (1 - decay) * weight.detach()
        self.index += 1
        return losses

    def view(self, video: Tensor, stride: int) -> Tensor:
        return torch.cat([video[:, :, t] for t in range(0, 8, stride)], dim=1)

    def frames(self, video: Tensor, draws: list[torch.Generator]) -> Tensor:
        picked = []
        for clip, draw in zip(video, draws, strict=True):
            times = torch.rand(1, 8, generator=draw).argsort()[0, : self.config.frames_per_clip]
            picked += [clip[:, t] for t in times]
        return torch.stack(picked)

    def path_length(self, video: Tensor, w: Tensor, draw: torch.Generator) -> Tensor:
        y = torch.randn(video.shape, generator=draw) / 16
        (slope,) = torch.autograd.grad((video * y).sum(), w, create_graph=True)
        lengths = slope.square().sum(2).mean(1).sqrt()
        mean = self.mean_length + 0.01 * (lengths.mean() - self.mean_length)
        self.mean_length = mean.detach()
        return self.config.path_length_every * self.config.path_length_weight * (lengths - mean).square().mean()


@pytest.mark.parametrize("settings", [{}, {"frames_per_clip": 2, "path_length_weight": 2.0, "path_length_every": 3}])
def test_steps_are_those_of_equation_5_5_by_hand(settings, exact):
    config = changed(**settings)
    state = mintgan.TrainState(config, seed=3)
    slow = SlowRun(state)
    for step, batch in zip(mintgan.train(state, clips(2)), clips(2), strict=False):
        wanted = slow.step(batch.video)
        assert {name: float(loss) for name, loss in step.losses.items()} == pytest.approx(wanted, rel=1e-7)
        if step.index == 3:
            break
    for name, net in [*state.nets.items(), ("average", state.averaged)]:
        other = slow.average if name == "average" else slow.nets[name]
        for (key, ours), theirs in zip(net.named_parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8, msg=f"{name}.{key}")


def test_defaults_are_those_of_section_5_2_5():
    config = mintgan.MintGANConfig()
    assert (config.batch_size, config.learning_rate, config.betas) == (32, 0.002, (0.0, 0.99))
    assert (config.pyramid_weight, config.video_discriminator.speeds, config.frames_per_clip) == (0.5, 4, 1)
    assert (config.loss, config.r1_weight, config.r1_every, config.path_length_weight) == ("ns", 10.0, 16, 0.0)
    assert config.ema_decay == pytest.approx(0.99778, abs=1e-5)


def test_rates_are_corrected_for_lazy_penalties_as_stylegan2s():
    state = mintgan.TrainState(changed(r1_every=16, path_length_weight=2.0))
    found = {}
    for name, optimizer in state.optimizers.items():
        (group,) = optimizer.param_groups
        found[name] = group["lr"], *group["betas"]
    for name in (*SPEEDS, "image_discriminator"):
        assert found[name] == pytest.approx((0.0018824, 0.0, 0.990587), rel=1e-4)
    assert found["generator"] == pytest.approx((0.0016, 0.0, 0.991992), rel=1e-5)
    (group,) = mintgan.TrainState(MICRO).optimizers["generator"].param_groups
    assert (group["lr"], group["betas"]) == (0.002, (0.0, 0.99))


# --- resuming ---------------------------------------------------------------------------------------------------------

ALL = changed(
    generator={"noise": True, "leak": 0.1},
    path_length_weight=2.0,
    path_length_every=2,
    kernel_learning_rate=5e-3,
    final_rate=0.1,
    augment=True,
)


@pytest.mark.parametrize("config", [MICRO, ALL], ids=["thesis", "all options"])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(config):
    whole, first = mintgan.TrainState(config, seed=5), mintgan.TrainState(config, seed=5)
    losses = run(whole, config.steps)
    run(first, 2)
    saved = copy.deepcopy(first.state_dict())
    saved["meta"] = json.loads(json.dumps(saved["meta"]))
    resumed = mintgan.TrainState(config, seed=5)
    resumed.load_state_dict(saved)
    rest = run(resumed, config.steps)
    assert resumed.step == whole.step == config.steps
    assert [{k: v.item() for k, v in step.items()} for step in rest] == [
        {k: v.item() for k, v in step.items()} for step in losses[2:]
    ]
    end, wanted = resumed.state_dict()["tensors"], whole.state_dict()["tensors"]
    assert end.keys() == wanted.keys()
    assert all(torch.equal(end[key], wanted[key]) for key in wanted)


# --- options ----------------------------------------------------------------------------------------------------------


def tensors(state: mintgan.TrainState) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.state_dict()["tensors"].items()}


OPTIONS = [
    ({"pyramid": {"speeds": 1}}, True, {name for name in LOSSES | R1 if "_2" not in name and "_4" not in name}),
    ({"generator": {"noise": True}}, True, LOSSES | R1),
    ({"generator": {"directions": 2}}, True, LOSSES | R1),
    ({"generator": {"bank": "qr"}}, True, LOSSES | R1),  # has no signs to keep
    ({"pyramid": {"arch": "dcgan2d"}}, True, LOSSES | R1),
    ({"loss": "began"}, True, LOSSES | R1),
    ({"path_length_weight": 2.0}, True, LOSSES | R1 | {"path_length"}),
    ({"r1_weight": 0.0}, False, LOSSES),
]


@pytest.mark.parametrize(("settings", "tensors_change", "losses"), OPTIONS)
def test_options_change_the_parameters_or_the_losses(settings, tensors_change, losses):
    state, usual = mintgan.TrainState(changed(**settings)), mintgan.TrainState(MICRO)
    assert (tensors(state) != tensors(usual)) == tensors_change
    (found,) = run(state, 1)
    assert found.keys() == losses
    assert all(loss.isfinite() for loss in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("settings", [settings for settings, _, _ in OPTIONS])
def test_each_option_trains_twenty_steps(settings):
    state = mintgan.TrainState(dataclasses.replace(changed(**settings), steps=20))
    before = {key: value.clone() for key, value in state.generator.state_dict().items()}
    losses = run(state, 20)
    assert len(losses) == 20
    assert all(loss.isfinite() for step in losses for loss in step.values())
    after = state.generator.state_dict()
    assert all(after[key].isfinite().all() for key in after)
    assert any(not torch.equal(after[key], before[key]) for key in after)


@pytest.mark.parametrize("bank", ["svd", "qr", "cayley"])
def test_training_moves_all_of_m_and_keeps_directions_orthonormal(bank):
    state = mintgan.TrainState(changed(generator={"bank": bank, "directions": 7}))
    before = state.generator.bank.weight.detach().clone()
    run(state, 2)
    moved = state.generator.bank.weight.detach() != before
    if bank == "cayley":  # of which the diagonal is no part
        moved.fill_diagonal_(True)
    assert moved.all()
    directions = state.averaged.bank()
    torch.testing.assert_close(directions @ directions.T, torch.eye(7), rtol=0, atol=1e-5)


def test_kernels_have_a_rate_of_their_own():
    state = mintgan.TrainState(changed(kernel_learning_rate=1e-30, r1_weight=0.0))
    kernels = {id(kernel) for kernel in state.generator.synthesis.kernels()}
    before = {name: parameter.detach().clone() for name, parameter in state.generator.named_parameters()}
    run(state, 1)
    for name, parameter in state.generator.named_parameters():
        assert torch.equal(parameter, before[name]) == (id(parameter) in kernels), name


def test_lambda_weighs_the_pyramid_in_the_generators_loss_alone():
    half, none = (run(mintgan.TrainState(changed(pyramid_weight=weight)), 1)[0] for weight in (0.5, 0.0))
    assert half["video_discriminator_1"] == none["video_discriminator_1"]
    assert half["generator_video_1"] > 0 and none["generator_video_1"] == 0
    assert half["generator_image"] == none["generator_image"]


def test_another_resolution_is_another_run_with_the_same_settings():
    large = MICRO.with_resolution(32)
    assert {large.generator.resolution, large.video_discriminator.resolution, large.image_discriminator.resolution} == {
        32
    }
    assert large.with_resolution(16) == MICRO
    assert from_dict(mintgan.MintGANConfig, json.loads(json.dumps(config_dict(large)))) == large


def test_tiny_keeps_what_it_says_it_keeps():
    config, thesis = mintgan.tiny(), mintgan.MintGANConfig()
    assert (config.generator.resolution, config.generator.frames) == (64, 16)
    assert config.video_discriminator.strides == thesis.video_discriminator.strides
    assert config.loss == thesis.loss
    with torch.device("meta"):
        generator = mintgan.Generator(config.generator)
    assert sum(p.numel() for p in generator.parameters()) < 400_000


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"generator": {"resolution": 32}}, "video_discriminator.resolution=16, wanted 32"),
        ({"generator": {"frames": 16}}, "video_discriminator.frames=8, wanted 16"),
        ({"pyramid": {"resolution": 32}}, "video_discriminator.resolution=32, wanted 16"),
        ({"pyramid_weight": -1.0}, "pyramid_weight=-1.0"),
        ({"frames_per_clip": 0}, "frames_per_clip=0"),
        ({"kernel_learning_rate": 0.0}, "kernel_learning_rate=0.0"),
        ({"path_length_every": 0}, "path_length_every=0"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        changed(**settings)


def test_labels_are_refused():
    with pytest.raises(ValueError, match="this system knows none"):
        mintgan.tiny().with_classes(("wave",))


@pytest.mark.parametrize("shape", [(2, 3, 16, 16, 16), (2, 3, 8, 32, 32)])
def test_clips_of_another_length_or_size_are_refused(shape):
    with pytest.raises(ValueError, match=r"video has shape .*, wanted \(2, 3, 8, 16, 16\)"):
        next(mintgan.train(mintgan.TrainState(MICRO), iter([Batch(0, torch.zeros(shape), None)])))


def test_more_frames_than_a_clip_has_are_refused():
    with pytest.raises(ValueError, match="count=9 frames were asked for, but a clip has 8"):
        run(mintgan.TrainState(changed(frames_per_clip=9)), 1)


# --- a journey --------------------------------------------------------------------------------------------------------


def test_training_gives_samples_the_brightness_and_some_motion_of_the_clips():
    """Train on walking squares, sample, compare."""
    discriminator = {"arch": "dcgan2d", "norm": "none", "max_channels": 16}
    config = changed(
        generator={"motion_gain": 0.1, "rgb_scale": 0.1, "bank": "qr", "max_channels": 8},
        pyramid=discriminator,
        image_discriminator=dataclasses.replace(MICRO.image_discriminator, **discriminator),
        steps=40,
        batch_size=8,
        learning_rate=5e-3,
        kernel_learning_rate=2e-2,
        betas=(0.5, 0.99),
        r1_weight=0.1,
        r1_every=4,
        ema_decay=0.9,
    )
    state = mintgan.TrainState(config, seed=1)
    real = next(clips(32)).video

    def brightness(video: Tensor) -> Tensor:
        return (video.mean((0, 1, 2, 4)) - real.mean((0, 1, 2, 4))).abs().mean()  # of each row

    before = sample(state.averaged, 16, seed=1)
    run(state, config.steps)
    after = sample(state.averaged, 16, seed=1)
    assert brightness(after) < 0.7 * brightness(before)
    assert after.diff(dim=2).abs().mean() > 0.1 * real.diff(dim=2).abs().mean()
