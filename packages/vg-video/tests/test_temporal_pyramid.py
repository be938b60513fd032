"""The temporal pyramid and its 2-D nets: layers, views, labels, gradients, and critics for a host's training step."""

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers import NSGAN, clip_singular_values_
from vg_layers.configs import config_dict, from_dict
from vg_video.autoencoder import Autoencoder
from vg_video.image_discriminator import ImageDiscriminator, ImageDiscriminatorConfig, channels_by_size
from vg_video.temporal_pyramid import (
    PyramidConfig,
    TemporalPyramid,
    pyramid_critics,
    pyramid_nets,
    pyramid_views,
)
from vg_video.training.critic import Critic, discriminator_terms, generator_terms

MICRO = {"resolution": 16, "frames": 8, "speeds": 3, "channel_base": 64, "max_channels": 6}
ARCHS = [{"arch": "stylegan2"}, *({"arch": "dcgan2d", "norm": norm} for norm in ("batch", "spectral", "none"))]


def micro(**changes) -> PyramidConfig:
    return PyramidConfig(**(MICRO | changes))


def clips(config: PyramidConfig, rng: torch.Generator, b: int = 3) -> Tensor:
    return torch.rand(b, 3, config.frames, config.resolution, config.resolution, generator=rng) * 2 - 1


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def stylegan2_size(channels: int, widths: list[int]) -> int:
    """Weights and biases of StyleGAN2's residual discriminator; widths from the images' size down to 4x4."""
    total = channels * widths[0] + widths[0]
    for a, b in itertools.pairwise(widths):
        total += 9 * a * a + a + 9 * a * b + b + a * b
    last = widths[-1]
    return total + 9 * (last + 1) * last + last + 16 * last * last + last + last + 1


def dcgan_size(channels: int, widths: list[int], told: int = 0, telling: int = 0) -> int:
    """Weights and biases of DCGAN's discriminator with batch norm; widths from half the images' size down to 4x4."""
    total = 16 * channels * widths[0] + widths[0]
    for level, (a, b) in enumerate(itertools.pairwise(widths)):
        total += 16 * (a + (0 if level else told)) * b + 2 * b
    return total + (1 + telling) * (16 * widths[-1] + 1)


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_views_of_16_frames_are_those_of_table_5_3():
    config = PyramidConfig()
    assert (config.strides, config.frames // config.strides[-1]) == ((1, 2, 4, 8), 2)
    with torch.device("meta"):
        nets = pyramid_nets(config)
    assert [(name, net.channels // 3) for name, net in nets.items()] == [
        ("video_discriminator_1", 16),
        ("video_discriminator_2", 8),
        ("video_discriminator_4", 4),
        ("video_discriminator_8", 2),
    ]


@pytest.mark.parametrize(
    ("resolution", "base", "image", "video"),
    [
        (64, 16384, 23_407_361, [23_418_881, 23_412_737, 23_409_665, 23_408_129]),
        (64, 32768, 26_488_833, [26_511_873, 26_499_585, 26_493_441, 26_490_369]),
        (128, 16384, 23_882_369, [23_888_129, 23_885_057, 23_883_521, 23_882_753]),
    ],
)
def test_stylegan2_nets_have_the_parameters_of_its_layers(resolution, base, image, video):
    with torch.device("meta"):
        config = PyramidConfig(resolution=resolution, channel_base=base)
        counts = [parameters(net) for net in pyramid_nets(config).values()]
        of_images = parameters(ImageDiscriminator(config))
    widths = [min(512, base // pixels) for pixels in (128, 64, 32, 16, 8, 4) if pixels <= resolution]
    assert [of_images, *counts] == [stylegan2_size(3 * frames, widths) for frames in (1, 16, 8, 4, 2)]
    assert [of_images, *counts] == [image, *video]


@pytest.mark.parametrize(("frames", "classes", "auxiliary"), [(16, 0, False), (32, 6, False), (16, 6, True)])
def test_dcgan_nets_have_the_widths_of_the_hosts_3d_ones(frames, classes, auxiliary):
    with torch.device("meta"):
        config = PyramidConfig(arch="dcgan2d", frames=frames, classes=classes, auxiliary=auxiliary)
        nets = pyramid_nets(config)
    told, telling = (0, classes) if auxiliary else (classes, 0)
    for net, stride in zip(nets.values(), (1, 2, 4, 8), strict=True):
        convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
        assert [conv.out_channels for conv in convolutions] == [64, 128, 256, 512, 1 + telling]
        assert {conv.kernel_size for conv in convolutions} == {(4, 4)}
        assert parameters(net) == dcgan_size(3 * frames // stride, [64, 128, 256, 512], told, telling)


def test_channels_are_those_of_stylegan2():
    assert channels_by_size(256, 16384, 512) == (512, 512, 512, 512, 256, 128, 64)
    assert channels_by_size(64, 32768, 512) == (512,) * 5


# --- what the nets see and say ----------------------------------------------------------------------------------------


def test_views_are_every_nth_frame_one_after_another_as_channels(rng):
    config = micro()
    video = clips(config, rng)
    views = pyramid_views(config, video)
    assert list(views) == ["video_discriminator_1", "video_discriminator_2", "video_discriminator_4"]
    for view, stride in zip(views.values(), (1, 2, 4), strict=True):
        assert view.shape == (3, 3 * 8 // stride, 16, 16)
        for clip, channel in itertools.product(range(3), range(view.shape[1])):
            assert torch.equal(view[clip, channel], video[clip, channel % 3, channel // 3 * stride])


@pytest.mark.parametrize("settings", ARCHS)
def test_the_pyramid_is_its_nets_on_its_views(settings, rng):
    config = micro(**settings)
    pyramid = TemporalPyramid(config).eval()
    video = clips(config, rng)
    scores = pyramid(video)
    assert scores.shape == (3, 3)
    for speed, (name, view) in enumerate(pyramid.views(video).items()):
        torch.testing.assert_close(scores[:, speed], pyramid.nets[name](view))
    faster = video.clone()
    faster[:, :, 1::2] = 0  # only the slowest speed sees these frames
    changed = (pyramid(faster) - scores).abs().amax(0) > 0
    assert changed.tolist() == [True, False, False]


@pytest.mark.parametrize("classes", [0, 2])
def test_dcgan_net_is_four_strided_convolutions_and_a_head(classes, rng):
    config = ImageDiscriminatorConfig(arch="dcgan2d", resolution=16, channel_base=64, norm="none", classes=classes)
    net = ImageDiscriminator(config, 6).double()
    images = torch.randn(2, 6, 16, 16, dtype=torch.float64, generator=rng)
    first, second, head = (layer for layer in net.modules() if isinstance(layer, nn.Conv2d))
    label = torch.tensor([1, 0])
    x = F.leaky_relu(F.conv2d(images, first.weight, first.bias, stride=2, padding=1), 0.2)
    if classes:
        x = torch.cat([x, torch.eye(2, dtype=torch.float64)[label][:, :, None, None].repeat(1, 1, 8, 8)], dim=1)
    x = F.leaky_relu(F.conv2d(x, second.weight, second.bias, stride=2, padding=1), 0.2)
    wanted = (x.flatten(1) @ head.weight.flatten()) + head.bias
    torch.testing.assert_close(net(images, label) if classes else net(images), wanted)


def test_labels_change_the_scores_of_a_conditional_pyramid(rng):
    config = micro(arch="dcgan2d", classes=3, norm="none")
    pyramid = TemporalPyramid(config)
    video = clips(config, rng, 1).expand(3, -1, -1, -1, -1)
    scores = pyramid(video, torch.arange(3))
    assert all(len({round(score, 6) for score in column}) == 3 for column in scores.T.tolist())


def test_an_auxiliary_pyramid_tells_the_label_at_each_speed(rng):
    config = micro(arch="dcgan2d", classes=4, auxiliary=True)
    scores, classes = TemporalPyramid(config)(clips(config, rng))
    assert (scores.shape, classes.shape) == ((3, 3), (3, 3, 4))


@pytest.mark.parametrize("settings", ARCHS)
def test_a_gradient_penalty_reaches_the_weights(settings, rng):
    config = micro(**settings, speeds=1, frames=2)
    net = pyramid_nets(config)["video_discriminator_1"]
    view = pyramid_views(config, clips(config, rng))["video_discriminator_1"].requires_grad_()
    (gradient,) = torch.autograd.grad(net(view).sum(), view, create_graph=True)
    gradient.square().sum().backward()
    weights = [p for p in net.parameters() if p.ndim > 1]
    assert len(weights) == (10 if config.arch == "stylegan2" else 3)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in weights)


@pytest.mark.parametrize("settings", [ARCHS[0], ARCHS[1]])
def test_second_derivatives_are_those_of_finite_differences(settings, rng):
    config = ImageDiscriminatorConfig(resolution=8, channel_base=16, max_channels=2, **settings)
    net = ImageDiscriminator(config, 3).double()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=rng, requires_grad=True)
    assert torch.autograd.gradgradcheck(net, images, fast_mode=True)


# --- in training ------------------------------------------------------------------------------------------------------


def test_critics_show_each_net_its_view_and_keep_all_else(rng):
    config = micro(arch="dcgan2d", classes=2)
    real, fake = clips(config, rng), clips(config, rng).requires_grad_()
    label, other = torch.tensor([0, 1, 0]), torch.tensor([1, 1, 0])
    host = Critic(
        name="video_discriminator",
        real=real,
        fake=fake,
        label=label,
        fake_label=other,
        wrong_label=1 - label,
        weight=0.5,
    )
    critics = pyramid_critics(config, host)
    assert [critic.short for critic in critics] == ["video_1", "video_2", "video_4"]
    nets, loss = pyramid_nets(config), NSGAN()
    for critic in critics:
        assert torch.equal(critic.real, pyramid_views(config, real)[critic.name])
        assert (critic.label is label, critic.fake_label is other, critic.weight) == (True, True, 0.5)
        assert discriminator_terms(critic, nets[critic.name], loss).terms[critic.name].isfinite()
    total = sum(term for critic in critics for term in generator_terms(critic, nets[critic.name], loss).values())
    (gradient,) = torch.autograd.grad(total, fake)
    assert (gradient.abs().amax(dim=(0, 1, 3, 4)) > 0).all(), "the slowest speed sees every frame"


def test_every_speed_gets_an_autoencoder_of_began(rng):
    config = micro(resolution=32)
    views = pyramid_views(config, clips(config, rng))
    for name, net in pyramid_nets(config).items():
        assert Autoencoder.like(net)(views[name]).shape == (3,)


def test_singular_values_of_dcgan_nets_can_be_clipped_as_tgans(rng):
    pyramid = TemporalPyramid(micro(arch="dcgan2d"))
    pyramid(clips(pyramid.config, rng))
    for layer in pyramid.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, 0.0, 3.0)
    before = copy.deepcopy(pyramid.state_dict())
    clip_singular_values_(pyramid)
    changed = {key for key, value in pyramid.state_dict().items() if not torch.equal(value, before[key])}
    weights = {f"{name}.weight" for name, layer in pyramid.named_modules() if isinstance(layer, nn.Conv2d)}
    assert len(weights) == 9 and weights <= changed


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 12}, "frames=12 with speeds=4, wanted a multiple of 8, the largest stride, and at least 16"),
        ({"frames": 8}, "frames=8 with speeds=4, wanted a multiple of 8"),
        ({"frames": 1, "speeds": 1}, "at least 2"),
        ({"speeds": 0}, "speeds=0"),
        ({"resolution": 48}, "resolution=48, wanted a power of two, at least 8"),
        ({"channel_base": 32}, "channel_base=32"),
        ({"arch": "3d"}, "arch='3d', wanted one of stylegan2, dcgan2d"),
        ({"norm": "layer"}, "norm='layer'"),
        ({"classes": 3}, "classes=3 with arch='stylegan2', which knows no labels"),
        ({"auxiliary": True}, "auxiliary=True without classes"),
        ({"group_size": 0}, "group_size=0"),
    ],
)
def test_settings_that_make_no_pyramid_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        PyramidConfig(**changes)


def test_settings_survive_json():
    config = micro(arch="dcgan2d", classes=2)
    assert from_dict(PyramidConfig, config_dict(config)) == config


@pytest.mark.parametrize("shape", [(2, 3, 16, 16, 16), (2, 3, 8, 16, 32), (2, 1, 8, 16, 16), (2, 3, 8, 16)])
def test_clips_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"video has shape .*, wanted \(2, 3, 8, 16, 16\)"):
        TemporalPyramid(micro())(torch.zeros(shape))


@pytest.mark.parametrize(
    ("settings", "label", "message"),
    [
        ({}, [0, 1], "the discriminator is told none"),
        ({"arch": "dcgan2d", "classes": 2, "auxiliary": True}, [0, 1], "the discriminator is told none"),
        ({"arch": "dcgan2d", "classes": 2}, None, "label is None"),
        ({"arch": "dcgan2d", "classes": 2}, [0, 2], "from 0 to 1"),
    ],
)
def test_labels_that_do_not_fit_are_refused(settings, label, message):
    with pytest.raises(ValueError, match=message):
        TemporalPyramid(micro(**settings))(torch.zeros(2, 3, 8, 16, 16), None if label is None else torch.tensor(label))


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"images have shape \(2, 6, 16, 16\), wanted \(2, 3, 16, 16\)"):
        ImageDiscriminator(ImageDiscriminatorConfig(resolution=16))(torch.zeros(2, 6, 16, 16))
