import itertools

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from vg_layers import fold_for_inference
from vg_video import g3an

SMALL = {"appearance_dim": 6, "widths": (16, 12, 8, 8, 4), "attention_after": None, "spectral_norm": False}


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def small(**changes) -> g3an.Generator:
    return g3an.Generator(g3an.GeneratorConfig(**(SMALL | changes)))


def noise(
    generator: g3an.Generator, rng: torch.Generator, b: int = 2, length: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    config = generator.config
    return (
        torch.randn(b, config.appearance_dim, generator=rng),
        torch.randn(b, length, config.motion_dim, generator=rng),
    )


def test_thesis_sizes_weigh_as_the_released_generator():
    assert parameters(g3an.Generator(g3an.GeneratorConfig())) == 23_090_437


def test_equal_parameters_levels_the_three_convolutions_of_table_4_4():
    counts = [
        parameters(small(widths=(64, 64, 32, 16, 16), convolution=kind, equal_parameters=True))
        for kind in ("1+2d", "2+1d", "3d")
    ]
    assert max(counts) / min(counts) < 1.01
    assert parameters(small(convolution="3d")) > 1.5 * parameters(small(convolution="1+2d"))  # without the request


@pytest.mark.parametrize(
    ("spatial", "temporal", "kind"), [*itertools.product([True, False], [True, False], ["1+2d"]), (True, True, "3d")]
)
def test_every_ablation_of_tables_4_3_and_4_4_gives_video(spatial, temporal, kind, rng):
    generator = small(spatial_stream=spatial, temporal_stream=temporal, convolution=kind)
    video = generator(*noise(generator, rng))
    assert video.shape == (2, 3, 16, 64, 64)
    assert -1 <= video.min() < video.max() <= 1
    video.square().mean().backward()
    last = generator.levels[-1]  # its streams end in the last fusion, so every parameter has a gradient
    assert (last.spatial is None, last.temporal is None) == (not spatial, not temporal)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters())


def test_a_removed_stream_leaves_its_map_out_of_the_fusion():
    inputs = {
        (spatial, temporal): small(spatial_stream=spatial, temporal_stream=temporal).to_rgb.in_channels
        for spatial, temporal in itertools.product([True, False], repeat=2)
    }
    assert inputs == {(True, True): 8, (True, False): 8, (False, True): 4, (False, False): 4}


@pytest.mark.parametrize("level", [0, 1, 2])  # 3 is in the checkpoints of test_g3an_official
def test_attention_joins_after_any_module_and_starts_as_the_identity(level, rng):
    with_attention, without = small(attention_after=level), small()
    shared = {k: v for k, v in with_attention.state_dict().items() if not k.startswith("attention.")}
    without.load_state_dict(shared)
    inputs = noise(without, rng)
    torch.testing.assert_close(with_attention(*inputs), without(*inputs))
    for part in (with_attention.attention.tsa, with_attention.attention.ssa):
        nn.init.ones_(part.gamma)
    assert (with_attention(*inputs) - without(*inputs)).abs().max() > 1e-6


@pytest.mark.parametrize("length", [1, 2, 5])
def test_more_motion_vectors_give_longer_videos(length, rng):
    generator = small()
    assert generator(*noise(generator, rng, 1, length)).shape == (1, 3, 4 * (length + 3), 64, 64)


def test_the_label_reaches_the_temporal_stream_alone(rng):
    generator = small(classes=("bend", "jack", "wave")).eval()
    seen: dict[str, list[torch.Tensor]] = {"spatial": [], "temporal": [], "video": []}
    for name, outputs in seen.items():
        first = getattr(generator.levels[0], name)
        first.register_forward_pre_hook(lambda _, inputs, outputs=outputs: outputs.append(inputs[0]))
    inputs = noise(generator, rng)
    videos = [generator(*inputs, torch.tensor([label, label])) for label in (0, 2)]
    assert (videos[0] - videos[1]).abs().max() > 1e-5
    assert torch.equal(*seen["spatial"]) and torch.equal(*seen["video"])
    assert [maps.shape[1] for maps in seen["temporal"]] == [13, 13]  # one-hot and z_m
    assert not torch.equal(*seen["temporal"])


@pytest.mark.parametrize(
    ("appearance", "motion", "label", "message"),
    [
        ((2, 5), (2, 1, 10), [0, 1], "appearance has shape"),
        ((2, 6), (2, 10), [0, 1], "motion has shape"),
        ((2, 6), (2, 0, 10), [0, 1], "motion has shape"),
        ((2, 6), (3, 1, 10), [0, 1], "motion has shape"),
        ((2, 6), (2, 1, 10), None, "label is None"),
        ((2, 6), (2, 1, 10), [0, 2], r"label=\[0, 2\], wanted"),
        ((2, 6), (2, 1, 10), [0, -1], "wanted"),
    ],
)
def test_inputs_of_other_shapes_are_refused(appearance, motion, label, message):
    generator = small(classes=("bend", "wave"))
    label = None if label is None else torch.tensor(label)
    with pytest.raises(ValueError, match=message):
        generator(torch.zeros(appearance), torch.zeros(motion), label)


def test_a_label_for_a_model_without_classes_is_refused(rng):
    generator = small()
    with pytest.raises(ValueError, match="trained without labels"):
        generator(*noise(generator, rng), torch.tensor([0, 0]))


def with_joint_maps(generator: g3an.Generator, appearance: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
    """The generator as 4.3.1 has it: every F_V is one map, in which the appearance stands at each time."""
    f_s, f_t = appearance[..., None, None, None], motion.mT[..., None, None]
    f_v = torch.cat([f_s.expand(-1, -1, f_t.shape[2], -1, -1), f_t], dim=1)
    for level, module in enumerate(generator.levels):
        f_s, f_t, video = module(f_s, f_t, f_v)
        f_v = module.fuse(f_s, f_t, video)
        if level == generator.config.attention_after:
            f_v = generator.attention(f_v)
    return generator.to_rgb(f_v).tanh()


def derivatives(function, generator: g3an.Generator, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    video = function(*inputs)
    loss = (video * torch.linspace(-1, 1, video.numel(), dtype=video.dtype).view_as(video)).sum()
    return [video, *torch.autograd.grad(loss, [*inputs, *generator.parameters()])]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"attention_after": 1},
        {"attention_after": 0, "convolution": "2+1d"},
        {"convolution": "3d", "spectral_norm": True},
        {"temporal_stream": False},
        {"spatial_stream": False, "attention_after": 2},
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_appearance_is_convolved_once_and_nothing_changes(training, changes, rng):
    """Values and gradients in float64 are those of joint maps; in training, of their norms and singular vectors too."""
    generator = small(widths=(8, 8, 8, 8, 4), **changes).double().train(training)
    inputs = [value.double().requires_grad_() for value in noise(generator, rng, length=2)]
    if generator.config.attention_after is not None:
        nn.init.ones_(generator.attention.tsa.gamma)
        nn.init.ones_(generator.attention.ssa.gamma)
    state = {key: value.clone() for key, value in generator.state_dict().items()}
    ours = derivatives(generator, generator, inputs)
    moved = {key: value.clone() for key, value in generator.state_dict().items()}
    generator.load_state_dict(state)
    theirs = derivatives(lambda *given: with_joint_maps(generator, *given), generator, inputs)
    for a, b in zip([*ours, *moved.values()], [*theirs, *generator.state_dict().values()], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-10, atol=1e-10)


def test_less_is_computed_than_with_joint_maps(rng):
    generator = g3an.Generator(g3an.GeneratorConfig(attention_after=None)).eval()
    inputs = noise(generator, rng, 1)
    flops = []
    for function in (generator, lambda *given: with_joint_maps(generator, *given)):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            function(*inputs)
        flops.append(counter.get_total_flops())
    assert flops[0] < 0.9 * flops[1]


@pytest.mark.parametrize("kind", ["1+2d", "3d"])
def test_folded_generator_is_the_generator_in_eval_mode(kind, rng):
    generator = small(attention_after=1, spectral_norm=True, convolution=kind).double()
    nn.init.ones_(generator.attention.ssa.gamma)
    inputs = [value.double() for value in noise(generator, rng)]
    generator(*inputs)  # gives the norms statistics
    folded = fold_for_inference(generator)
    assert not any(isinstance(layer, nn.BatchNorm3d) for layer in folded.modules())
    torch.testing.assert_close(folded(*inputs), generator.eval()(*inputs), rtol=1e-10, atol=1e-10)
