import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vg_layers import clip_singular_values_
from vg_video import tgan
from vg_video.autoencoder import Sight


def discriminator(**settings) -> tgan.VideoDiscriminator:
    return tgan.VideoDiscriminator(tgan.VideoDiscriminatorConfig(**settings))


def clips(rng: torch.Generator, b: int = 2, t: int = 16) -> torch.Tensor:
    return torch.rand(b, 3, t, 64, 64, generator=rng) * 2 - 1


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_layers_and_parameters_are_the_released_ones():
    with torch.device("meta"):
        net, without_shift = discriminator(), discriminator(shift=False)
    layers = [
        (layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
        for layer in net.modules()
        if isinstance(layer, nn.Conv3d)
    ]
    halving = [(n, (4, 4, 4), (2, 2, 2), (1, 1, 1)) for n in (64, 128, 256, 512)]
    assert layers == [*halving, (1, (1, 4, 4), (1, 1, 1), (0, 0, 0))]
    assert parameters(net) == 11_033_281
    assert parameters(net) - parameters(without_shift) == 128 + 256 + 512
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm3d)]
    assert [(norm.num_features, norm.eps) for norm in norms] == [(128, 2e-5), (256, 2e-5), (512, 2e-5)]


@pytest.mark.parametrize(("t", "classes", "shift"), [(16, 0, True), (33, 3, False)])
def test_the_score_is_the_mean_of_those_of_single_times(t, classes, shift, rng):
    net = discriminator(width=3, classes=classes, shift=shift, start="lecun").double()
    video, label = clips(rng, 3, t).double(), torch.tensor([2, 0, 1])
    x = video
    first, *others, last = [layer for layer in net.modules() if isinstance(layer, nn.Conv3d)]
    x = F.leaky_relu(F.conv3d(x, first.weight, first.bias, 2, 1), 0.2)
    if classes:
        maps = torch.eye(classes, dtype=x.dtype)[label][:, :, None, None, None].repeat(1, 1, *x.shape[2:])
        x = torch.cat([x, maps], dim=1)
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm3d)]
    for conv, norm in zip(others, norms, strict=True):
        x = F.conv3d(x, conv.weight, conv.bias, 2, 1)
        mean, var = x.mean((0, 2, 3, 4), keepdim=True), x.var((0, 2, 3, 4), keepdim=True, correction=0)
        x = (x - mean) / (var + 2e-5).sqrt() * norm.weight[:, None, None, None]
        x = F.leaky_relu(x if norm.bias is None else x + norm.bias[:, None, None, None], 0.2)
    assert x.shape[2] == t // 16
    scores = [F.conv2d(x[:, :, time], last.weight.squeeze(2), last.bias).flatten() for time in range(t // 16)]
    ours = net(video, label) if classes else net(video)
    torch.testing.assert_close(ours, torch.stack(scores).mean(0), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("start", "deviation"), [("uniform", 0.01 / 3**0.5), ("lecun", (16 * 64) ** -0.5)])
def test_weights_start_as_released(start, deviation):
    second = [layer for layer in discriminator(width=16, start=start).modules() if isinstance(layer, nn.Conv3d)][1]
    assert second.weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert not second.bias.any()


def test_clipped_it_does_not_stretch_what_it_sees_by_much(rng):
    """Without norms each layer's matrix has norm 1 at most; a halving one lays 4^3 windows over 2^3 steps."""
    net = discriminator(width=4, norm="none", start="lecun")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(30)
    video = clips(rng).requires_grad_()
    (before,) = torch.autograd.grad(net(video).sum(), video)
    clip_singular_values_(net)
    (after,) = torch.autograd.grad(net(video).sum(), video)
    bound = (2**3) ** (4 / 2)  # each value of a map is in 8 windows
    assert before.flatten(1).norm(dim=1).min() > bound > after.flatten(1).norm(dim=1).max()
    for layer in net.modules():
        if isinstance(layer, nn.Conv3d):
            assert torch.linalg.svdvals(layer.weight.flatten(1)).max() <= 1 + 1e-5


def test_the_label_changes_what_is_said_of_a_clip(rng):
    net = discriminator(classes=3, width=4, start="lecun")
    video = clips(rng, 1).expand(3, -1, -1, -1, -1)
    assert len({round(score, 6) for score in net(video, torch.arange(3)).tolist()}) == 3
    assert net.sight == Sight(3, 3, 4, 3)


def test_a_gradient_penalty_reaches_the_weights(rng):
    net = discriminator(width=2, norm="none", classes=2, start="lecun")
    video = clips(rng).requires_grad_()
    (gradient,) = torch.autograd.grad(net(video, torch.tensor([0, 1])).sum(), video, create_graph=True)
    gradient.square().sum().backward()
    weights = [p for p in net.parameters() if p.ndim > 1]
    assert len(weights) == 5
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in weights)


@pytest.mark.parametrize(
    ("shape", "label", "message"),
    [
        ((2, 3, 15, 64, 64), [0, 1], r"video has shape \(2, 3, 15, 64, 64\), wanted \(b, 3, t >= 16, 64, 64\)"),
        ((2, 3, 16, 32, 64), [0, 1], "video has shape"),
        ((2, 3, 16, 64, 64), None, "label is None"),
        ((2, 3, 16, 64, 64), [0, 3], "from 0 to 2"),
    ],
)
def test_other_clips_and_labels_are_refused(shape, label, message):
    label = None if label is None else torch.tensor(label)
    with pytest.raises(ValueError, match=message):
        discriminator(classes=3, width=2)(torch.zeros(shape), label)


def test_settings_that_do_not_fit_are_refused(rng):
    with pytest.raises(ValueError, match="has no classes"):
        discriminator(width=2)(clips(rng), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="norm='spectral', wanted one of batch, none"):
        discriminator(norm="spectral")
    with pytest.raises(ValueError, match="width=0, wanted at least 1"):
        discriminator(width=0)
