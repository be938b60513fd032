import copy
import json

import pytest
import torch
from torch import nn
from vg_layers import fold_for_inference
from vg_video import imaginator

SMALL = {
    "encoder_widths": (5, 6, 7, 9),
    "appearance_dim": 4,
    "noise_dim": 8,
    "decoder_widths": (9, 7, 6, 5),
    "mid_widths": (12, 11, 10, 9, 8),
}
LABELS = ("anger", "fear", "happiness")
MUG = ("sadness", "anger", "surprise", "disgust", "happiness", "fear")
# Table 3.1: kernel numbers, kernel size, stride and padding.
ENCODER = [(kn, (4, 4), (2, 2), (1, 1)) for kn in (64, 128, 256, 512)] + [(100, (4, 4), (1, 1), (0, 0))]
DECODER = [
    (4096, (2, 1, 1), (1, 1, 1), (0, 0, 0)),
    (512, (1, 4, 4), (1, 1, 1), (0, 0, 0)),
    *(
        layer
        for mid, out in ((3072, 256), (1536, 128), (768, 64), (36, 3))
        for layer in ((mid, (4, 1, 1), (2, 1, 1), (1, 0, 0)), (out, (1, 4, 4), (1, 2, 2), (0, 1, 1)))
    ),
]


def small(**changes) -> imaginator.Generator:
    return imaginator.Generator(imaginator.GeneratorConfig(**(SMALL | changes)))


def thesis(**changes) -> imaginator.Generator:
    with torch.device("meta"):  # sizes only
        return imaginator.Generator(imaginator.GeneratorConfig(**changes))


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def inputs(generator: imaginator.Generator, rng: torch.Generator, b: int = 3) -> tuple[torch.Tensor, ...]:
    image = torch.rand(b, 3, 64, 64, generator=rng) * 2 - 1
    noise = torch.randn(b, generator.config.noise_dim, generator=rng)
    labels = len(generator.config.classes)
    return (image, noise, torch.arange(b) % labels) if labels else (image, noise)


def slow(generator: imaginator.Generator, image: torch.Tensor, noise: torch.Tensor, *label: torch.Tensor):
    """Figure 3.5 and table 3.1 with PyTorch's 3-D layers: every map is repeated over time and joined."""
    config = generator.config
    labels = torch.eye(len(config.classes), dtype=image.dtype)[label[0]] if label else image.new_zeros(len(image), 0)
    maps = [image]
    for level in generator.encoder:
        for layer in level:
            image = layer(image)
        maps.append(image)
    x = torch.cat([noise, labels, maps[5].flatten(1)], dim=1)[:, :, None, None, None]
    for level, block in enumerate(generator.decoder):
        if level and config.fusion:
            skip = maps[5 - level].unsqueeze(2).repeat(1, 1, x.shape[2], 1, 1)
            x = torch.cat([x, skip, labels[:, :, None, None, None].repeat(1, 1, *x.shape[2:])], dim=1)
        for layer in block:
            x = nn.ConvTranspose3d.forward(layer, x) if isinstance(layer, nn.ConvTranspose3d) else layer(x)
    return torch.tanh(x)


def test_layers_are_those_of_table_3_1():
    generator = thesis(classes=MUG)
    found = [
        [
            (layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
            for layer in part.modules()
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose3d)
        ]
        for part in (generator.encoder, generator.decoder)
    ]
    assert found == [ENCODER, DECODER]
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d)]
    assert len(norms) == len(ENCODER + DECODER) - 1  # in all layers but the last (3.3.4)


def test_parameters_are_the_released_ones_and_the_default_adds_a_norm_and_drops_the_labels():
    released = parameters(thesis(classes=MUG, appearance_norm=False))
    norm = 2 * 100  # scale and shift after Conv5
    labels = 6 * (2 * 4096 + 4 * (3072 + 1536 + 768 + 36))  # of the five temporal convolutions
    assert released == 75_406_451
    assert parameters(thesis(classes=MUG)) == released + norm
    assert parameters(thesis()) == released + norm - labels


@pytest.mark.parametrize("changes", [{}, {"convolution": "3d"}, {"fusion": False}, {"noise_dim": 0}, {"classes": ()}])
def test_video_and_gradients_are_those_of_repeated_and_joined_maps(changes, rng):
    generator = small(**({"classes": LABELS} | changes)).double()
    image, noise, *label = inputs(generator, rng)
    image, noise = image.double().requires_grad_(), noise.double().requires_grad_()
    wanted = [image, noise, *generator.parameters()]
    direction = torch.randn(3, 3, 32, 64, 64, dtype=torch.float64, generator=rng)
    results = []
    for net in (generator, copy.deepcopy(generator)):  # training mode: the statistics of batch norm move
        values = [image, noise, *net.parameters()]
        video = net(image, noise, *label) if net is generator else slow(net, image, noise, *label)
        results.append((video, *torch.autograd.grad(video, values, direction, allow_unused=True)))
    assert len(results[0]) == len(wanted) + 1
    for ours, theirs in zip(*results, strict=True):
        if theirs is None or theirs.numel() == 0:  # noise that is not there
            continue
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9 * theirs.abs().max().item() + 1e-10)
    assert all(result is not None for result in results[0])


@pytest.mark.parametrize("changes", [{}, {"convolution": "3d"}, {"appearance_norm": False}])
def test_norms_fold_for_inference(changes, rng):
    generator = small(classes=LABELS, **changes)
    arguments = inputs(generator, rng)
    generator(*arguments)  # statistics that are not 0 and 1
    folded = fold_for_inference(generator)
    assert not any(isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d) for layer in folded.modules())
    torch.testing.assert_close(folded(*arguments), generator.eval()(*arguments))


def test_equal_parameters_widen_the_3d_decoder_of_table_3_12():
    factorized, whole = thesis(classes=MUG), thesis(classes=MUG, convolution="3d")
    equal = thesis(classes=MUG, convolution="3d", equal_parameters=True)
    assert parameters(whole) < 0.5 * parameters(factorized)
    assert parameters(equal) == pytest.approx(parameters(factorized), rel=2e-3)
    assert [block[0].out_channels / own for block, own in zip(equal.decoder, (512, 256, 128, 64), strict=False)] == (
        pytest.approx([equal.decoder[0][0].out_channels / 512] * 4, rel=1e-2)
    )


def test_ablations_of_tables_3_7_and_3_8_change_the_parameters():
    counts = {
        name: parameters(small(classes=LABELS, **changes))
        for name, changes in {
            "whole": {},
            "3d": {"convolution": "3d"},
            "without fusion": {"fusion": False},
            "without noise": {"noise_dim": 0},
            "without norm of p": {"appearance_norm": False},
        }.items()
    }
    assert len(set(counts.values())) == len(counts)
    temporal = [block[0].in_channels for block in small(classes=LABELS, fusion=False).decoder]
    assert temporal == [8 + 3 + 4, 9, 7, 6, 5]  # image and label enter the latent vector alone


def test_label_and_noise_change_the_video_and_a_clip_depends_on_its_own_row(rng):
    generator = small(classes=LABELS)
    for norm in generator.modules():
        norm.momentum = 1.0  # the batch's own statistics, with which maps do not fade from layer to layer
    generator(*inputs(generator, rng, 6))
    generator.eval()
    image, noise, _ = inputs(generator, rng, 2)
    image = image[:1].expand(2, -1, -1, -1)
    same = generator(image, noise[:1].expand(2, -1), torch.tensor([0, 1]))
    assert (same[0] - same[1]).abs().max() > 1e-4
    other = generator(image, noise, torch.tensor([0, 0]))
    torch.testing.assert_close(other[0], same[0])
    assert (other[1] - same[0]).abs().max() > 1e-4
    assert other.shape == (2, 3, 32, 64, 64) and -1 <= other.min() < other.max() <= 1


def test_noise_of_a_clip_has_the_length_of_the_settings_and_comes_from_the_given_draw_alone(rng):
    generator = small(classes=LABELS)
    assert (generator.frames, generator.resolution, generator.classes, generator.takes_image) == (32, 64, LABELS, True)
    latents = generator.latents(32, rng.manual_seed(3))
    assert torch.equal(latents["noise"], torch.randn(8, generator=rng.manual_seed(3)))
    image, _, label = inputs(generator, rng, 2)
    named = {name: torch.stack([value, value]) for name, value in latents.items()}
    assert generator(**named, image=image, label=label).shape == (2, 3, 32, 64, 64)
    assert small(noise_dim=0).latents(32, rng)["noise"].shape == (0,)
    with pytest.raises(ValueError, match="frames=16, wanted 32"):
        generator.latents(16, rng)


@pytest.mark.parametrize(
    ("image", "noise", "label", "message"),
    [
        ((2, 3, 32, 64), (2, 8), [0, 1], "image has shape"),
        ((2, 1, 64, 64), (2, 8), [0, 1], "image has shape"),
        ((2, 3, 64, 64), (2, 7), [0, 1], r"noise has shape \(2, 7\), wanted \(2, 8\)"),
        ((2, 3, 64, 64), (3, 8), [0, 1], "noise has shape"),
        ((2, 3, 64, 64), (2, 8), None, "label is None"),
        ((2, 3, 64, 64), (2, 8), [0, 3], "wanted .b,. class indices from 0 to 2"),
    ],
)
def test_inputs_of_other_shapes_are_refused(image, noise, label, message):
    label = None if label is None else torch.tensor(label)
    with pytest.raises(ValueError, match=message):
        small(classes=LABELS)(torch.zeros(image), torch.zeros(noise), label)


def test_a_label_for_a_model_without_classes_is_refused(rng):
    generator = small()
    with pytest.raises(ValueError, match="trained without labels"):
        generator(*inputs(generator, rng), torch.tensor([0, 0, 0]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mid_widths": (1, 2)}, "mid_widths=.1, 2., wanted 5 positive numbers"),
        ({"decoder_widths": (8, 8, 8, 0)}, "decoder_widths"),
        ({"convolution": "2+1d"}, "wanted one of 1.2d, 3d"),
        ({"equal_parameters": True}, "wanted convolution='3d'"),
        ({"classes": ("a", "a")}, "distinct"),
        ({"noise_dim": -1}, "noise_dim=-1, wanted at least 0"),
        ({"appearance_dim": 0}, "appearance_dim=0, wanted at least 1"),
    ],
)
def test_settings_that_make_no_generator_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        imaginator.GeneratorConfig(**(SMALL | changes))


def test_a_model_folder_holds_settings_and_weights(rng, tmp_path):
    generator = small(classes=LABELS, convolution="3d").eval()
    generator.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["system"], config["classes"]) == ("imaginator", list(LABELS))
    loaded = imaginator.Generator.from_pretrained(tmp_path)
    assert loaded.config == generator.config
    arguments = inputs(generator, rng)
    assert torch.equal(loaded.eval()(*arguments), generator(*arguments))
