"""MintGAN's generator: sizes of its nets, a slow form of it, what its options change, and what is refused."""

import dataclasses
import itertools
import json
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers import MappingNetwork, upsample2d
from vg_video import mintgan
from vg_video.sampling import sample

MICRO = mintgan.GeneratorConfig(
    resolution=16,
    frames=5,
    appearance_dim=6,
    motion_dim=3,
    style_dim=8,
    directions=7,
    mapping_layers=2,
    mapping_rate=0.1,
    channel_base=64,
    max_channels=6,
)
OPTIONS = [
    {},
    {"bank": "qr", "motion_gain": 0.3},
    {"bank": "cayley", "leak": 0.25},
    {"noise": True},
    {"order": "descending", "upsampling": "box", "rgb_scale": 0.1},
]


def micro(**changes) -> mintgan.Generator:
    return mintgan.Generator(dataclasses.replace(MICRO, **changes))


def thesis(**changes) -> mintgan.Generator:
    with torch.device("meta"):  # sizes only
        return mintgan.Generator(mintgan.GeneratorConfig(**changes))


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def inputs(generator: mintgan.Generator, b: int = 2, frames: int = 5) -> dict[str, Tensor]:
    drawn = [generator.latents(frames, torch.Generator().manual_seed(seed)) for seed in range(b)]
    dtype = generator.gru.weight_ih.dtype
    return {name: torch.stack([one[name] for one in drawn]).to(dtype) for name in drawn[0]}


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_nets_have_the_sizes_of_section_5_2_5():
    generator = thesis()
    mlp = 8 * (512 * 512 + 512)
    assert mlp == 2_101_248
    assert parameters(generator.appearance_net) == parameters(generator.motion_net) == mlp  # two 8-layer MLPs (5.2.2)
    assert parameters(generator.gru) == 3 * (512 * (256 + 512) + 2 * 512) == 1_182_720  # z_m of 256, state of 512
    assert parameters(generator.bank) == 512 * 512  # M
    assert (generator.frames, generator.resolution, generator.classes) == (16, 64, ())
    drawn = generator.latents(16, torch.Generator())
    assert {name: tuple(value.shape) for name, value in drawn.items()} == {"appearance": (512,), "motion": (15, 256)}


def synthesis_size(resolution: int, base: int) -> int:
    """Weights and biases of StyleGAN2's synthesis network, whose every layer makes its styles of w by itself."""
    sizes = [4 << level for level in range(int(math.log2(resolution)) - 1)]
    widths = [min(512, base // size) for size in sizes]
    convolutions = [(widths[0], widths[0]), *(pair for a, b in itertools.pairwise(widths) for pair in ((a, b), (b, b)))]
    total = widths[0] * 4 * 4  # the constant
    for before, after in convolutions:
        total += 9 * before * after + after + 513 * before
    return total + sum(3 * width + 3 + 513 * width for width in widths)  # to colors


@pytest.mark.parametrize(
    ("resolution", "base", "size", "codes"),
    [
        (64, 16384, 21_718_287, 10),
        (64, 32768, 24_931_343, 10),
        (128, 16384, 22_423_954, 12),
        (128, 32768, 27_227_410, 12),
        (256, 16384, 22_666_197, 14),
    ],
)
def test_synthesis_has_the_parameters_of_stylegan2(resolution, base, size, codes):
    synthesis = thesis(resolution=resolution, channel_base=base).synthesis
    assert parameters(synthesis) == synthesis_size(resolution, base) == size
    assert len(synthesis.sides) + 1 == codes  # places where a code enters: each convolution, and the last colors


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"directions": 20}, (20 - 512) * 512 + (20 - 512) * 513),  # M, and the last layer of G_M
        ({"bank": "qr"}, 0),
        ({"bank": "cayley"}, 0),
        ({"noise": True}, 9),  # a strength for each convolution
        ({"mapping_layers": 4}, -8 * 512 * 513),
        ({"leak": 0.1, "motion_gain": 0.5, "upsampling": "box"}, 0),
    ],
)
def test_options_change_the_parameters_by_what_they_add(changes, difference):
    assert parameters(thesis(**changes)) - parameters(thesis()) == difference


# --- what it computes -------------------------------------------------------------------------------------------------


def slow_perceptron(net: MappingNetwork, z: Tensor) -> Tensor:
    """One vector through a mapping network."""
    x = z / (z.square().mean() + 1e-8).sqrt()
    for layer in net.layers:
        rate = layer.lr_multiplier
        y = [
            rate / math.sqrt(len(x)) * (row @ x) + rate * bias
            for row, bias in zip(layer.weight, layer.bias, strict=True)
        ]
        x = math.sqrt(2) * F.leaky_relu(torch.stack(y), 0.2)
    return x


def slow_gru(cell: nn.GRUCell, z: Tensor, h: Tensor) -> Tensor:
    """One step: the gates, and a mean of the old state and a new one."""
    of_z, of_h = cell.weight_ih @ z + cell.bias_ih, cell.weight_hh @ h + cell.bias_hh
    reset, update = ((of_z + of_h).view(3, -1)[gate].sigmoid() for gate in (0, 1))
    new = (of_z.view(3, -1)[2] + reset * of_h.view(3, -1)[2]).tanh()
    return (1 - update) * new + update * h


def slow_frame(generator: mintgan.Generator, w: Tensor, noise: Tensor | None) -> Tensor:
    """One frame, layer by layer; the layers themselves are tested where they are."""
    x, image, place = generator.synthesis.const[None], None, 0
    for block in generator.synthesis.blocks:
        for conv in block.convs:
            side = x.shape[-1] * conv.up
            maps = None if noise is None else noise[place : place + side**2].view(1, 1, side, side)
            x, place = conv(x, w[None], maps), place + side**2
        part = block.to_rgb(x, w[None])
        image = part if image is None else upsample2d(image, block.filter) + part
    return image[0]


def slow(generator: mintgan.Generator, appearance: Tensor, motion: Tensor, noise: Tensor | None = None) -> Tensor:
    """5.2.2, one clip and one frame after another."""
    directions, config, clips = generator.bank(), generator.config, []
    for clip in range(len(appearance)):
        start = slow_perceptron(generator.appearance_net, appearance[clip])
        maps = None if noise is None else noise[clip]
        frames, way, h = [slow_frame(generator, start, maps)], torch.zeros_like(start), appearance[clip]
        for z in motion[clip]:
            h = slow_gru(generator.gru, z, h)
            magnitudes = config.motion_gain * slow_perceptron(generator.motion_net, h)
            way = (1 - config.leak) * way + sum(a * d for a, d in zip(magnitudes, directions, strict=True))
            frames.append(slow_frame(generator, start + way, maps))
        clips.append(torch.stack(frames, dim=1))
    return torch.stack(clips)


@pytest.mark.parametrize("changes", OPTIONS)
def test_video_and_gradients_are_those_of_equation_5_4_clip_by_clip_and_frame_by_frame(changes, rng):
    generator = micro(**changes).double()
    for name, parameter in generator.named_parameters():
        if "noise" in name:
            nn.init.constant_(parameter, 0.5)  # at 0 there would be no noise
    latents = inputs(generator)
    video, wanted = generator(**latents), slow(generator, **latents)
    assert video.shape == (2, 3, 5, 16, 16)
    torch.testing.assert_close(video, wanted, rtol=1e-9, atol=1e-9)
    direction = torch.randn(video.shape, dtype=torch.float64, generator=rng)
    found, slowly = (torch.autograd.grad(x, [*generator.parameters()], direction) for x in (video, wanted))
    for (name, _), ours, theirs in zip(generator.named_parameters(), found, slowly, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-8 * theirs.abs().max().item(), msg=name)
        assert theirs.abs().max() > 0, name


@pytest.mark.parametrize("bank", ["svd", "qr", "cayley"])
def test_the_gradient_reaches_all_of_m(bank, rng):
    generator = micro(bank=bank)
    generator(**inputs(generator)).square().sum().backward()
    reached = generator.bank.weight.grad != 0
    if bank == "cayley":  # of which the diagonal is no part
        reached.fill_diagonal_(True)
    assert reached.all()


def test_steps_of_the_pipeline_make_the_clip():
    generator = micro(leak=0.2)
    latents = inputs(generator)
    start = generator.appearance(latents["appearance"])
    magnitudes = generator.magnitudes(**latents)
    w = generator.path(start, magnitudes)
    video, codes = generator(**latents, codes=True)
    assert (start.shape, magnitudes.shape, w.shape) == ((2, 8), (2, 4, 7), (2, 5, 8))
    assert torch.equal(codes, w)
    torch.testing.assert_close(generator.synthesize(w), video)
    still = generator.synthesize(generator.path(start, torch.zeros_like(magnitudes)))  # no direction is active
    torch.testing.assert_close(still, video[:, :, :1].expand_as(still), rtol=1e-4, atol=1e-5)


def test_appearance_alone_makes_the_first_frame_and_changes_the_motion_too():
    """The GRU starts as z_a (5.2.2), so the same z_m moves another clip otherwise."""
    generator = micro()
    latents = inputs(generator)
    one, other = latents["appearance"][:1], latents["appearance"][1:]
    motion = latents["motion"]
    assert torch.equal(generator(one, motion[:1])[:, :, 0], generator(one, motion[1:])[:, :, 0])
    assert not torch.allclose(generator.magnitudes(one, motion[:1]), generator.magnitudes(other, motion[:1]))


def test_noise_is_one_map_for_all_frames_of_a_clip():
    generator = micro(noise=True)
    for name, parameter in generator.named_parameters():
        if "noise" in name:
            nn.init.constant_(parameter, 0.5)
    latents = inputs(generator)
    w = generator.appearance(latents["appearance"]).unsqueeze(1).expand(-1, 3, -1)
    still = generator.synthesize(w, latents["noise"])
    assert torch.equal(still[:, :, 0], still[:, :, 2])
    assert (still - generator.synthesize(w)).abs().max() > 0.01
    assert latents["noise"].shape == (2, 4**2 + 2 * 8**2 + 2 * 16**2)


# --- length, mode, precision ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [1, 2, 5, 37])
def test_clips_of_any_length_begin_alike(frames):
    generator = micro(noise=True).eval()
    clip = sample(generator, 2, seed=3, frames=frames)
    assert clip.shape == (2, 3, frames, 16, 16)
    torch.testing.assert_close(sample(generator, 2, seed=3, frames=40)[:, :, :frames], clip)


def test_colors_are_limited_in_eval_mode_alone():
    generator = micro()
    nn.init.constant_(generator.synthesis.blocks[-1].to_rgb.bias, 5.0)
    latents = inputs(generator)
    free = generator(**latents)
    assert free.max() > 1
    assert torch.equal(generator.eval()(**latents), free.clamp(-1, 1))


def test_bf16_autocast_keeps_codes_in_float32():
    generator = micro()
    latents = inputs(generator)
    exact, codes = generator(**latents, codes=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        video, rounded = generator(**latents, codes=True)
    assert (video.dtype, rounded.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(rounded, codes, rtol=0, atol=0.1)
    torch.testing.assert_close(video.float(), exact, rtol=0, atol=0.1 * exact.abs().max().item())


def test_kernels_are_the_constant_and_the_weights_of_the_convolutions():
    synthesis = micro().synthesis
    names = {id(parameter): name for name, parameter in synthesis.named_parameters()}
    kernels = [names[id(kernel)] for kernel in synthesis.kernels()]
    assert len(kernels) == 1 + 5 + 3
    assert {name.rpartition(".")[2] for name in kernels} == {"const", "weight"}
    assert not any("style" in name for name in kernels)


def test_a_model_folder_holds_settings_weights_and_directions(tmp_path):
    generator = micro(noise=True)
    generator(**inputs(generator))  # in training mode: the bank learns where its directions face
    generator.eval().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["system"], config["directions"]) == ("mintgan", 7)
    loaded = mintgan.Generator.from_pretrained(tmp_path).eval()
    assert loaded.config == generator.config
    latents = inputs(generator)
    assert torch.equal(loaded(**latents), generator(**latents))


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": 100}, "resolution=100, wanted a power of two, at least 8"),
        ({"resolution": 4}, "resolution=4"),
        ({"channel_base": 8}, "channel_base=8"),
        ({"frames": 0}, "frames=0"),
        ({"mapping_layers": 0}, "mapping_layers=0"),
        ({"motion_gain": 0.0}, "motion_gain=0.0"),
        ({"leak": 1.5}, "leak=1.5, wanted 0 to 1"),
        ({"upsampling": "nearest"}, "upsampling='nearest', wanted one of smooth, box"),
        ({"directions": 9}, "n=9 directions, wanted 1 to dim=8"),
        ({"bank": "eigh"}, "mode='eigh'"),
        ({"bank": "qr", "order": "descending"}, "order='descending' is of singular values"),
    ],
)
def test_settings_that_make_no_generator_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        micro(**changes)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("appearance", (2, 5), r"appearance has shape \(2, 5\), wanted \(b, 6\)"),
        ("motion", (2, 4, 4), r"motion has shape \(2, 4, 4\), wanted \(2, t - 1, 3\)"),
        ("motion", (3, 4, 3), r"wanted \(2, t - 1, 3\)"),
        ("motion", (2, 3), "motion has shape"),
        ("noise", (2, 600), r"noise has shape \(2, 600\), wanted \(2, 656\)"),
    ],
)
def test_noise_of_another_shape_is_refused(name, shape, message):
    generator = micro(noise=True)
    with pytest.raises(ValueError, match=message):
        generator(**inputs(generator) | {name: torch.zeros(shape)})


def test_a_generator_without_noise_refuses_some():
    generator = micro()
    with pytest.raises(ValueError, match="built with noise=False"):
        generator(**inputs(generator), noise=torch.zeros(2, 656))


def test_no_frames_are_refused():
    with pytest.raises(ValueError, match=r"frames=0, wanted 1, 2, 3, ... \(nearest: 1\)"):
        micro().latents(0, torch.Generator())
