import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vg_layers import r1_penalty
from vg_video import mocogan
from vg_video.mocogan.layers import InstanceNoise, draw_noise_from
from vg_video.seeds import seeded


def video_net(**changes) -> mocogan.VideoDiscriminator:
    return mocogan.VideoDiscriminator(mocogan.VideoDiscriminatorConfig(**({"width": 4} | changes)))


def image_net(**changes) -> mocogan.ImageDiscriminator:
    return mocogan.ImageDiscriminator(mocogan.ImageDiscriminatorConfig(**({"width": 4} | changes)))


def released(kind: type, config: type, **changes) -> nn.Module:
    with torch.device("meta"):  # sizes only
        return kind(config(**changes))


def clips(rng: torch.Generator, b: int = 2, t: int = 16, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(b, 3, t, 64, 64, generator=rng, dtype=dtype) * 2 - 1


def convolutions(net: nn.Module) -> list[tuple]:
    found = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Conv3d)]
    assert all(set(conv.kernel_size) == {4} and conv.bias is None for conv in found)
    return [(conv.out_channels, conv.stride, conv.padding) for conv in found]


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_image_discriminators_are_the_released_ones():
    patch = released(mocogan.ImageDiscriminator, mocogan.ImageDiscriminatorConfig)
    whole = released(mocogan.ImageDiscriminator, mocogan.ImageDiscriminatorConfig, patch=False)
    half = ((2, 2), (1, 1))
    assert convolutions(patch) == [(64, *half), (128, *half), (256, *half), (1, *half)]
    assert convolutions(whole) == [(64, *half), (128, *half), (256, *half), (512, *half), (1, (1, 1), (0, 0))]
    assert (parameters(patch), parameters(whole)) == (663_296, 2_765_568)


def test_video_discriminators_are_the_released_ones():
    counts = {(6, False): 11_253_504, (0, False): 11_056_896, (0, True): 2_650_880}
    half = ((1, 2, 2), (0, 1, 1))
    for (classes, patch), count in counts.items():
        changes = {"classes": classes, "patch": patch}
        net = released(mocogan.VideoDiscriminator, mocogan.VideoDiscriminatorConfig, **changes)
        last = [(1, *half)] if patch else [(512, *half), (1 + classes, (1, 1, 1), (0, 0, 0))]
        assert convolutions(net) == [(64, *half), (128, *half), (256, *half), *last]
        assert parameters(net) == count


def slow(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The released layers by their formulas, in training mode."""
    found = [layer for layer in net.net if isinstance(layer, nn.Conv2d | nn.Conv3d)]
    norms = [layer for layer in net.net if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d)]
    for level, conv in enumerate(found):
        x = (F.conv3d if x.ndim == 5 else F.conv2d)(x, conv.weight, conv.bias, conv.stride, conv.padding)
        if level == len(found) - 1:
            return x
        if norms and level:
            axes = [0, *range(2, x.ndim)]
            mean, var = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
            scale, shift = (p[(...,) + (None,) * (x.ndim - 2)] for p in norms[level - 1].parameters())
            x = (x - mean) / (var + 1e-5).sqrt() * scale + shift
        x = torch.maximum(x, 0.2 * x)
    raise AssertionError("there is no convolution")


@pytest.mark.parametrize(
    "changes", [{}, {"patch": True}, {"norm": "none"}, {"classes": 3}, {"classes": 3, "patch": True}]
)
def test_clips_are_judged_and_classified_by_the_released_layers(changes, rng):
    net, video = video_net(**changes).double(), clips(rng, dtype=torch.float64)
    wanted = slow(net, video)
    scores, *classes = net(video) if "classes" in changes else (net(video),)
    shape = (2, 4, 4, 4) if "patch" in changes else (2,)
    torch.testing.assert_close(scores, wanted[:, 0].reshape(shape), rtol=1e-9, atol=1e-9)
    if classes:
        torch.testing.assert_close(classes[0], wanted[:, 1:].mean(dim=(2, 3, 4)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("changes", [{}, {"patch": False}, {"norm": "none"}])
@pytest.mark.parametrize("b", [1, 3])
def test_frames_are_judged_by_the_released_layers_also_one_alone(changes, b, rng):
    net, frames = image_net(**changes).double(), clips(rng, b, dtype=torch.float64)[:, :, 0]
    shape = (b,) if "patch" in changes else (b, 4, 4)
    torch.testing.assert_close(net(frames), slow(net, frames).reshape(shape), rtol=1e-9, atol=1e-9)


def test_one_clip_alone_keeps_its_axis(rng):
    scores, classes = video_net(classes=3)(clips(rng, 1))
    assert (scores.shape, classes.shape) == ((1,), (1, 3))


def test_each_run_of_16_frames_of_a_longer_clip_is_judged(rng):
    net, video = video_net(classes=3).double().eval(), clips(rng, t=32, dtype=torch.float64)
    runs = [net(video[:, :, first : first + 16]) for first in range(17)]
    for found, each in zip(net(video), zip(*runs, strict=True), strict=True):
        torch.testing.assert_close(found, torch.stack(each).mean(dim=0))
        assert torch.stack(each).std(dim=0).min() > 0


@pytest.mark.parametrize("net", [video_net, image_net])
def test_instance_noise_is_added_in_training_mode_from_its_source(net, rng):
    plain = net(norm="none")
    net = net(norm="none", noise=0.1)
    net.load_state_dict(plain.state_dict())
    x = clips(rng) if isinstance(net, mocogan.VideoDiscriminator) else clips(rng)[:, :, 0]
    torch.testing.assert_close(net.eval()(x), plain.eval()(x))
    draws = []
    for seed in (1, 1, 2):
        draw_noise_from(seeded(seed), net)
        draws.append(net.train()(x))
    assert torch.equal(draws[0], draws[1])
    assert (draws[0] - draws[2]).abs().max() > 1e-4
    assert (draws[0] - plain(x)).abs().max() > 1e-4
    added = []
    for layer in net.net:
        if isinstance(layer, InstanceNoise):
            layer.register_forward_hook(
                lambda _, given, result: added.append((result - given[0]).detach().std().item())
            )
    net(x)
    assert added == pytest.approx([0.1] * 4, rel=0.1)
    kinds = [type(layer) for layer in net.net]
    assert all(kinds[index + 1] in (nn.Conv2d, nn.Conv3d) for index, kind in enumerate(kinds) if kind is InstanceNoise)


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("net", [video_net, image_net])
def test_a_gradient_penalty_reaches_the_weights(net, norm, rng):
    net = net(norm=norm)
    x = clips(rng) if isinstance(net, mocogan.VideoDiscriminator) else clips(rng)[:, :, 0]
    x.requires_grad_()
    r1_penalty(net(x), x).backward()
    weights = [p for p in net.parameters() if p.ndim > 1]
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in weights)


@pytest.mark.parametrize("shape", [(2, 3, 15, 64, 64), (2, 3, 16, 32, 64), (2, 1, 16, 64, 64), (3, 16, 64, 64)])
def test_other_clips_are_refused(shape):
    with pytest.raises(ValueError, match=r"video has shape .*, wanted \(b, 3, t >= 16, 64, 64\)"):
        video_net()(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 3, 16, 64, 64)])
def test_other_frames_are_refused(shape):
    with pytest.raises(ValueError, match=r"frames has shape .*, wanted \(b, 3, 64, 64\)"):
        image_net()(torch.zeros(shape))


@pytest.mark.parametrize("net", [video_net, image_net])
@pytest.mark.parametrize("changes", [{"width": 0}, {"noise": -0.1}, {"norm": "spectral"}])
def test_settings_that_do_not_fit_are_refused(net, changes):
    with pytest.raises(ValueError, match="wanted"):
        net(**changes)
