import copy
import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vg_layers import fold_for_inference
from vg_layers.conv import FrameConv, TransposedConv
from vg_video import tgan
from vg_video.sampling import sample

SMALL = {"latent_dim": 6, "temporal_widths": (9, 8, 7, 5), "widths": (10, 6, 5, 4, 3)}
LABELS = ("wave", "bend", "jump")


def small(**changes) -> tgan.Generator:
    return tgan.Generator(tgan.GeneratorConfig(**(SMALL | changes)))


def released(**changes) -> tgan.Generator:
    with torch.device("meta"):  # sizes only
        return tgan.Generator(tgan.GeneratorConfig(**changes))


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def inputs(generator: tgan.Generator, rng: torch.Generator, b: int = 3) -> dict[str, torch.Tensor]:
    config = generator.config
    slow = {"slow": torch.rand(b, config.latent_dim, generator=rng) * 2 - 1}
    return slow | ({"label": torch.arange(b) % len(config.classes)} if config.classes else {})


def slow_generator(generator: tgan.Generator, slow, label=None):
    """The released graph: codes by 1-D convolutions, then one frame after another as an image of its own."""
    if label is not None:
        slow = torch.cat([slow, torch.eye(len(generator.classes), dtype=slow.dtype)[label]], dim=1)
    fast = slow.unsqueeze(2)
    for layer in generator.temporal:
        if isinstance(layer, TransposedConv):
            weight = layer.weight.flatten(2)
            fast = F.conv_transpose1d(fast, weight, layer.bias, layer.stride[0], layer.padding[0])
        else:
            fast = layer(fast[..., None, None]).flatten(2) if isinstance(layer, nn.BatchNorm3d) else layer(fast.clone())
    frames = fast.shape[2]
    rows = [
        slow.repeat_interleave(frames, 0),
        torch.stack([fast[i, :, t] for i in range(len(slow)) for t in range(frames)]),
    ]
    for layers, index in ((generator.slow, 0), (generator.fast, 1)):
        for layer in layers:
            rows[index] = layer(rows[index].clone())
    x = torch.cat(rows, dim=1).unflatten(1, (-1, 4, 4))
    for layer in generator.image:
        if isinstance(layer, TransposedConv):
            x = F.conv_transpose2d(x, layer.weight.squeeze(2), layer.bias, 2, 1)
        elif isinstance(layer, FrameConv):  # a transposed convolution with the kernel turned around
            weight = layer.weight.squeeze(2).flip(2, 3).transpose(0, 1)
            x = F.conv_transpose2d(x, weight, layer.bias, 1, 1)
        else:
            x = layer(x.unsqueeze(2)).squeeze(2) if isinstance(layer, nn.BatchNorm3d) else layer(x.clone())
    return torch.stack([x[i * frames : (i + 1) * frames].transpose(0, 1) for i in range(len(slow))])


def test_layers_are_the_released_ones():
    generator = released()
    along_time = [
        (conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
        for conv in generator.temporal
        if isinstance(conv, TransposedConv)
    ]
    assert along_time == [
        (512, (1, 1, 1), (1, 1, 1), (0, 0, 0)),
        *((n, (4, 1, 1), (2, 1, 1), (1, 0, 0)) for n in (256, 128, 128, 100)),
    ]
    assert [(net[0].in_features, net[0].out_features) for net in (generator.slow, generator.fast)] == [(100, 4096)] * 2
    image = [layer for layer in generator.image if isinstance(layer, TransposedConv | FrameConv)]
    assert [(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding) for conv in image] == [
        *((n, n // 2, (1, 4, 4), (1, 2, 2), (0, 1, 1)) for n in (512, 256, 128, 64)),
        (32, 3, (1, 3, 3), (1, 1, 1), (0, 1, 1)),
    ]
    assert [conv.bias is None for conv in image] == [True] * 4 + [False]


@pytest.mark.parametrize(("latent_dim", "temporal", "image"), [(100, 826_468, 3_622_691), (256, 986_368, 4_900_643)])
def test_parameters_are_the_released_ones(latent_dim, temporal, image):
    generator = released(latent_dim=latent_dim)
    assert parameters(generator.temporal) == temporal
    assert parameters(generator) == temporal + image
    without_shift = released(latent_dim=latent_dim, shift=False)
    assert parameters(generator) - parameters(without_shift) == 512 + 256 + 128 + 128
    labelled = released(latent_dim=latent_dim, classes=LABELS)
    assert parameters(labelled) - parameters(generator) == 3 * (512 + 4096)  # of their one-hot vector, in both nets


@pytest.mark.parametrize("changes", [{}, {"shift": False, "classes": LABELS}, {"temporal_widths": (8, 7, 6, 5, 4)}])
def test_video_statistics_and_gradients_are_those_of_single_frames(changes, rng):
    generator = small(start="lecun", **changes).double()
    arguments = inputs(generator, rng)
    arguments["slow"] = arguments["slow"].double().requires_grad_()
    direction = torch.randn(3, 3, generator.frames, 64, 64, dtype=torch.float64, generator=rng)
    results = []
    for net in (generator, copy.deepcopy(generator)):  # training mode: the statistics of batch norm move
        values = [arguments["slow"], *net.parameters()]
        video = net(**arguments) if net is generator else slow_generator(net, **arguments)
        results.append((video, *torch.autograd.grad(video, values, direction), *net.buffers()))
    assert results[0][0].shape == direction.shape
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9 * theirs.abs().max().item() + 1e-10)


def test_a_layer_of_the_temporal_generator_doubles_the_frames(rng):
    assert (small().frames, small(temporal_widths=(4,) * 5).frames, released().frames) == (16, 32, 16)
    with pytest.raises(ValueError, match="frames=20, wanted 16"):
        small().latents(20, rng)


def test_z_slow_is_uniform(rng):
    latents = small(latent_dim=4000).latents(16, rng)
    assert list(latents) == ["slow"] and latents["slow"].shape == (4000,)
    assert -1 <= latents["slow"].min() < -0.99 and 0.99 < latents["slow"].max() <= 1
    assert latents["slow"].square().mean().item() == pytest.approx(1 / 3, rel=0.05)


@pytest.mark.parametrize(("start", "of_codes"), [("uniform", 0.01 / 3**0.5), ("lecun", (128 * 4) ** -0.5)])
def test_weights_start_as_released(start, of_codes):
    generator = tgan.Generator(
        tgan.GeneratorConfig(temporal_widths=(64, 64, 128, 64), widths=(64, 64, 32, 16, 8), start=start)
    )
    assert generator.temporal[6].weight.std().item() == pytest.approx(of_codes, rel=0.05)
    for layer in (generator.slow[0], generator.fast[0], generator.image[0]):
        assert layer.weight.std().item() == pytest.approx(0.01 / 3**0.5, rel=0.02)
        assert -0.01 <= layer.weight.min() < -0.0099 and 0.0099 < layer.weight.max() <= 0.01
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm3d)]
    assert len(norms) == 4 + 2 + 4
    assert {(norm.eps, norm.weight.min().item(), norm.weight.max().item()) for norm in norms} == {(2e-5, 1.0, 1.0)}
    assert not any(value.any() for name, value in generator.named_parameters() if name.endswith("bias"))


def test_noise_and_label_change_the_video_and_a_clip_depends_on_its_own_row(rng):
    generator = small(classes=LABELS, start="lecun")
    for layer in generator.modules():
        layer.momentum = 1.0  # the batch's own statistics, with which maps do not fade from layer to layer
    generator(**inputs(generator, rng, 6))
    generator.eval()
    arguments = inputs(generator, rng, 2)
    video = generator(**arguments)
    assert video.shape == (2, 3, 16, 64, 64) and -1 <= video.min() < video.max() <= 1
    assert video.diff(dim=2).abs().max() > 1e-4  # each frame has its own z_fast
    for name, value in arguments.items():
        changed = generator(**arguments | {name: torch.stack([value[0], value[0]])})
        torch.testing.assert_close(changed[0], video[0])
        assert (changed[1] - video[1]).abs().max() > 1e-4


@pytest.mark.parametrize("shift", [True, False])
def test_norms_fold_for_inference(shift, rng):
    generator = small(shift=shift, classes=LABELS)
    arguments = inputs(generator, rng)
    generator(**arguments)  # statistics that are not 0 and 1
    folded = fold_for_inference(generator)
    assert not any(isinstance(layer, nn.BatchNorm3d) for layer in folded.modules())
    torch.testing.assert_close(folded(**arguments), generator.eval()(**arguments))


def test_a_model_folder_makes_the_same_clips(tmp_path):
    generator = small(shift=False, classes=LABELS).eval()
    generator.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["system"], config["classes"]) == ("tgan", list(LABELS))
    loaded = tgan.Generator.from_pretrained(tmp_path)
    assert loaded.config == generator.config
    ours, theirs = (sample(net, 3, seed=1, label="bend") for net in (generator, loaded))
    assert ours.shape == (3, 3, 16, 64, 64) and torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("changes", "slow", "label", "message"),
    [
        ({}, (2, 5), None, r"slow has shape \(2, 5\), wanted \(b, 6\)"),
        ({}, (2, 6, 1), None, "slow has shape"),
        ({}, (2, 6), [0, 1], "trained without labels"),
        ({"classes": LABELS}, (2, 6), None, "label is None"),
        ({"classes": LABELS}, (2, 6), [0, 3], "from 0 to 2"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(changes, slow, label, message):
    label = None if label is None else torch.tensor(label)
    with pytest.raises(ValueError, match=message):
        small(**changes)(torch.zeros(slow), label=label)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (2, 2, 2, 2)}, "wanted 5 positive numbers, the first one even"),
        ({"widths": (3, 2, 2, 2, 2)}, "the first one even"),
        ({"temporal_widths": ()}, "temporal_widths=.., wanted positive numbers, one at least"),
        ({"temporal_widths": (4, 0)}, "wanted positive numbers"),
        ({"latent_dim": 0}, "latent_dim=0, wanted a positive number"),
        ({"start": "zero"}, "start='zero', wanted one of uniform, lecun"),
        ({"classes": ("a", "a")}, "distinct"),
    ],
)
def test_settings_that_make_no_generator_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        tgan.GeneratorConfig(**(SMALL | changes))
