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
from vg_video import imaginator
from vg_video.data.clips import Batch
from vg_video.sampling import sample
from vg_video.seeds import seeded

GENERATOR = imaginator.GeneratorConfig(
    encoder_widths=(2, 3, 4, 5),
    appearance_dim=3,
    noise_dim=4,
    decoder_widths=(5, 4, 3, 2),
    mid_widths=(8, 6, 5, 4, 3),
)
THESIS = dataclasses.replace(  # the nets and the training of the thesis, made narrow
    imaginator.ImaGINatorConfig(),
    generator=GENERATOR,
    video_discriminator=imaginator.VideoDiscriminatorConfig(width=2),
    image_discriminator=imaginator.ImageDiscriminatorConfig(width=2),
    steps=3,
    batch_size=2,
    frames_per_clip=5,
).with_classes(("left", "right", "still"))
OPTIONS = dataclasses.replace(  # what tiny recipes use besides
    THESIS,
    video_discriminator=imaginator.VideoDiscriminatorConfig(width=2, norm="none", classes=3),
    image_discriminator=imaginator.ImageDiscriminatorConfig(width=2, norm="none"),
    steps=4,
    final_rate=0.1,
    r1_weight=0.5,
    r1_every=2,
    augment=True,
    ema_decay=0.9,
)
WITHOUT_LABELS = {"video_discriminator", "image_discriminator", "generator_video", "generator_image", "reconstruction"}


def clips(b: int, start: int = 0, frames: int = 32) -> Iterator[Batch]:
    """A bright square that walks left (label 0), right (1) or stays, another place and ground in each clip."""
    for index in count(start):
        draw = seeded(7, index)
        label = torch.randint(3, (b,), generator=draw)
        place, ground = torch.randint(64, (b,), generator=draw), torch.rand(b, 3, generator=draw) - 1
        first = place[:, None] + torch.tensor([-1, 1, 0])[label][:, None] * torch.arange(frames)
        columns = (first[..., None] + torch.arange(16)) % 64  # (b, t, 16)
        rows = torch.zeros(b, frames, 64).scatter(2, columns, 1.0)
        video = ground[:, :, None, None, None].repeat(1, 1, frames, 64, 64)
        video[:, :, :, 24:40] += rows[:, None, :, None]
        yield Batch(index, video, label)


def run(state: imaginator.TrainState, steps: int) -> list[dict[str, Tensor]]:
    batches = clips(state.config.batch_size, state.step)
    return [step.losses for step in islice(imaginator.train(state, batches), steps)]


@contextmanager
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


class Adam:
    """The optimizer written out: beta is 0.5 (3.3.5)."""

    def __init__(self, net: nn.Module, rate: float) -> None:
        self.parameters, self.rate, self.steps = list(net.parameters()), rate, 0
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]

    def descend(self, loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, self.parameters, retain_graph=True)
        self.steps += 1
        with torch.no_grad():
            for p, m, v, g in zip(self.parameters, self.first, self.second, gradients, strict=True):
                m.mul_(0.5).add_(0.5 * g)
                v.mul_(0.999).add_(0.001 * g**2)
                at = m / (1 - 0.5**self.steps), v / (1 - 0.999**self.steps)
                p -= self.rate * at[0] / (at[1].sqrt() + 1e-8)


def slow_draws(config: imaginator.ImaGINatorConfig, step: int, label: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Noise, wrong labels, and times of real and of generated frames, clip by clip."""
    drawn = []
    for i, own in enumerate(label):
        draw = seeded(0, step, i)
        noise = torch.randn(config.generator.noise_dim, generator=draw)
        wrong = (own + torch.randint(1, 3, (1,), generator=draw)) % 3
        times = [torch.rand(1, 32, generator=draw).argsort()[0, : config.frames_per_clip] for _ in range(2)]
        drawn.append((noise, wrong[0], *times))
    noise, wrong, of_real, of_fake = (torch.stack(values) for values in zip(*drawn, strict=True))
    return noise, wrong, of_real, of_fake


def frames(video: Tensor, times: Tensor) -> Tensor:
    return torch.stack([clip[:, t] for clip, row in zip(video, times, strict=True) for t in row])


def test_two_steps_are_algorithm_1_written_out():
    with float64():
        state = imaginator.TrainState(THESIS)
        g, d_v, d_i = (copy.deepcopy(net) for net in state.nets.values())
        of_g, of_v, of_i = Adam(g, 2e-4), Adam(d_v, 5e-5), Adam(d_i, 5e-5)
        batches = [Batch(b.index, b.video.double(), b.label) for b in islice(clips(2), 2)]
        found = [step.losses for step in imaginator.train(state, batches)]
        for step, (_, x, label) in enumerate((b.index, b.video, b.label) for b in batches):
            z, wrong, of_real, of_fake = slow_draws(THESIS, step, label)
            x_recon = g(x[:, :, 0], z, label)
            s_real, s_recon, s_w = d_v(x, label), d_v(x_recon.detach(), label), d_v(x, wrong)
            loss_v = -(
                s_real.sigmoid().log() + 0.5 * ((1 - s_w.sigmoid()).log() + (1 - s_recon.sigmoid()).log())
            ).mean()
            i_real, i_recon = d_i(frames(x, of_real)), d_i(frames(x_recon.detach(), of_fake))
            loss_i = -(i_real.sigmoid().log() + (1 - i_recon.sigmoid()).log()).mean()
            of_v.descend(loss_v)
            of_i.descend(loss_i)
            loss_recon = sum((a - b).abs().sum() for a, b in zip(x, x_recon, strict=True)) / 2
            by_v = -d_v(x_recon, label).sigmoid().log().mean()
            by_i = -d_i(frames(x_recon, of_fake)).sigmoid().log().mean()
            of_g.descend(by_v + by_i + 1e-3 * loss_recon)
            wanted = {
                "video_discriminator": loss_v,
                "image_discriminator": loss_i,
                "reconstruction": 1e-3 * loss_recon,
                "generator_video": by_v,
                "generator_image": by_i,
            }
            assert {name: loss.item() for name, loss in found[step].items()} == pytest.approx(
                {name: loss.item() for name, loss in wanted.items()}, rel=1e-6
            )
        for net, slow in zip(state.nets.values(), (g, d_v, d_i), strict=True):
            for name, value in slow.state_dict().items():  # Adam scales the rounding errors of offsets before norms up
                torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-7, atol=1e-7, msg=name)


@pytest.mark.parametrize("config", [THESIS, OPTIONS], ids=["thesis", "tiny options"])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(config):
    whole, first = imaginator.TrainState(config, seed=5), imaginator.TrainState(config, seed=5)
    losses = run(whole, config.steps)
    run(first, 2)
    saved = copy.deepcopy(first.state_dict())
    saved["meta"] = json.loads(json.dumps(saved["meta"]))
    resumed = imaginator.TrainState(config, seed=5)
    resumed.load_state_dict(saved)
    rest = run(resumed, config.steps)
    assert resumed.step == whole.step == config.steps
    assert [{k: v.item() for k, v in step.items()} for step in rest] == [
        {k: v.item() for k, v in step.items()} for step in losses[2:]
    ]
    end, wanted = resumed.state_dict()["tensors"], whole.state_dict()["tensors"]
    assert end.keys() == wanted.keys()
    assert all(torch.equal(end[key], wanted[key]) for key in wanted)


def changed(generator: dict | None = None, **changes) -> imaginator.ImaGINatorConfig:
    """The narrow thesis with another setting."""
    if generator is not None:
        changes["generator"] = dataclasses.replace(THESIS.generator, **generator)
    return dataclasses.replace(THESIS, **changes)


LOSSES = {  # of each row of table 3.7 to table 3.12, and what they have in common
    "whole": (THESIS, WITHOUT_LABELS),
    "3d": (changed({"convolution": "3d"}), WITHOUT_LABELS),
    "3d, equal parameters": (changed({"convolution": "3d", "equal_parameters": True}), WITHOUT_LABELS),
    "auxiliary classifier": (
        changed(auxiliary_classifier=True),
        WITHOUT_LABELS | {"video_class", "generator_video_class"},
    ),
    "without D_I": (changed(judges="video"), {"video_discriminator", "generator_video", "reconstruction"}),
    "without fusion": (changed({"fusion": False}), WITHOUT_LABELS),
    "without noise": (changed({"noise_dim": 0}), WITHOUT_LABELS),
    "adversarial loss": (changed(reconstruction_weight=0.0), WITHOUT_LABELS - {"reconstruction"}),
    "reconstruction loss": (changed(judges="none"), {"reconstruction"}),
    "without labels": (THESIS.with_classes(()), WITHOUT_LABELS),
}


def parameters(state: imaginator.TrainState) -> list[tuple[str, torch.Size]]:
    return [(f"{name}.{key}", p.shape) for name, net in state.nets.items() for key, p in net.named_parameters()]


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_has_the_losses_of_its_row(name):
    config, wanted = LOSSES[name]
    (losses,) = run(imaginator.TrainState(config), 1)
    assert losses.keys() == wanted
    assert all(loss.isfinite() and not loss.requires_grad for loss in losses.values())


def test_each_row_of_the_ablations_has_its_own_parameters_or_losses():
    rows = {(*parameters(imaginator.TrainState(config)), *sorted(losses)) for config, losses in LOSSES.values()}
    assert len(rows) == len(LOSSES)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_each_row_of_the_ablations_trains_twenty_steps(name):
    config = dataclasses.replace(LOSSES[name][0], steps=20)
    state = imaginator.TrainState(config)
    before = {key: value.clone() for key, value in state.generator.state_dict().items()}
    losses = run(state, 20)
    assert len(losses) == 20
    assert all(loss.isfinite() for step in losses for loss in step.values())
    after = state.generator.state_dict()
    assert all(after[key].isfinite().all() for key in after)
    assert any(not torch.equal(after[key], before[key]) for key in after)


@pytest.mark.parametrize("loss", get_args(LossKind))
def test_a_step_takes_any_row_of_table_2_1(loss):
    (losses,) = run(imaginator.TrainState(changed(loss=loss)), 1)
    assert losses.keys() >= WITHOUT_LABELS
    assert all(value.isfinite() for value in losses.values())


def test_the_autoencoder_of_began_is_told_labels_where_the_video_discriminator_tells_them():
    config = changed(loss="began", auxiliary_classifier=True)
    (losses,) = run(imaginator.TrainState(config), 1)
    assert losses.keys() == WITHOUT_LABELS
    assert all(value.isfinite() for value in losses.values())


def test_wrong_labels_change_what_the_video_discriminator_learns_and_nothing_else_of_the_step():
    (with_wrong,), (without,) = (
        run(imaginator.TrainState(config), 1)
        for config in (changed(judges="video"), changed(judges="video", wrong_labels=False))
    )
    assert with_wrong["video_discriminator"] != without["video_discriminator"]
    assert with_wrong["reconstruction"] == without["reconstruction"]


def test_a_clip_with_the_only_label_there_is_has_no_wrong_one():
    one = THESIS.with_classes(("walk",))
    batch = next(clips(2))
    batch = Batch(0, batch.video, torch.zeros_like(batch.label))
    (step,) = imaginator.train(imaginator.TrainState(one), [batch])
    (without,) = imaginator.train(imaginator.TrainState(dataclasses.replace(one, wrong_labels=False)), [batch])
    assert step.losses == without.losses


def test_clips_without_labels_train_as_the_labels_were_not_there():
    config = THESIS.with_classes(())
    batch = next(clips(2))
    (labelled,) = imaginator.train(imaginator.TrainState(config), [batch])
    (unlabelled,) = imaginator.train(imaginator.TrainState(config), [Batch(0, batch.video, None)])
    assert labelled.losses == unlabelled.losses


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch(3, torch.zeros(2, 3, 32, 64, 64), torch.tensor([0, 1])), "batch 3 came at step 0"),
        (Batch(0, torch.zeros(2, 3, 16, 64, 64), torch.tensor([0, 1])), "frames=16, wanted 32"),
        (Batch(0, torch.zeros(2, 3, 32, 64, 64), None), "label is None"),
        (Batch(0, torch.zeros(2, 3, 32, 64, 64), torch.tensor([0, 3])), "from 0 to 2"),
        (Batch(0, torch.zeros(2, 3, 32, 32, 64), torch.tensor([0, 1])), "image has shape"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        next(imaginator.train(imaginator.TrainState(THESIS), iter([batch])))


def test_defaults_are_the_numbers_of_the_thesis():
    config = imaginator.ImaGINatorConfig()
    assert (config.learning_rate, config.discriminator_learning_rate, config.betas) == (2e-4, 5e-5, (0.5, 0.999))
    assert (config.frames_per_clip, config.reconstruction_weight, config.loss) == (16, 1e-3, "ns")
    assert config.wrong_labels and not config.generator_first


def test_released_settings_are_one_hundred_times_the_mean_and_one_rate():
    config = imaginator.imaginator_official(tuple("abcdef"))
    real, fake = torch.rand(2, 2, 3, 32, 64, 64)
    weighted = config.reconstruction_weight * imaginator.losses.reconstruction_loss(fake, real)
    assert weighted.item() == pytest.approx(100 * (real - fake).abs().mean().item(), rel=1e-5)
    assert config.generator == imaginator.GeneratorConfig(classes=tuple("abcdef"), appearance_norm=False)
    released = (config.discriminator_learning_rate, config.frames_per_clip, config.wrong_labels, config.generator_first)
    assert released == (None, 1, False, True)


def test_tiny_keeps_modules_frames_and_losses():
    tiny, thesis = imaginator.tiny(("left", "right", "still")), imaginator.ImaGINatorConfig()
    (losses,) = run(imaginator.TrainState(dataclasses.replace(tiny, batch_size=2)), 1)
    assert losses.keys() == WITHOUT_LABELS | {"video_class", "generator_video_class", "video_r1", "image_r1"}
    assert tiny.generator.fusion and tiny.generator.convolution == "1+2d"
    assert tiny.reconstruction_weight == thesis.reconstruction_weight


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames_per_clip": 33}, "frames_per_clip=33, wanted 1 to 32"),
        ({"reconstruction_weight": -1.0}, "reconstruction_weight=-1.0, wanted at least 0"),
        (
            {"reconstruction_weight": 0.0, "judges": "none"},
            "reconstruction_weight=0 with judges='none'",
        ),
        ({"video_discriminator": imaginator.VideoDiscriminatorConfig()}, "classes=0, wanted 3 as in generator.classes"),
        ({"auxiliary_classifier": True, "judges": "image"}, "auxiliary_classifier=True with judges='image'"),
        ({"learning_rate": 0.0}, "learning_rate=0.0, wanted a positive number"),
        ({"batch_size": 4, "accumulate": 4}, "batch_size=4 in accumulate=4 parts, wanted two clips a part"),
    ],
)
def test_settings_that_make_no_run_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(THESIS, **changes)


def test_without_labels_there_is_nothing_to_tell():
    config = dataclasses.replace(imaginator.tiny(), steps=1)
    assert config.auxiliary_classifier and not config.tells_labels
    assert not any("class" in name for name in run(imaginator.TrainState(config), 1)[0])


def test_training_makes_clips_that_go_on_from_their_images():
    """A journey: train on walking squares, sample from new images, compare."""
    generator = dataclasses.replace(GENERATOR, encoder_widths=(8,) * 4, decoder_widths=(8,) * 4, mid_widths=(16,) * 5)
    config = dataclasses.replace(THESIS, generator=dataclasses.replace(generator, classes=THESIS.generator.classes))
    config = dataclasses.replace(config, steps=40, batch_size=3, learning_rate=1e-2, discriminator_learning_rate=2e-3)
    state = imaginator.TrainState(config, seed=1)
    real = next(clips(16, start=10**6))
    image = real.video[:, :, :1]

    def distances() -> tuple[float, float, float]:
        """Of the samples' first frames from their images and from others', and of whole samples from the real clips."""
        video = sample(state.averaged, 16, seed=0, label=real.label.tolist(), images=image[:, :, 0])
        assert video.shape == (16, 3, 32, 64, 64)
        start = video[:, :, :4]
        pairs = (start, image), (start, image.roll(1, 0)), (video, real.video)
        return tuple((a - b).abs().mean().item() for a, b in pairs)

    own, other, whole = distances()
    assert own == pytest.approx(other, rel=0.05)  # an untrained generator does not care for the image
    run(state, config.steps)
    after = distances()
    assert after[0] < 0.6 * after[1]
    assert after[2] < 0.6 * whole
