import json

import pytest
import torch
from torch import nn
from vg_layers import fold_for_inference
from vg_video import mocogan
from vg_video.seeds import seeded

SMALL = {"content_dim": 5, "motion_dim": 4, "widths": (9, 8, 7, 6)}
LABELS = ("wave", "bend", "jump")
CASES = [{}, {"classes": LABELS}, {"classes": LABELS, "image_conditioned": True}]


def small(**changes) -> mocogan.Generator:
    return mocogan.Generator(mocogan.GeneratorConfig(**(SMALL | changes)))


def thesis(**changes) -> mocogan.Generator:
    with torch.device("meta"):  # sizes only
        return mocogan.Generator(mocogan.GeneratorConfig(**changes))


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def inputs(generator: mocogan.Generator, rng: torch.Generator, b: int = 3, t: int = 5) -> dict[str, torch.Tensor]:
    noise = [generator.latents(t, rng) for _ in range(b)]
    given = {name: torch.stack([one[name] for one in noise]) for name in noise[0]}
    if generator.takes_image:
        given["image"] = torch.rand(b, 3, 64, 64, generator=rng) * 2 - 1
    if generator.classes:
        given["label"] = torch.arange(b) % len(generator.classes)
    return given


def slow(generator: mocogan.Generator, motion, content=None, start=None, image=None, label=None):
    """One GRU equation and one frame after another, with PyTorch's transposed convolution."""
    config, cell = generator.config, generator.recurrent
    states = []
    if image is not None:
        content, start = generator.encoder(image).split([config.content_dim, config.motion_dim], dim=1)
        states.append(start)
    state = start
    for t in range(motion.shape[1]):
        given = nn.functional.linear(motion[:, t], cell.weight_ih, cell.bias_ih).chunk(3, dim=1)
        own = nn.functional.linear(state, cell.weight_hh, cell.bias_hh).chunk(3, dim=1)
        reset, update = ((given[i] + own[i]).sigmoid() for i in range(2))
        state = (1 - update) * (given[2] + reset * own[2]).tanh() + update * state
        states.append(state)
    category = [] if label is None else [torch.eye(len(config.classes), dtype=content.dtype)[label]]
    vectors = [torch.cat([content, *category, state], dim=1) for state in states]
    x = torch.stack(vectors, dim=1).flatten(0, 1)[:, :, None, None]  # batch norm sees the frames of all clips
    for layer in generator.image_generator:
        x = nn.ConvTranspose2d.forward(layer, x) if isinstance(layer, nn.ConvTranspose2d) else layer(x)
    return x.unflatten(0, (len(content), len(states))).transpose(1, 2)


def test_layers_and_parameters_are_the_released_ones():
    generator = thesis(classes=tuple("012345"))
    layers = [layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert [(conv.in_channels, conv.out_channels, conv.stride[0], conv.padding[0]) for conv in layers] == [
        (66, 512, 1, 0),
        (512, 256, 2, 1),
        (256, 128, 2, 1),
        (128, 64, 2, 1),
        (64, 3, 2, 1),
    ]
    assert all(conv.kernel_size == (4, 4) and conv.bias is None for conv in layers)
    assert parameters(generator) == 3_298_836
    assert parameters(thesis()) == 3_298_836 - 6 * 512 * 16  # the labels' rows of the first layer
    encoder = thesis(image_conditioned=True).encoder
    assert parameters(thesis(image_conditioned=True)) - parameters(thesis()) == parameters(encoder)
    assert parameters(encoder) == 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 60) + 2 * (128 + 256 + 512)


@pytest.mark.parametrize("changes", CASES)
def test_video_and_gradients_are_those_of_one_frame_after_another(changes, rng):
    generator = small(**changes).double()
    given = {
        name: value.double() if value.is_floating_point() else value for name, value in inputs(generator, rng).items()
    }
    wanted = [value.requires_grad_() for value in given.values() if value.is_floating_point()]
    wanted += list(generator.parameters())
    direction = torch.randn(3, 3, 5, 64, 64, dtype=torch.float64, generator=rng)
    results = []
    for video in (generator(**given), slow(generator, **given)):  # training mode: statistics of the batch
        results.append((video, *torch.autograd.grad(video, wanted, direction)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9 * theirs.abs().max().item() + 1e-12)
        assert theirs.abs().max() > 0


@pytest.mark.parametrize("changes", CASES)
def test_a_longer_clip_begins_as_the_shorter_one_and_goes_on_moving(changes, rng):
    generator = settled(small(**changes), rng)
    given = {name: value[:1] for name, value in inputs(generator, rng, 1).items() if name in ("image", "label")}
    clips = []
    for t in (1, 16, 40):
        latents = {name: value[None] for name, value in generator.latents(t, seeded(7)).items()}
        clips.append(generator(**latents, **given))
        assert clips[-1].shape == (1, 3, t, 64, 64)
    torch.testing.assert_close(clips[2][:, :, :16], clips[1])
    torch.testing.assert_close(clips[1][:, :, :1], clips[0])
    frames = clips[2][0].transpose(0, 1).flatten(1)
    distance = torch.cdist(frames, frames) + torch.eye(40)
    assert distance.min() > 1e-4  # no frame comes twice


def settled(generator: mocogan.Generator, rng: torch.Generator) -> mocogan.Generator:
    """In eval mode, with the statistics of a batch, so that maps do not fade from layer to layer."""
    for norm in generator.modules():
        norm.momentum = 1.0
    generator(**inputs(generator, rng, 6, 8))
    return generator.eval()


@pytest.mark.parametrize("changes", CASES)
def test_every_input_matters_and_a_clip_depends_on_its_own_row(changes, rng):
    generator = settled(small(**changes), rng)
    given, other = inputs(generator, rng, 2), inputs(generator, rng, 2)
    other = {name: value + 1 if name == "label" else value for name, value in other.items()}
    other.pop("label", None)
    video = generator(**given)
    assert -1 <= video.min() < video.max() <= 1
    if generator.classes:
        other["label"] = (given["label"] + 1) % 3
    for name, value in other.items():
        mixed = torch.stack([value[0], given[name][1]])  # the first row alone is exchanged
        changed = generator(**(given | {name: mixed}))
        assert (changed[0] - video[0]).abs().max() > 1e-4, name
        torch.testing.assert_close(changed[1], video[1])


def test_the_first_frame_of_an_image_conditioned_clip_depends_on_the_image_alone(rng):
    generator = settled(small(image_conditioned=True), rng)
    assert generator.takes_image
    image = torch.rand(1, 3, 64, 64, generator=rng) * 2 - 1
    one, two = (generator(torch.randn(1, 4, 4, generator=rng), image=image) for _ in range(2))
    torch.testing.assert_close(one[:, :, 0], two[:, :, 0])
    assert ((one - two)[:, :, 1:].abs().amax(dim=(0, 1, 3, 4)) > 1e-4).all()


def test_norms_fold_for_inference(rng):
    generator = settled(small(classes=LABELS), rng)
    folded, given = fold_for_inference(generator), inputs(generator, rng)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    torch.testing.assert_close(folded(**given), generator(**given))


@pytest.mark.parametrize(
    ("changes", "given", "message"),
    [
        ({}, {"content": None}, r"content is missing, wanted \(2, 5\)"),
        ({}, {"start": torch.zeros(3, 4)}, r"start has shape \(3, 4\), wanted \(2, 4\)"),
        ({}, {"motion": torch.zeros(2, 3)}, r"motion has shape \(2, 3\), wanted \(2, 3, 4\)"),
        ({}, {"motion": torch.zeros(2, 3, 5)}, "motion has shape"),
        ({}, {"image": torch.zeros(2, 3, 64, 64)}, "image of shape .* was given"),
        ({}, {"label": torch.zeros(2, dtype=torch.long)}, "trained without labels"),
        ({"classes": LABELS}, {"label": None}, "label is None"),
        ({"classes": LABELS}, {"label": torch.tensor([0, 3])}, "class indices from 0 to 2"),
        ({"image_conditioned": True}, {"image": None}, "image is missing"),
        ({"image_conditioned": True}, {"image": torch.zeros(2, 3, 32, 32)}, "image has shape"),
        ({"image_conditioned": True}, {"content": torch.zeros(2, 5)}, "content of shape .* was given"),
    ],
)
def test_inputs_of_other_shapes_are_refused(changes, given, message, rng):
    generator = small(**changes)
    with pytest.raises(ValueError, match=message):
        generator(**(inputs(generator, rng, 2) | given))


def test_a_clip_without_frames_is_refused(rng):
    with pytest.raises(ValueError, match="frames=0, wanted 1, 2, 3"):
        small().latents(0, rng)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (1, 2)}, "widths=.1, 2., wanted 4 positive numbers"),
        ({"widths": (8, 8, 8, 0)}, "widths"),
        ({"classes": ("a", "a")}, "distinct"),
        ({"motion_dim": 0}, "motion_dim=0, wanted a positive number"),
        ({"frames": 0}, "frames=0"),
    ],
)
def test_settings_that_make_no_generator_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        mocogan.GeneratorConfig(**(SMALL | changes))


def test_a_model_folder_holds_settings_and_weights(rng, tmp_path):
    generator = small(classes=LABELS, image_conditioned=True, frames=32).eval()
    generator.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["system"], config["classes"]) == ("mocogan", list(LABELS))
    loaded = mocogan.Generator.from_pretrained(tmp_path)
    assert (loaded.config, loaded.frames, loaded.resolution) == (generator.config, 32, 64)
    given = inputs(generator, rng)
    assert torch.equal(loaded.eval()(**given), generator(**given))
