import copy
import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vg_layers import fold_for_inference
from vg_layers.conv import TransposedConv
from vg_video import vgan
from vg_video.sampling import sample

SMALL = {"noise_dim": 6, "widths": (9, 7, 6, 5)}
LABELS = ("wave", "bend", "jump")
# Kernel numbers of the released nets; kernel, stride and padding along time and along space.
KEEP, DOUBLE = (1, 1, 0), (4, 2, 1)
NOISE = {
    "background": [(512, KEEP, (4, 1, 0)), *((n, KEEP, DOUBLE) for n in (256, 128, 64, 3))],
    "moving": [(512, (2, 1, 0), (4, 1, 0)), *((n, DOUBLE, DOUBLE) for n in (256, 128, 64))],
    "foreground_and_mask": [(4, DOUBLE, DOUBLE)],
}
IMAGE = {
    "encoder": [(n, DOUBLE) for n in (128, 256, 512, 1024)],
    "background": [(n, KEEP, DOUBLE) for n in (512, 256, 128, 3)],
    "moving": [(1024, (2, 1, 0), KEEP), *((n, DOUBLE, DOUBLE) for n in (512, 256, 128))],
    "foreground_and_mask": [(4, DOUBLE, DOUBLE)],
}
VARIANTS = {"noise": {}, "image": {"image_conditioned": True, "noise_dim": 0}, "both": {"image_conditioned": True}}


def small(**changes) -> vgan.Generator:
    return vgan.Generator(vgan.GeneratorConfig(**(SMALL | changes)))


def released(image: bool = False, **changes) -> vgan.Generator:
    with torch.device("meta"):  # sizes only
        if image:
            return vgan.Generator(vgan.image_conditioned(**changes).generator)
        return vgan.Generator(vgan.GeneratorConfig(**changes))


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def inputs(generator: vgan.Generator, rng: torch.Generator, b: int = 3) -> dict[str, torch.Tensor]:
    config = generator.config
    arguments = {"noise": torch.randn(b, config.noise_dim, generator=rng)}
    if config.image_conditioned:
        arguments["image"] = torch.rand(b, 3, 64, 64, generator=rng) * 2 - 1
    if config.classes:
        arguments["label"] = torch.arange(b) % len(config.classes)
    return arguments


def window(conv: nn.Module) -> tuple:
    """Kernel number, and (kernel, stride, padding) along each of the different axes."""
    axes = list(zip(conv.kernel_size, conv.stride, conv.padding, strict=True))
    return (conv.out_channels, *axes[:-1])  # height and width are treated alike


def slow(generator: vgan.Generator, noise, image=None, label=None):
    """The released graph with PyTorch's 2-D and 3-D layers; the background is repeated over the frames."""
    config, b = generator.config, len(noise)
    labels = noise.new_zeros(b, 0) if label is None else torch.eye(len(config.classes), dtype=noise.dtype)[label]
    code = torch.cat([noise, labels], dim=1)[:, :, None, None]
    if image is not None:
        for layer in generator.encoder:
            image = layer(image)
        code = torch.cat([code.repeat(1, 1, 4, 4), image], dim=1)
    background, moving = code, code.unsqueeze(2)
    for layer in generator.background.modules():
        if isinstance(layer, TransposedConv):
            weight = layer.weight.squeeze(2)
            background = F.conv_transpose2d(background, weight, layer.bias, layer.stride[1:], layer.padding[1:])
        elif isinstance(layer, nn.BatchNorm3d):
            background = layer(background.unsqueeze(2)).squeeze(2)
        elif isinstance(layer, nn.ReLU | nn.Tanh):
            background = layer(background.clone())
    for layer in generator.moving.modules():
        if isinstance(layer, TransposedConv):
            moving = nn.ConvTranspose3d.forward(layer, moving)
        elif isinstance(layer, nn.BatchNorm3d | nn.ReLU):
            moving = layer(moving.clone())
    head = generator.foreground_and_mask
    of = [
        F.conv_transpose3d(moving, w, bias, 2, 1)
        for w, bias in zip(head.weight.split((3, 1), 1), head.bias.split((3, 1)), strict=True)
    ]
    foreground, mask = torch.tanh(of[0]), torch.sigmoid(of[1])
    video = torch.stack(
        [mask[:, :, t] * foreground[:, :, t] + (1 - mask[:, :, t]) * background for t in range(32)], dim=2
    )
    return vgan.Streams(video, foreground, mask, background.unsqueeze(2))


@pytest.mark.parametrize(("image", "wanted"), [(False, NOISE), (True, IMAGE)])
def test_layers_are_the_released_ones(image, wanted):
    generator = released(image)
    found = {
        name: [
            window(conv) for conv in getattr(generator, name).modules() if isinstance(conv, nn.Conv2d | TransposedConv)
        ]
        for name in wanted
    }
    assert found == wanted


def test_parameters_are_the_released_ones():
    noise, image = released(), released(image=True)
    assert [parameters(part) for part in (noise.background, noise.moving)] == [3_577_667, 12_651_328]
    assert parameters(noise.foreground_and_mask) == 12_291 + 4_097
    assert parameters(noise) == 16_245_383
    assert parameters(image.encoder) == 11_021_696
    assert parameters(image) == 11_021_696 + 11_018_883 + 46_143_104 + 32_772


def test_a_label_adds_the_weights_of_its_one_hot_vector():
    assert parameters(released(classes=LABELS)) - parameters(released()) == 3 * 512 * (16 + 2 * 16)
    with_image = parameters(released(image=True, classes=LABELS)) - parameters(released(image=True))
    assert with_image == 3 * (512 * 16 + 1024 * 2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_video_streams_and_gradients_are_those_of_the_released_graph(variant, rng):
    generator = small(classes=LABELS, **VARIANTS[variant]).double()
    arguments = {
        name: value if name == "label" else value.double().requires_grad_()
        for name, value in inputs(generator, rng).items()
    }
    directions = [
        torch.randn(3, n, t, 64, 64, dtype=torch.float64, generator=rng) for n, t in ((3, 32), (3, 32), (1, 32), (3, 1))
    ]
    results = []
    for net in (generator, copy.deepcopy(generator)):  # training mode: the statistics of batch norm move
        values = [value for name, value in arguments.items() if name != "label" and value.numel()]
        values += net.parameters()
        made = net(**arguments, streams=True) if net is generator else slow(net, **arguments)
        results.append((*made, *torch.autograd.grad(made, values, directions)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9 * theirs.abs().max().item() + 1e-10)


def test_the_mask_says_where_the_foreground_covers_one_still_background(rng):
    generator = small()
    made = generator(**inputs(generator, rng), streams=True)
    assert torch.equal(generator(**inputs(generator, rng.manual_seed(0))), made.video)
    assert (made.mask.shape, made.background.shape) == ((3, 1, 32, 64, 64), (3, 3, 1, 64, 64))
    assert 0 <= made.mask.min() < made.mask.max() <= 1
    with torch.no_grad():
        for bias, shown in ((-50, made.background.expand_as(made.video)), (50, made.foreground)):
            generator.foreground_and_mask.bias[3] = bias
            torch.testing.assert_close(generator(**inputs(generator, rng.manual_seed(0))), shown, rtol=0, atol=1e-6)


def test_weights_start_as_released():
    generator = small(image_conditioned=True, widths=(64, 48, 32, 32))
    convolutions = [layer for layer in generator.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose3d)]
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d)]
    weights, gains = torch.cat([c.weight.flatten() for c in convolutions]), torch.cat([n.weight for n in norms])
    assert weights.std().item() == pytest.approx(0.01, rel=0.02) and weights.mean().abs() < 1e-4
    assert gains.std().item() == pytest.approx(0.02, rel=0.15) and gains.mean().item() == pytest.approx(1, abs=5e-3)
    assert all(not layer.bias.any() for layer in convolutions + norms)
    assert {norm.eps for norm in norms if isinstance(norm, nn.BatchNorm2d)} == {1e-3}
    assert {norm.eps for norm in norms if isinstance(norm, nn.BatchNorm3d)} == {1e-5}
    assert (len(convolutions), len(norms)) == (4 + 4 + 4 + 1, 3 + 3 + 4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_all_inputs_change_the_video_and_a_clip_depends_on_its_own_row(variant, rng):
    generator = small(classes=LABELS, **VARIANTS[variant])
    for layer in generator.modules():
        layer.momentum = 1.0  # the batch's own statistics, with which maps do not fade from layer to layer
    generator(**inputs(generator, rng, 6))
    generator.eval()
    arguments = inputs(generator, rng, 2)
    video = generator(**arguments)
    assert video.shape == (2, 3, 32, 64, 64) and -1 <= video.min() < video.max() <= 1
    for name, value in arguments.items():
        if value.numel() == 0:
            continue
        changed = generator(**arguments | {name: torch.stack([value[0], value[0]])})
        torch.testing.assert_close(changed[0], video[0])
        assert (changed[1] - video[1]).abs().max() > 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
def test_norms_fold_for_inference(variant, rng):
    generator = small(classes=LABELS, **VARIANTS[variant])
    arguments = inputs(generator, rng)
    generator(**arguments)  # statistics that are not 0 and 1
    folded = fold_for_inference(generator)
    assert not any(isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d) for layer in folded.modules())
    torch.testing.assert_close(folded(**arguments), generator.eval()(**arguments))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_model_folder_makes_the_same_clips(variant, rng, tmp_path):
    generator = small(classes=LABELS, **VARIANTS[variant]).eval()
    generator.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["system"], config["classes"]) == ("vgan", list(LABELS))
    images = torch.rand(2, 3, 64, 64, generator=rng) * 2 - 1 if generator.takes_image else None
    loaded = vgan.Generator.from_pretrained(tmp_path)
    assert loaded.config == generator.config
    ours, theirs = (sample(net, 3, seed=1, label="bend", images=images) for net in (generator, loaded))
    assert ours.shape == (3, 3, 32, 64, 64) and torch.equal(ours, theirs)


def test_noise_is_normal_and_clips_have_32_frames(rng):
    latents = small(noise_dim=4000).latents(32, rng)
    assert list(latents) == ["noise"] and latents["noise"].shape == (4000,)
    assert latents["noise"].std().item() == pytest.approx(1, rel=0.05)
    with pytest.raises(ValueError, match="frames=16, wanted 32"):
        small().latents(16, rng)


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({}, {"noise": (2, 5)}, r"noise has shape \(2, 5\), wanted \(b, 6\)"),
        ({}, {"noise": (2, 6), "image": (2, 3, 64, 64)}, "makes videos from noise alone"),
        ({}, {"noise": (2, 6), "label": [0, 1]}, "trained without labels"),
        ({"classes": LABELS}, {"noise": (2, 6)}, "label is None"),
        ({"classes": LABELS}, {"noise": (2, 6), "label": [0, 3]}, "from 0 to 2"),
        ({"image_conditioned": True}, {"noise": (2, 6)}, "image has shape None, wanted"),
        ({"image_conditioned": True}, {"noise": (2, 6), "image": (2, 3, 32, 64)}, r"wanted \(2, 3, 64, 64\)"),
        ({"image_conditioned": True}, {"noise": (2, 6), "image": (3, 3, 64, 64)}, r"wanted \(2, 3, 64, 64\)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(changes, arguments, message):
    tensors = {name: torch.tensor(x) if name == "label" else torch.zeros(x) for name, x in arguments.items()}
    with pytest.raises(ValueError, match=message):
        small(**changes)(**tensors)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (1, 2, 3)}, "widths=.1, 2, 3., wanted 4 positive numbers"),
        ({"widths": (1, 2, 3, 0)}, "wanted 4 positive numbers"),
        ({"noise_dim": 0}, "noise_dim=0, wanted at least 1"),
        ({"noise_dim": -1, "image_conditioned": True}, "noise_dim=-1, wanted at least 0"),
        ({"classes": ("a", "a")}, "distinct"),
    ],
)
def test_settings_that_make_no_generator_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        vgan.GeneratorConfig(**(SMALL | changes))
