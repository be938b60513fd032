"""The training loop that all systems share, on the smallest G3AN."""

import dataclasses
from collections.abc import Iterator
from itertools import islice
from typing import get_args

import pytest
import torch
from torch import Tensor
from vg_layers import SingleDevice
from vg_layers.adversarial import LossKind
from vg_video import g3an
from vg_video.autoencoder import Autoencoder, Sight
from vg_video.data.clips import Batch
from vg_video.seeds import seeded
from vg_video.training import DivergenceError

CONFIG = g3an.G3ANConfig(
    generator=g3an.GeneratorConfig(
        appearance_dim=4, widths=(8, 8, 8, 8, 4), classes=("left", "right"), attention_after=None, spectral_norm=False
    ),
    video_discriminator=g3an.VideoDiscriminatorConfig(width=4, norm="none", classes=2),
    image_discriminator=g3an.ImageDiscriminatorConfig(width=4, norm="none"),
    steps=20,
    batch_size=4,
    learning_rate=1e-3,
)


def batches(size: int = 4, start: int = 0, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
    """Noise clips, those of one rank."""
    for index in range(start, 100):
        draw = seeded(3, index)
        video, label = (
            torch.rand(size, 3, 16, 64, 64, generator=draw) * 2 - 1,
            torch.randint(2, (size,), generator=draw),
        )
        own = slice(rank * size // world_size, (rank + 1) * size // world_size)
        yield Batch(index, video[own], label[own])


def changed(**settings: object) -> g3an.G3ANConfig:
    return dataclasses.replace(CONFIG, **settings)


def losses_of(config: g3an.G3ANConfig, steps: int = 1) -> list[dict[str, Tensor]]:
    return trained(g3an.TrainState(config), steps)


def trained(state: g3an.TrainState, steps: int) -> list[dict[str, Tensor]]:
    """The losses of so many steps."""
    return [step.losses for step in islice(g3an.train(state, batches()), steps)]


def without_batch_norm(state: g3an.TrainState) -> g3an.TrainState:
    """The same state with the generator's batch norms as they are in eval mode."""
    for module in state.generator.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.eval()
    return state


@pytest.mark.parametrize("settings", [{}, {"augment": True, "frames_per_clip": 2, "r1_weight": 1.0}])
@pytest.mark.parametrize("parts", [2, 4])
def test_parts_of_a_batch_one_after_another_are_the_batch(settings, parts):
    """Batch norm, which looks at a part only, is taken out; then all draws, losses and updates are the same."""
    found = []
    torch.set_default_dtype(torch.float64)
    try:
        for accumulate in (1, parts):
            state = without_batch_norm(g3an.TrainState(changed(accumulate=accumulate, **settings)))
            exact = (dataclasses.replace(batch, video=batch.video.double()) for batch in batches())
            losses = [step.losses for step in islice(g3an.train(state, exact), 2)]
            found.append((losses, state.state_dict()["tensors"]))
    finally:
        torch.set_default_dtype(torch.float32)
    (steps, tensors), (other_steps, other_tensors) = found
    torch.testing.assert_close(other_steps, steps, rtol=1e-9, atol=1e-12)
    moved = {key: value for key, value in tensors.items() if "running" not in key and "num_batches" not in key}
    torch.testing.assert_close({key: other_tensors[key] for key in moved}, moved, rtol=1e-6, atol=1e-9)


def test_two_ranks_draw_what_one_process_draws_for_the_same_clips():
    """Each rank sees its share of the batch; the means of the shares' losses are the losses of the whole."""
    whole = without_batch_norm(g3an.TrainState(CONFIG))
    (wanted,) = trained(whole, 1)
    shares = []
    for rank in range(2):
        engine = SingleDevice()
        engine.global_rank = rank
        state = without_batch_norm(g3an.TrainState(CONFIG, engine=engine))
        step = next(g3an.train(state, batches(rank=rank, world_size=2)))
        shares.append(step.losses)
    for name in ("video_discriminator", "image_discriminator"):  # the generator's come after an update
        torch.testing.assert_close((shares[0][name] + shares[1][name]) / 2, wanted[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_every_row_of_table_2_1_trains_the_system_without_touching_its_code(kind):
    state = g3an.TrainState(changed(loss=kind))
    before = {key: value.clone() for key, value in state.state_dict()["tensors"].items()}
    steps = trained(state, 3)
    assert all(loss.isfinite() for losses in steps for loss in losses.values())
    own = {"wgan-gp": {"video_wgan-gp", "image_wgan-gp"}, "dragan": {"video_dragan", "image_dragan"}}
    common = {"video_discriminator", "image_discriminator", "generator_video", "generator_image"}
    if state.config.tells_labels:  # the autoencoder of BEGAN is told them
        common |= {"video_class", "generator_video_class"}
    assert steps[0].keys() == common | own.get(kind, set())
    after = state.state_dict()["tensors"]
    for net in ("generator", "video_discriminator", "image_discriminator"):
        weights = [key for key in before if key.startswith(f"{net}.") and key.endswith("weight")]
        assert any(not torch.equal(before[key], after[key]) for key in weights), net
    controls = [key for key in after if key.startswith("losses.")]
    assert len(controls) == (2 if kind == "began" else 0)
    assert all(isinstance(state.nets[name], Autoencoder) == (kind == "began") for name in state.discriminators)


def test_losses_differ_from_row_to_row():
    first = {kind: losses_of(changed(loss=kind))[0] for kind in ("mm", "ns", "wgan", "lsgan", "hinge")}
    values = {
        kind: (float(losses["video_discriminator"]), float(losses["generator_video"])) for kind, losses in first.items()
    }
    assert values["mm"][0] == values["ns"][0] and len(set(values.values())) == len(values)


def test_the_control_of_began_moves_and_is_part_of_the_state():
    config = changed(loss="began")
    state = g3an.TrainState(config)
    trained(state, 2)
    saved = state.state_dict()
    control = saved["tensors"]["losses.video_discriminator.control"]
    assert 0 < control <= 1
    other = g3an.TrainState(config)
    other.load_state_dict(saved)
    assert other.adversarial_loss("video_discriminator").control == control


def test_the_order_of_the_updates_can_be_turned_round():
    """Generator first: its loss is that of the discriminators before their update."""
    turned, usual = losses_of(changed(generator_first=True), 2), losses_of(CONFIG, 2)
    assert turned[0]["video_discriminator"] == usual[0]["video_discriminator"]
    assert turned[0]["generator_video"] != usual[0]["generator_video"]
    still = losses_of(changed(discriminator_learning_rate=1e-30))
    torch.testing.assert_close(turned[0]["generator_video"], still[0]["generator_video"])


def test_nets_have_their_own_rates():
    state = g3an.TrainState(changed(discriminator_learning_rate=1e-30))
    before = {name: [p.clone() for p in net.parameters()] for name, net in state.nets.items()}
    next(g3an.train(state, batches()))
    moved = {
        name: max(float((p - q).detach().abs().max()) for p, q in zip(net.parameters(), before[name], strict=True))
        for name, net in state.nets.items()
    }
    assert moved["generator"] > 1e-4 and max(moved["video_discriminator"], moved["image_discriminator"]) < 1e-20


def test_singular_values_are_clipped_when_due():
    state = g3an.TrainState(changed(clip_every=2, loss="wgan"))
    steps = g3an.train(state, batches())
    largest = []
    for _ in islice(steps, 2):
        weights = [p for name, p in state.nets["video_discriminator"].named_parameters() if name.endswith("weight")]
        largest.append(max(float(torch.linalg.matrix_norm(weight.flatten(1), 2)) for weight in weights))
    assert largest[0] > 1.01 and largest[1] == pytest.approx(1, abs=1e-5)


def test_a_gradient_that_is_not_finite_stops_the_run_and_is_not_applied():
    state = g3an.TrainState(CONFIG)
    steps = g3an.train(state, batches())
    next(steps)
    kept = {key: value.clone() for key, value in state.state_dict()["tensors"].items()}
    bad = next(iter(batches(start=1)))
    bad.video[2, 0, 3, 5, 7] = float("nan")
    with pytest.raises(DivergenceError, match=r"gradient of \w+_discriminator is nan at step 1"):
        next(g3an.train(state, iter([bad])))
    assert state.step == 1
    weights = [key for key in kept if "running" not in key and "num_batches" not in key]  # statistics of the bad clips
    assert all(torch.equal(state.state_dict()["tensors"][key], kept[key]) for key in weights)


def test_discriminators_get_no_gradient_from_the_generators_update():
    state = g3an.TrainState(changed(generator_first=False))
    grads = []
    apply = state.optimizers["generator"].step
    state.wrapped_optimizers["generator"].step = lambda: (
        grads.append([p.requires_grad for p in state.nets["video_discriminator"].parameters()]),
        apply(),
    )
    next(g3an.train(state, batches()))
    assert grads and all(grads[0])  # the freeze is over before the optimizer steps
    assert all(p.requires_grad for net in state.nets.values() for p in net.parameters())


def test_a_batch_that_cannot_be_cut_is_refused():
    with pytest.raises(ValueError, match="4 clips cannot be cut into accumulate=3 parts"):
        next(g3an.train(g3an.TrainState(changed(accumulate=3)), batches()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "gan"}, "loss='gan', wanted one of mm, ns"),
        ({"accumulate": 0}, "accumulate=0"),
        ({"discriminator_learning_rate": 0.0}, "discriminator_learning_rate=0.0"),
        ({"clip_every": -1}, "clip_every=-1"),
        ({"betas": (0.5, 1.0)}, "betas="),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        changed(**settings)


@pytest.mark.parametrize(("axes", "shape"), [(2, (2, 12, 32, 48)), (3, (2, 3, 5, 32, 32))])
def test_an_autoencoder_scores_by_its_reconstruction_error(axes, shape, rng):
    net = Autoencoder(Sight(shape[1], axes=axes, width=4, classes=3))
    x = torch.rand(shape, generator=rng) * 2 - 1
    scores = net(x, torch.tensor([0, 2]))
    assert scores.shape == (2,) and (scores > 0).all()
    torch.testing.assert_close(net(x[1:], torch.tensor([2])), scores[1:])
    assert net(x, torch.tensor([1, 2]))[0] != scores[0]
    with pytest.raises(ValueError, match="label is None"):
        net(x)
    with pytest.raises(ValueError, match="multiples of 16"):
        net(x[..., :-1], torch.tensor([0, 2]))
